// A run leaves as a flat item that says what it cost and, if need be, what to do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
	isResting,
	isWaitingForMore,
	itemOf,
	noCallback,
	OUTPUT_NAMES,
	OUTPUTS,
	outputOf,
	takeoverOf,
} from '../nodes/AgentTurn/item.ts';
import { itemOf as replayItemOf, newsOf } from '../nodes/Replay/item.ts';

const RUN = {
	run: '019ab1c2-3d4e-7f50-8a61-b2c3d4e5f607',
	status: 'completed',
	agent: 'lead-desk@1',
	conversation: 'c1',
	turn: 1,
	messages: [
		{ role: 'assistant', parts: [{ type: 'text', text: 'An answer that did not fit' }] },
		{
			role: 'assistant',
			parts: [
				{ type: 'text', text: '{"subject": ' },
				{ type: 'text', text: '"Hi"}' },
			],
		},
	],
	output: { subject: 'Hi' },
	tool_calls: [
		{ call: '3.0', tool: 'enrich', arguments: {}, status: 'done', result: { domain: 'x.de' } },
	],
	waiting: null,
	error: null,
	model: 'gpt-6-luna',
	provider: 'openai',
	repairs: 1,
	failovers: 0,
	usage: { input: 100, cached: 20, cache_write: 3, output: 40, reasoning: 7 },
	cost_usd: '0.000123',
	reserved_usd: '0.000000',
	route: [],
	simulated: true,
	metadata: { n8n_execution: '17' },
	started_at: '2026-11-23T09:00:00.000Z',
	ended_at: '2026-11-23T09:00:02.000Z',
};

test('a completed run is flat, with its cost as a number and to the last digit', () => {
	assert.deepEqual(itemOf(RUN), {
		run: RUN.run,
		status: 'completed',
		output: { subject: 'Hi' },
		text: '{"subject": "Hi"}',
		agent: 'lead-desk@1',
		conversation: 'c1',
		model: 'gpt-6-luna',
		provider: 'openai',
		cost_usd: 0.000123,
		cost_usd_exact: '0.000123',
		tokens: 170,
		usage: RUN.usage,
		repairs: 1,
		failovers: 0,
		failed_models: [],
		tool_calls: RUN.tool_calls,
		metadata: { n8n_execution: '17' },
		simulated: true,
		error: null,
	});
	assert.equal(outputOf(RUN), OUTPUTS.reply);
});

const ASKING = {
	...RUN,
	status: 'waiting',
	output: null,
	messages: [],
	waiting: { for: 'tools', calls: ['5.0', '5.1'], until: '2026-11-30T09:00:00.000Z' },
	tool_calls: [
		...RUN.tool_calls,
		{
			call: '5.0',
			tool: 'crm',
			arguments: { id: 7 },
			status: 'pending',
			result: null,
			error: null,
		},
		{ call: '5.1', tool: 'erp', arguments: {}, status: 'pending', result: null, error: null },
	],
};

test('a run that asks for tools leaves by Tool Calls, with the open calls and nothing to complain of', () => {
	const { calls, until, error, status, cost_usd } = itemOf(ASKING);
	assert.equal(outputOf(ASKING), OUTPUTS.toolCalls);
	assert.deepEqual(calls, [
		{ call: '5.0', tool: 'crm', arguments: { id: 7 } },
		{ call: '5.1', tool: 'erp', arguments: {} },
	]);
	assert.deepEqual([until, error, status], ['2026-11-30T09:00:00.000Z', null, 'waiting']);
	assert.equal(cost_usd, 0.000123);
});

test('a run that has not yet heard of the results sent to it does not rest', () => {
	assert.equal(isResting(ASKING), true);
	assert.equal(isResting(ASKING, ['3.0']), true);
	assert.equal(isResting(ASKING, ['5.0']), false);
	assert.equal(isResting(ASKING, ['5.0', '5.1']), false);
	assert.equal(isResting(RUN, ['5.0']), true);
});

test('a run of whose calls only some are answered calls nobody back', () => {
	assert.equal(isWaitingForMore(ASKING, ['5.0']), true);
	assert.equal(isWaitingForMore(ASKING, ['5.0', '5.1']), false);
	assert.equal(isWaitingForMore({ ...RUN, status: 'running' }, ['5.0']), false);
});

test('what was connected to Reply and Failed before there were Tool Calls stays connected', () => {
	assert.deepEqual(OUTPUT_NAMES, ['Reply', 'Failed', 'Tool Calls']);
	assert.deepEqual(OUTPUTS, { reply: 0, failed: 1, toolCalls: 2 });
});

