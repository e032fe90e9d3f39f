// Only the sidecar may start a workflow that is a tool.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { checkSignature, TOLERANCE_S } from '../nodes/AgentToolTrigger/signature.ts';

const SECRET = 'a secret';
const NOW_S = 1_800_000_000;
const BODY = Buffer.from('{"arguments":{"name":"Zoë"}}');

function sign(body, signed_s, secret = SECRET) {
	const digest = createHmac('sha256', secret).update(`${signed_s}.`).update(body).digest('hex');
	return `t=${signed_s},v1=${digest}`;
}

const CASES = [
	['signed just now', sign(BODY, NOW_S), 'valid'],
	['spaces between the fields', sign(BODY, NOW_S).replace(',', ', '), 'valid'],
	[
		'hex in capitals',
		sign(BODY, NOW_S).replace(/v1=.*/, (hex) => `v1=${hex.slice(3).toUpperCase()}`),
		'valid',
	],
	['as old as may be', sign(BODY, NOW_S - TOLERANCE_S), 'valid'],
	['a second too old', sign(BODY, NOW_S - TOLERANCE_S - 1), 'stale'],
	['from a clock that is too far ahead', sign(BODY, NOW_S + TOLERANCE_S + 1), 'stale'],
	['no header', undefined, 'missing'],
	['an empty header', '', 'missing'],
	['no time', sign(BODY, NOW_S).replace(/t=\d+,/, ''), 'malformed'],
	['a time that is no number', sign(BODY, NOW_S).replace(/t=\d+/, 't=now'), 'malformed'],
	['no digest', `t=${NOW_S}`, 'malformed'],
	['a digest cut short', sign(BODY, NOW_S).slice(0, -1), 'malformed'],
	['another secret', sign(BODY, NOW_S, 'another secret'), 'wrong'],
	['another body', sign(Buffer.from('{}'), NOW_S), 'wrong'],
	['a time that was changed', sign(BODY, NOW_S).replace(/t=\d+/, `t=${NOW_S - 1}`), 'wrong'],
];

for (const [what, header, expected] of CASES) {
	test(`a call with ${what} is ${expected}`, () => {
		assert.equal(checkSignature(header, BODY, SECRET, NOW_S), expected);
	});
}

test('the signature covers the bytes, not what they parse to', () => {
	const header = sign(BODY, NOW_S);
	const spaced = Buffer.from('{"arguments": {"name":"Zoë"}}');
	assert.equal(checkSignature(header, spaced, SECRET, NOW_S), 'wrong');
});
