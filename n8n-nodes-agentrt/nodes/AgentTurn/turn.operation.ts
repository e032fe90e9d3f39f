// Run one turn of an agent, and wait until it rests.
import type { IExecuteFunctions, INodeProperties } from 'n8n-workflow';
import { objectParameter, textParameter, type Leaving } from '../items';
import type { TurnRequest } from '../types.generated';
import { agentOf } from './agent';
import { idempotencyKey, turnRequest, type Origin, type Wanted } from './request';
import { contractsOf, toolsOfAgent } from './tools';
import { turnOptions, turnProperties } from './turn.properties';
import { rested } from './wait';

export const description: INodeProperties[] = turnProperties;
/** They stand below everything else. */
export const options: INodeProperties = turnOptions;

export async function execute(
	context: IExecuteFunctions,
	itemIndex: number,
): Promise<Leaving | undefined> {
	const origin = originOf(context, itemIndex);
	const body = turnRequest(wantedOf(context, itemIndex), origin);
	return await rested(
		context,
		{
			path: '/v1/turns',
			body,
			headers: { 'Idempotency-Key': idempotencyKey(body, origin) },
			mayCall: async () => await contractsOf(context, await toolNames(context, body)),
		},
		itemIndex,
	);
}

async function toolNames(
	context: IExecuteFunctions,
	{ agent, tools }: TurnRequest,
): Promise<string[] | undefined> {
	if (tools) return tools;
	return typeof agent === 'string' ? await toolsOfAgent(context, agent) : (agent.tools ?? []);
}

function wantedOf(context: IExecuteFunctions, itemIndex: number): Wanted {
	const value = <T>(name: string, fallback?: T): T =>
		context.getNodeParameter(name, itemIndex, fallback) as T;
	const outputSchema = { name: 'outputSchema', displayName: 'Output Schema' };
	return {
		agent: agentParameter(context, itemIndex),
		message: textParameter(context, { name: 'message', displayName: 'Message' }, itemIndex),
		conversation: String(value('conversation', '')),
		model: value('model', ''),
		options: value('options', {}),
		outputSchema: value<boolean>('structured', false)
			? objectParameter(context, outputSchema, itemIndex)
			: undefined,
	};
}

function agentParameter(context: IExecuteFunctions, itemIndex: number): TurnRequest['agent'] {
	const value = <T>(name: string, fallback: T): T =>
		context.getNodeParameter(name, itemIndex, fallback) as T;
	if (value<string>('agentSource', 'sidecar') !== 'inline') {
		return textParameter(context, { name: 'agent', displayName: 'Agent' }, itemIndex).trim();
	}
	const instructions = { name: 'instructions', displayName: 'Instructions' };
	return agentOf({
		instructions: textParameter(context, instructions, itemIndex),
		persona: value('persona', ''),
		tools: value('agentTools', []),
		options: value('agentOptions', {}),
	});
}

function originOf(context: IExecuteFunctions, itemIndex: number): Origin {
	return {
		execution: context.getExecutionId(),
		workflow: context.getWorkflow().id ?? '',
		node: context.getNode().id,
		runIndex: context.getWorkflowDataProxy(itemIndex).$runIndex as number,
		itemIndex,
	};
}
