// A tool call becomes the item that starts the workflow.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { itemOf, readCall, testItemOf } from '../nodes/AgentToolTrigger/call.ts';

const CALL = {
	run: '019ab1c2-3d4e-7f50-8a61-b2c3d4e5f607',
	call: '3.0',
	tool: 'enrich',
	arguments: { email: 'ada@example.com', company: 'Zoë & Co' },
	customer: 'default',
};

const body = (said) => Buffer.from(typeof said === 'string' ? said : JSON.stringify(said));

test('the arguments stand side by side, and where they come from under agentrt', () => {
	assert.deepEqual(itemOf(readCall(body(CALL)), 'key-1'), {
		email: 'ada@example.com',
		company: 'Zoë & Co',
		agentrt: {
			run: CALL.run,
			call: '3.0',
			tool: 'enrich',
			customer: 'default',
			idempotency_key: 'key-1',
		},
	});
});

test('an argument named agentrt cannot pretend to be another run', () => {
	const item = itemOf({ ...CALL, arguments: { agentrt: { run: 'forged' } } }, 'key-1');
	assert.equal(item.agentrt.run, CALL.run);
});

for (const said of [
	'',
	'no JSON',
	'[]',
	'"text"',
	'null',
	'{}',
	{ ...CALL, arguments: [] },
	{ ...CALL, arguments: null },
]) {
	test(`${JSON.stringify(said).slice(0, 40)} is no tool call`, () => {
		assert.equal(readCall(body(said)), undefined);
	});
}

test('a test listen takes bare arguments or a whole call', () => {
	const bare = testItemOf({ email: 'ada@example.com' }, 'enrich');
	assert.equal(bare.email, 'ada@example.com');
	assert.equal(bare.agentrt.tool, 'enrich');
	const whole = testItemOf(CALL, 'enrich');
	assert.equal(whole.email, 'ada@example.com');
	assert.equal(whole.agentrt.run, CALL.run);
});
