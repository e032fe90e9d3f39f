// The same try of the same item asks for the same run; anything else asks for another.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idempotencyKey, turnRequest } from '../nodes/AgentTurn/request.ts';

const ORIGIN = { execution: '17', workflow: 'wf1', node: 'node-a', runIndex: 0, itemIndex: 0 };
const WANTED = { agent: 'lead-desk', message: 'Hello', conversation: '', model: '', options: {} };
const REQUEST = turnRequest(WANTED, ORIGIN);

test('what was left empty is left out, and the run knows where in n8n it comes from', () => {
	assert.deepEqual(REQUEST, {
		agent: 'lead-desk',
		message: [{ type: 'text', text: 'Hello' }],
		metadata: { n8n_execution: '17', n8n_workflow: 'wf1' },
	});
});

test('everything that was filled in is asked for', () => {
	const wanted = {
		agent: 'lead-desk@2',
		message: 'Hello',
		conversation: 'c1',
		model: 'openai/gpt-6-luna',
		outputSchema: { type: 'object' },
		options: {
			customer: 'acme',
			task: 'draft',
			timeoutS: 30,
			tools: [],
			metadata: {
				entries: [
					{ name: 'team', value: 'sales' },
					{ name: 'n', value: 3 },
					{ name: '', value: 'x' },
				],
			},
		},
	};
	assert.deepEqual(turnRequest(wanted, ORIGIN), {
		agent: 'lead-desk@2',
		message: [{ type: 'text', text: 'Hello' }],
		conversation: 'c1',
		model: 'openai/gpt-6-luna',
		output_schema: { type: 'object' },
		customer: 'acme',
		task: 'draft',
		timeout_s: 30,
		tools: [],
		metadata: { team: 'sales', n: '3', n8n_execution: '17', n8n_workflow: 'wf1' },
	});
});

test('a second try of the same item has the same key', () => {
	assert.match(idempotencyKey(REQUEST, ORIGIN), /^[0-9a-f]{64}$/);
	assert.equal(
		idempotencyKey(turnRequest(WANTED, ORIGIN), { ...ORIGIN }),
		idempotencyKey(REQUEST, ORIGIN),
	);
});

const OTHERS = [
	['execution', { execution: '18' }],
	['node', { node: 'node-b' }],
	['run of the node, as in a loop', { runIndex: 1 }],
	['item', { itemIndex: 1 }],
];

for (const [what, other] of OTHERS) {
	test(`another ${what} has another key`, () => {
		assert.notEqual(
			idempotencyKey(REQUEST, { ...ORIGIN, ...other }),
			idempotencyKey(REQUEST, ORIGIN),
		);
	});
}

test('another message has another key', () => {
	const other = turnRequest({ ...WANTED, message: 'Good bye' }, ORIGIN);
	assert.notEqual(idempotencyKey(other, ORIGIN), idempotencyKey(REQUEST, ORIGIN));
});
