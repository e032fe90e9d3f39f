// Which tools of the sidecar a run may call.
import type { IExecuteFunctions } from 'n8n-workflow';
import { isGood, send } from '../transport';
import type { Agent, Contract } from '../types.generated';
import { nameOf } from './suspension';

/** In doubt (`undefined`) it may call any of them. */
export async function contractsOf(
	context: IExecuteFunctions,
	tools: string[] | undefined,
): Promise<Contract[]> {
	const answer = await send(context, { method: 'GET', path: '/v1/tools' });
	if (!isGood(answer)) return [];
	const names = tools && new Set(tools.map(nameOf));
	const all = (answer.body as { tools: Contract[] }).tools;
	return all.filter(({ name }) => !names || names.has(name ?? ''));
}

/** `undefined` for an agent that is not registered, as one that was defined in a node. */
export async function toolsOfAgent(
	context: IExecuteFunctions,
	agent: string,
): Promise<string[] | undefined> {
	const [name, version] = agent.split('@');
	const path = `/v1/agents/${encodeURIComponent(name)}`;
	const answer = await send(context, { method: 'GET', path, query: version ? { version } : {} });
	return isGood(answer) ? ((answer.body as Agent).tools ?? []) : undefined;
}
