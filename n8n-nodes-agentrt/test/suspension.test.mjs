// When an execution may fall asleep for a turn, and what wakes it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
	callbackUrl,
	isWorkflow,
	obstacleTo,
	wakeUpAt,
	webhookPath,
} from '../nodes/AgentTurn/suspension.ts';

const RESUME = 'http://127.0.0.1:5678/webhook-waiting/17?signature=abc';
const PLAIN = {
	isTool: false,
	triggers: [],
	resumeUrl: RESUME,
	sidecarUrl: 'http://127.0.0.1:8700',
};
const trigger = (type, parameters = {}) => ({ name: 'Start', type, parameters });
const WEBHOOK = 'n8n-nodes-base.webhook';
const FORM = 'n8n-nodes-base.formTrigger';
const CHAT = '@n8n/n8n-nodes-langchain.chatTrigger';
const TOOL = 'n8n-nodes-agentrt.agentToolTrigger';
const EARLY = /"Start" answers its caller as soon as the execution falls asleep/;

const CASES = [
	// [what, trigger, obstacle]
	['by hand', trigger('n8n-nodes-base.manualTrigger')],
	['by a schedule', trigger('n8n-nodes-base.scheduleTrigger')],
	['by a webhook that answers at once', trigger(WEBHOOK, { responseMode: 'onReceived' })],
	['by a webhook as it is by default', trigger(WEBHOOK)],
	['by a webhook with a Respond node', trigger(WEBHOOK, { responseMode: 'responseNode' })],
	['by a webhook with the last item', trigger(WEBHOOK, { responseMode: 'lastNode' }), EARLY],
	['by a webhook that streams', trigger(WEBHOOK, { responseMode: 'streaming' }), EARLY],
	['by a form as it is by default', trigger(FORM)],
	['by a form that shows the last item', trigger(FORM, { responseMode: 'lastNode' }), EARLY],
	['by a chat as it is by default', trigger(CHAT, { options: {} }), EARLY],
	['by a chat with a Respond node', trigger(CHAT, { options: { responseMode: 'responseNodes' } })],
	['by a chat in n8n itself', trigger(CHAT, { options: {}, availableInChat: true }), EARLY],
	['as a tool of an agent, by default', trigger(TOOL), EARLY],
	['as a tool with a Respond node', trigger(TOOL, { responseMode: 'responseNode' })],
	[
		'by another workflow',
		trigger('n8n-nodes-base.executeWorkflowTrigger'),
		/sub-workflow, and n8n loses items/,
	],
];

for (const [what, started, obstacle] of CASES) {
	test(`an execution started ${what} ${obstacle ? 'stays awake' : 'may sleep'}`, () => {
		const found = obstacleTo({ ...PLAIN, triggers: [started] });
		if (!obstacle) return assert.equal(found, undefined);
		assert.match(found.what, obstacle);
		assert.match(found.remedy, /"Hold, Then Poll" under Waiting/);
	});
}

test('a node that is used as a tool stays awake', () => {
	assert.match(obstacleTo({ ...PLAIN, isTool: true }).what, /used as a tool/);
});

const ADDRESSES = [
	// [n8n, sidecar, whether the sidecar can call back]
	['http://localhost:5678/', 'http://127.0.0.1:8700', true],
	['http://localhost:5678/', 'http://sidecar:8700', false],
	['http://127.0.0.1:5678/', 'https://agents.example.com', false],
	['http://[::1]:5678/', 'http://sidecar:8700', false],
	['http://n8n:5678/', 'http://sidecar:8700', true],
	['https://n8n.example.com/', 'http://127.0.0.1:8700', true],
	// no address at all: the request itself tells that best
	['http://localhost:5678/', '127.0.0.1:8700', true],
	// n8n in a container whose port is published on the machine where the sidecar runs
	['http://localhost:5678/', 'http://host.docker.internal:8700', true],
];

for (const [n8n, sidecarUrl, reachable] of ADDRESSES) {
	test(`${sidecarUrl} ${reachable ? 'may' : 'cannot'} call back to ${n8n}`, () => {
		const resumeUrl = `${n8n}webhook-waiting/17?signature=abc`;
		const found = obstacleTo({ ...PLAIN, resumeUrl, sidecarUrl });
		assert.equal(found === undefined, reachable);
		if (found) assert.match(found.remedy, /WEBHOOK_URL.*AGENTRT_ALLOW_HOSTS/);
	});
}

const CONTRACTS = [
	// [what, contract, whether n8n has to run it]
	['a workflow tool', { kind: 'http', config: { url: 'http://n8n/x', envelope: true } }, true],
	['an API', { kind: 'http', config: { url: 'https://api.example.com/x' } }, false],
	[
		'a plain webhook of n8n',
		{ kind: 'http', config: { url: 'http://127.0.0.1:5678/webhook/x' } },
		true,
	],
	['a Python function', { kind: 'function', config: null }, false],
	['a tool of the caller', { kind: 'caller', config: null }, false],
	['a tool without a kind', { config: { url: 'https://api.example.com/x' } }, false],
];

for (const [what, contract, expected] of CONTRACTS) {
	test(`${what} ${expected ? 'needs' : 'does not need'} a free n8n`, () => {
		assert.equal(isWorkflow(contract, RESUME), expected);
	});
}

test('the callback keeps the signature and names the node, so that it wakes no other one', () => {
	const url = callbackUrl(RESUME, 'node-a');
	assert.equal(url, 'http://127.0.0.1:5678/webhook-waiting/17/agentrt-node-a?signature=abc');
	assert.equal(webhookPath('node-a'), 'agentrt-node-a');
	const beneath = callbackUrl('https://x.example/n8n/webhook-waiting/17/?signature=a', 'b');
	assert.equal(beneath, 'https://x.example/n8n/webhook-waiting/17/agentrt-b?signature=a');
});

test('n8n wakes up by itself only when the longest turn and its callback are long over', () => {
	assert.equal(wakeUpAt(0).getTime(), 49 * 3600 * 1000);
});
