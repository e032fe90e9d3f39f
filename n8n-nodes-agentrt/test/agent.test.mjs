// An agent that is defined in the node is sent as the sidecar takes it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agentOf } from '../nodes/AgentTurn/agent.ts';
import { turnRequest } from '../nodes/AgentTurn/request.ts';

const INSTRUCTIONS = 'Greet the person by name.';

test('what was left empty is left out, so that the defaults of the sidecar hold', () => {
	const empty = { instructions: INSTRUCTIONS, persona: '', tools: [], options: {} };
	assert.deepEqual(agentOf(empty), { instructions: INSTRUCTIONS });
	const cleared = { ...empty, options: { models: [], modelCalls: 0 } };
	assert.deepEqual(agentOf(cleared), { instructions: INSTRUCTIONS });
});

test('everything that was filled in is part of the agent', () => {
	const defined = {
		instructions: INSTRUCTIONS,
		persona: 'Mira, brief.',
		tools: ['enrich', 'crm@2'],
		options: { models: ['openai/gpt-6-luna', 'fast'], modelCalls: 4 },
	};
	assert.deepEqual(agentOf(defined), {
		instructions: INSTRUCTIONS,
		persona: 'Mira, brief.',
		tools: ['enrich', 'crm@2'],
		models: ['openai/gpt-6-luna', 'fast'],
		limits: { model_calls: 4 },
	});
});

test('the turn carries the agent whole, beside the options of the turn', () => {
	const agent = agentOf({ instructions: INSTRUCTIONS, persona: '', tools: ['crm'], options: {} });
	const origin = { execution: '1', workflow: 'w', node: 'n', runIndex: 0, itemIndex: 0 };
	const wanted = { agent, message: 'Hi', conversation: '', model: '', options: { task: 'greet' } };
	const request = turnRequest(wanted, origin);
	assert.deepEqual(request.agent, { instructions: INSTRUCTIONS, tools: ['crm'] });
	assert.equal(request.task, 'greet');
	assert.equal('tools' in request, false);
});
