// A run leaves as a flat item that says what it cost and, if need be, what to do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCompleted, isResting, itemOf } from '../nodes/AgentTurn/item.ts';
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
	metadata: {},
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
		tool_calls: RUN.tool_calls,
		simulated: true,
		error: null,
	});
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
		assert.equal(isCompleted(run), false);
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