const candidate = (model, failures) => ({ model, refused: '', failures });
const ROUTES = [
	// [what, provider and model that answered, route, hint]
	['the first candidate', 'openai/a', [candidate('openai/a', 0), candidate('anthropic/b', 0)]],
	['no route at all', 'openai/a', undefined],
	['the first candidate at its second try', 'openai/a', [candidate('openai/a', 1)]],
	[
		'another provider',
		'anthropic/b',
		[candidate('openai/a', 2), candidate('anthropic/b', 0)],
		'Answered by anthropic/b after openai/a failed.',
	],
	[
		'the third',
		'xai/c',
		[candidate('openai/a', 1), candidate('anthropic/b', 1), candidate('xai/c', 0)],
		'Answered by xai/c after openai/a, then anthropic/b failed.',
	],
];

for (const [what, answered, route, said] of ROUTES) {
	test(`with an answer of ${what} the hint is ${said}`, () => {
		const [provider, model] = answered.split('/');
		assert.equal(takeoverOf(itemOf({ ...RUN, provider, model, route })), said);
	});
}

test('only an answer is said to have been taken over', () => {
	const route = [candidate('openai/a', 1), candidate('anthropic/b', 1)];
	const failed = { ...RUN, status: 'failed', provider: 'anthropic', model: 'b', route };
	assert.equal(takeoverOf(itemOf(failed)), undefined);
	assert.equal(takeoverOf({ error: { code: 'unreachable' } }), undefined);
});

test('a run whose callback never came is no reply, and says where to look', () => {
	const item = noCallback(RUN.run, new Date('2026-11-25T10:00:00Z'));
	assert.equal(item.status, 'unknown');
	assert.equal(item.output, null);
	assert.equal(item.error.code, 'no_callback');
	assert.match(item.error.message, /until 2026-11-25T10:00:00\.000Z/);
	assert.match(item.error.remedy, new RegExp(`GET /v1/runs/${RUN.run}\\..*WEBHOOK_URL`));
});

const ERRORS = [
	[
		'keeps its own remedy',
		{
			status: 'failed',
			error: { code: 'refused', message: 'It declined', remedy: 'Ask otherwise.', seq: 4 },
		},
		{ code: 'refused', message: 'It declined', remedy: 'Ask otherwise.' },
	],
	[
		'is never without one',
		{ status: 'failed', error: { code: 'new_code', message: 'New', remedy: '', seq: 2 } },
		{
			code: 'new_code',
			message: 'New',
			remedy: `GET /v1/runs/${RUN.run}/events shows what led to it.`,
		},
	],
	[
		'says that it was cancelled',
		{ status: 'cancelled', error: null },
		{
			code: 'cancelled',
			message: 'The run was cancelled',
			remedy: `GET /v1/runs/${RUN.run}/events shows what led to it.`,
		},
	],
	[
		'says that it waits for a person',
		{ status: 'waiting', waiting: { for: 'decision', calls: ['3.0', '3.1'] } },
		{
			code: 'waiting',
			message: 'Nobody knows whether tool call 3.0, 3.1 took effect',
			remedy: `See whether it took effect, then cancel the run: POST /v1/runs/${RUN.run}/cancel.`,
		},
	],
];

for (const [what, changed, error] of ERRORS) {
	test(`a run without a reply ${what}`, () => {
		const run = { ...RUN, output: null, messages: [], ...changed };
		assert.deepEqual(itemOf(run).error, error);
		assert.equal(outputOf(run), OUTPUTS.failed);
		assert.equal(isResting(run), true);
	});
}

test('only a running run is asked for again', () => {
	assert.equal(isResting({ ...RUN, status: 'running' }), false);
	assert.equal(isResting(RUN), true);
});

test('a replay says its verdict, and speaks up for all but one', () => {
	const first = { seq: 3, path: '/input/0', recorded: 'a', derived: 'b' };
	const encoders = { recorded: ['openai/1'], today: ['openai/1'] };
	const replayed = { verdict: 'diverged', events: 6, first, encoders };
	assert.deepEqual(replayItemOf(RUN.run, replayed), { run: RUN.run, ...replayed });
	assert.equal(newsOf(RUN.run, 'identical'), undefined);
	for (const verdict of ['changed', 'diverged', 'damaged']) {
		assert.match(newsOf(RUN.run, verdict), new RegExp(`^Run ${RUN.run} is ${verdict}\\. .`));
	}
	assert.equal(newsOf(RUN.run, 'a newer one'), `Run ${RUN.run} is a newer one.`);
});
