// Keeps the sidecar's register of tools in step with what is published in n8n.
import type { IDataObject, IHookFunctions } from 'n8n-workflow';
import { NodeOperationError, sleep } from 'n8n-workflow';
import { readObject } from '../json';
import {
	ask,
	failure,
	isGood,
	isUnavailable,
	send,
	settled,
	type Answer,
	type Asked,
} from '../transport';
import type { Contract } from '../types.generated';
import { holds, isToolName, offerOf, type Declared, type Offer } from './contract';

/** How long a starting n8n waits for a sidecar that is away, in seconds. */
const PATIENCE_S = 30;

/** What the workflow's static data keeps of a registration. */
export interface Kept extends IDataObject {
	tool?: string;
	secret?: string;
}

/** A test listen registers nothing: the published tool goes on as it is. */
function isTestListen(hook: IHookFunctions): boolean {
	return hook.getActivationMode() === 'manual';
}

/** Called on publish and at each start of n8n; `false` lets n8n call `register`. */
export async function isRegistered(hook: IHookFunctions): Promise<boolean> {
	if (isTestListen(hook)) return true;
	const { tool, offer } = declared(hook);
	const kept = hook.getWorkflowStaticData('node') as Kept;
	const isKept = kept.tool === tool && Boolean(kept.secret);
	const answer = await (isStarting(hook) ? sendPatiently(hook, tool) : send(hook, at('GET', tool)));
	if (isUnavailable(answer) && isStarting(hook) && isKept) {
		hook.logger.warn(
			`Tool "${tool}" of workflow "${hook.getWorkflow().name}" could not be checked: no good answer from ${answer.url}. It stays published as it was registered last.`,
		);
		return true;
	}
	if (answer.status === 404) return false;
	return holds(settled<Contract>(hook, answer), offer) && isKept;
}

/** Not a publish: n8n starts, perhaps beside a sidecar that starts too. */
function isStarting(hook: IHookFunctions): boolean {
	return ['init', 'leadershipChange'].includes(hook.getActivationMode());
}

async function sendPatiently(hook: IHookFunctions, tool: string): Promise<Answer> {
	const until_ms = Date.now() + 1000 * PATIENCE_S;
	for (;;) {
		const answer = await send(hook, { ...at('GET', tool), timeout_s: 5 });
		if (!isUnavailable(answer) || Date.now() > until_ms) return answer;
		await sleep(1000);
	}
}

export async function register(hook: IHookFunctions): Promise<boolean> {
	if (isTestListen(hook)) return true;
	const { tool, offer } = declared(hook);
	const asked = { ...at('PUT', tool), body: offer };
	const { signing_secret } = await ask<{ signing_secret: string }>(hook, asked);
	Object.assign(hook.getWorkflowStaticData('node') as Kept, { tool, secret: signing_secret });
	return true;
}

/**
 * Called on unpublish, and in the same way after a test listen. The register tells them apart: only
 * the workflow whose address it holds may retire a tool, and a test listen has another address.
 */
export async function retire(hook: IHookFunctions): Promise<boolean> {
	const kept = hook.getWorkflowStaticData('node') as Kept;
	const tool = kept.tool ?? (hook.getNodeParameter('toolName') as string);
	let last = await send(hook, at('GET', tool));
	const config = (last.body as Contract | undefined)?.config;
	const isOurs = config && 'url' in config && config.url === urlOf(hook);
	if (last.status === 200 && isOurs) last = await send(hook, at('DELETE', tool));
	if (kept.tool && last.status !== 404 && !isGood(last)) {
		// n8n unpublishes all the same, and shows this.
		const doing = `Tool "${tool}" is still offered to agents, retire it in the sidecar with DELETE /v1/tools/${tool}: `;
		throw failure(hook, last, { doing });
	}
	delete kept.tool;
	delete kept.secret;
	return true;
}

function at(method: Asked['method'], tool: string): Asked {
	return { method, path: `/v1/tools/${encodeURIComponent(tool)}` };
}

function urlOf(hook: IHookFunctions): string {
	return hook.getNodeWebhookUrl('default') as string;
}

function declared(hook: IHookFunctions): { tool: string; offer: Offer } {
	const value = <T>(name: string) => hook.getNodeParameter(name) as T;
	const tool = value<string>('toolName').trim();
	if (!isToolName(tool)) {
		throw new NodeOperationError(hook.getNode(), `"Tool Name" cannot be "${tool}"`, {
			description:
				'Use letters, digits, _ and -, at most 64 of them, beginning with a letter or _.',
		});
	}
	const offer = offerOf({
		tool,
		description: value('toolDescription'),
		inputSchema: schema(hook, 'inputSchema', 'Input Schema'),
		outputSchema: schema(hook, 'outputSchema', 'Output Schema'),
		sideEffects: value<Declared['sideEffects']>('sideEffects'),
		timeoutS: value('timeoutS'),
		url: urlOf(hook),
	});
	return { tool, offer };
}

function schema(hook: IHookFunctions, name: string, displayName: string): Record<string, unknown> {
	const read = readObject(hook.getNodeParameter(name));
	if ('value' in read) return read.value;
	throw new NodeOperationError(hook.getNode(), `"${displayName}" ${read.flaw}`, {
		description: `Correct the parameter "${displayName}": it takes a JSON Schema.`,
	});
}
