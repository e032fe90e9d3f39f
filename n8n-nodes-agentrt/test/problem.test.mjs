// Whatever the sidecar answers, an operator reads what happened and what to do.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readObject } from '../nodes/json.ts';
import { isProblem, refused, unreachable } from '../nodes/problem.ts';

const URL = 'http://127.0.0.1:8700';
const problem = (code, more) => ({
	type: `urn:agentrt:${code}`,
	code,
	title: 'A title',
	status: 422,
	detail: 'A detail',
	...more,
});

const ANSWERS = [
	[
		'its own remedy',
		problem('not_found', { remedy: 'Register it' }),
		{ code: 'not_found', message: 'A detail', description: 'Register it' },
	],
	[
		'its own remedy and where in n8n it applies',
		problem('unauthorized', { remedy: 'Use the key.' }),
		{
			code: 'unauthorized',
			message: 'A detail',
			description: 'Use the key. In n8n, that is the API Key of the credential.',
		},
	],
	[
		'the field it is about',
		problem('validation', { field: 'timeout_s' }),
		{
			code: 'validation',
			message: 'timeout_s: A detail',
			description: 'In n8n, correct the parameter of this node that is named above.',
		},
	],
	[
		'the field only once',
		problem('validation', { field: 'tools', detail: 'tools must be a list', remedy: 'x' }),
		{
			code: 'validation',
			message: 'tools must be a list',
			description: 'x In n8n, correct the parameter of this node that is named above.',
		},
	],
	[
		'its title when it has no detail',
		problem('internal', { detail: '' }),
		{ code: 'internal', message: 'A title', description: 'The log of the sidecar says more.' },
	],
];

for (const [what, body, told] of ANSWERS) {
	test(`a problem is told with ${what}`, () => assert.deepEqual(refused(422, body, URL), told));
}

for (const body of [
	'<html>Bad gateway</html>',
	undefined,
	null,
	{},
	{ code: 'not_found' },
	{ code: 1, type: 'urn:agentrt:1' },
]) {
	test(`${JSON.stringify(body)} does not come from a sidecar`, () => {
		assert.equal(isProblem(body), false);
		assert.equal(refused(502, body, URL).code, 'not_agentrt');
		assert.match(refused(502, body, URL).message, /^http:\/\/127\.0\.0\.1:8700 answered 502/);
	});
}

test('a sidecar that is down is named with its address', () => {
	const told = unreachable(URL, 'connection refused');
	assert.equal(told.message, 'agentrt sidecar cannot be reached at http://127.0.0.1:8700');
	assert.match(told.description, /agentrt serve.*connection refused$/);
});

test('a JSON parameter is read from text or taken from an expression', () => {
	assert.deepEqual(readObject('{"type": "object"}'), { value: { type: 'object' } });
	assert.deepEqual(readObject({ type: 'object' }), { value: { type: 'object' } });
});

const FLAWS = [
	['', 'is empty'],
	['  ', 'is empty'],
	['[1]', 'is a list, not a JSON object'],
	['null', 'is null, not a JSON object'],
	['"text"', 'is a string, not a JSON object'],
	[undefined, 'is empty'],
	[null, 'is empty'],
	[7, 'is a number, not a JSON object'],
	[[], 'is a list, not a JSON object'],
];

for (const [typed, flaw] of FLAWS) {
	test(`${JSON.stringify(typed)} is told as what it is`, () =>
		assert.deepEqual(readObject(typed), { flaw }));
}

test('a slip in JSON is told with what was found', () => {
	assert.match(readObject('{"type": }').flaw, /^is not JSON: .*Unexpected token/);
});
