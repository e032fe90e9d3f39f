// Results of tools that a workflow ran, typed by a person or made by other nodes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEntries, readResults } from '../nodes/AgentTurn/results.ts';

const GOOD = { call: '3.0', result: { n: 1 } };
const BAD = { call: '3.1', error: { code: 'not_found', message: 'Nobody has that address' } };

for (const [what, typed, value] of [
	['a list', [GOOD, BAD], [GOOD, BAD]],
	['the text of a list', JSON.stringify([GOOD, BAD]), [GOOD, BAD]],
	['one result alone', GOOD, [GOOD]],
	['the text of one result', JSON.stringify(BAD), [BAD]],
	['a result that is null', { call: '3.0', result: null }, [{ call: '3.0', result: null }]],
]) {
	test(`${what} can be sent`, () => assert.deepEqual(readResults(typed), { value }));
}

const FLAWS = [
	['', 'is empty'],
	['[]', 'is an empty list'],
	[[], 'is an empty list'],
	[undefined, 'is nothing, not an object with "call" and "result" or "error"'],
	['42', 'is 42, not an object with "call" and "result" or "error"'],
	[[GOOD, null], 'has at place 2 null, not an object with "call" and "result" or "error"'],
	[[{ result: 1 }], 'has at place 1 an object without the text "call"'],
	[[{ call: 3, result: 1 }], 'has at place 1 an object without the text "call"'],
	[[GOOD, { call: '3.1' }], 'has at place 2 call 3.1 with neither "result" nor "error"'],
	[{ ...GOOD, ...BAD }, 'is call 3.1 with both "result" and "error"'],
];

for (const [typed, flaw] of FLAWS) {
	test(`${JSON.stringify(typed)} ${flaw}`, () => assert.deepEqual(readResults(typed), { flaw }));
}

test('a slip in JSON is told with what was found', () => {
	assert.match(readResults('[{"call": }]').flaw, /^is not JSON: .*Unexpected token/);
});

const ENTRIES = [
	// what stands in one entry of the form, and what is sent
	['an object', { outcome: 'result', result: '{"n": 1}' }, { result: { n: 1 } }],
	['a number', { outcome: 'result', result: '42' }, { result: 42 }],
	['plain text', { outcome: 'result', result: 'Acme Ltd' }, { result: 'Acme Ltd' }],
	['text in quotes', { outcome: 'result', result: '"42"' }, { result: '42' }],
	['nothing', { outcome: 'result', result: '' }, { result: '' }],
	['what an expression made', { outcome: 'result', result: { n: 1 } }, { result: { n: 1 } }],
	['no field at all', { outcome: 'result' }, { result: null }],
	[
		'an error',
		{ outcome: 'error', code: 'not_found', message: 'Nobody', result: 'unused' },
		{ error: { code: 'not_found', message: 'Nobody' } },
	],
	['a bare error', { outcome: 'error' }, { error: { code: 'tool_failed', message: '' } }],
];

for (const [what, entry, sent] of ENTRIES) {
	test(`${what} in the form is sent as ${JSON.stringify(sent)}`, () => {
		const read = readEntries([{ call: ' 3.0 ', ...entry }]);
		assert.deepEqual(read, { value: [{ call: '3.0', ...sent }] });
	});
}

test('an entry without a call is told by its place, and no entry at all is told, too', () => {
	const entry = { outcome: 'result', result: '1' };
	const entries = [
		{ call: '3.0', ...entry },
		{ call: ' ', ...entry },
	];
	assert.deepEqual(readEntries(entries), { flaw: 'has no call ID in entry 2' });
	assert.deepEqual(readEntries([]), { flaw: 'has no entry' });
});
