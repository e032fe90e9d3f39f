// What is published in n8n and what the sidecar holds are compared, not assumed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonical, holds, isToolName, offerOf } from '../nodes/AgentToolTrigger/contract.ts';

const DECLARED = {
	tool: 'enrich',
	description: 'Looks up a company',
	inputSchema: { type: 'object', properties: { email: { type: 'string' }, company: {} } },
	outputSchema: { type: 'object' },
	sideEffects: 'none',
	timeoutS: 30,
	url: 'http://localhost:5678/webhook/agentrt/enrich',
};
const OFFER = offerOf(DECLARED);

test('the sidecar is asked to send the whole call, signed', () => {
	assert.deepEqual(OFFER.config, { url: DECLARED.url, method: 'POST', envelope: true });
});

test('what the sidecar adds of its own, and the order of keys, make no difference', () => {
	const { properties } = DECLARED.inputSchema;
	const input_schema = {
		properties: { company: properties.company, email: properties.email },
		type: 'object',
	};
	const held = { ...OFFER, input_schema, name: 'enrich', version: 3, digest: 'd', retries: 2 };
	assert.equal(holds(held, OFFER), true);
});

const CHANGES = [
	['the description', { description: 'Looks up a person' }],
	['the input schema', { input_schema: { type: 'object' } }],
	['the output schema', { output_schema: {} }],
	[
		'the address',
		{ config: { ...OFFER.config, url: 'http://n8n.example/webhook/agentrt/enrich' } },
	],
	['the envelope', { config: { ...OFFER.config, envelope: false } }],
	['the side effects', { side_effects: 'once' }],
	['the time limit', { timeout_s: 60 }],
];

for (const [what, changed] of CHANGES) {
	test(`another value of ${what} is registered again`, () => {
		assert.equal(holds({ ...OFFER, ...changed }, OFFER), false);
	});
}

for (const name of ['enrich', '_', 'Look_up-2', 'a'.repeat(64)]) {
	test(`${name} can be a tool name`, () => assert.equal(isToolName(name), true));
}
for (const name of ['', '2nd', '-a', 'a b', 'a/b', 'a.b', 'é', 'a\n', 'a'.repeat(65)]) {
	test(`${JSON.stringify(name)} cannot be a tool name`, () =>
		assert.equal(isToolName(name), false));
}

test('canonical text does not depend on the order of keys, but on that of lists', () => {
	assert.equal(canonical({ b: { d: 1, c: [2, 1] }, a: null }), '{"a":null,"b":{"c":[2,1],"d":1}}');
	assert.notEqual(canonical([1, 2]), canonical([2, 1]));
});
