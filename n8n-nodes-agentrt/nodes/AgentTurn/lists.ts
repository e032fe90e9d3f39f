// What the sidecar offers to choose from: its agents, models and tools.
import type {
	ILoadOptionsFunctions,
	INodeListSearchResult,
	INodePropertyOptions,
} from 'n8n-workflow';
import { ask } from '../transport';
import type { Agent, Contract, ModelRow } from '../types.generated';

type Named<Document> = Document & { name: string; version: number };

export async function searchAgents(
	this: ILoadOptionsFunctions,
	filter = '',
): Promise<INodeListSearchResult> {
	const { agents } = await ask<{ agents: Array<Named<Agent>> }>(this, {
		method: 'GET',
		path: '/v1/agents',
	});
	const wanted = filter.toLowerCase();
	return {
		results: agents
			.filter(({ name }) => name.toLowerCase().includes(wanted))
			.map(({ name, version, instructions }) => ({
				name: `${name} (version ${version})`,
				value: name,
				description: instructions,
			})),
	};
}

export async function loadModels(this: ILoadOptionsFunctions): Promise<INodePropertyOptions[]> {
	const own = {
		name: "The Agent's Own",
		value: '',
		description: 'What the agent or the policy names',
	};
	return [own, ...(await loadModelNames.call(this))];
}

export async function loadModelNames(this: ILoadOptionsFunctions): Promise<INodePropertyOptions[]> {
	const { models } = await ask<{ models: ModelRow[] }>(this, {
		method: 'GET',
		path: '/v1/models',
	});
	return models.map(({ provider, model }) => {
		const id = `${provider}/${model}`;
		return { name: id, value: id };
	});
}

export async function loadTools(this: ILoadOptionsFunctions): Promise<INodePropertyOptions[]> {
	const { tools } = await ask<{ tools: Array<Named<Contract>> }>(this, {
		method: 'GET',
		path: '/v1/tools',
	});
	return tools.map((tool) => ({
		name: tool.kind === 'caller' ? `${tool.name} (answered by this workflow)` : tool.name,
		value: tool.name,
		description: tool.description,
	}));
}
