// The node "Agent Turn": one turn of an agent for each item.
import type {
	IExecuteFunctions,
	INodeExecutionData,
	INodeType,
	INodeTypeDescription,
} from 'n8n-workflow';
import { NodeConnectionTypes } from 'n8n-workflow';
import { eachItem, type Operation } from '../items';
import { loadModels, loadTools, searchAgents } from './lists';
import * as turn from './turn.operation';

const operations: Record<string, Operation> = { turn };

const SIMULATED =
	'Answered by the local simulator instead of a model; the cost is what the real call would have come to. Give the sidecar an OPENAI_API_KEY to use the provider.';

export class AgentTurn implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Agent Turn',
		name: 'agentTurn',
		icon: { light: 'file:../../icons/turn.svg', dark: 'file:../../icons/turn.dark.svg' },
		group: ['transform'],
		version: [1],
		subtitle: '={{ $parameter["agent"]["value"] || $parameter["agent"] }}',
		description: 'Runs one turn of an agentrt agent: typed, logged and replayable',
		defaults: { name: 'Agent Turn' },
		usableAsTool: true,
		inputs: [NodeConnectionTypes.Main],
		outputs: [NodeConnectionTypes.Main, NodeConnectionTypes.Main],
		outputNames: ['Reply', 'Failed'],
		credentials: [{ name: 'agentRtApi', required: true }],
		properties: [
			{
				displayName: 'Operation',
				name: 'operation',
				type: 'hidden',
				noDataExpression: true,
				default: 'turn',
			},
			...turn.description,
		],
	};

	methods = {
		listSearch: { searchAgents },
		loadOptions: { loadModels, loadTools },
	};

	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		const operation = operations[this.getNodeParameter('operation', 0) as string];
		const leaving = await eachItem(this, operation, {
			outputs: 2,
			thrownTo: turn.OUTPUTS.failed,
		});
		if (leaving.flat().some(({ json }) => json.simulated === true)) {
			this.addExecutionHints({ message: SIMULATED, type: 'info', location: 'outputPane' });
		}
		// Only what leaves by the first output of a tool reaches the agent that called it.
		return this.getNode().type.endsWith('Tool') ? [leaving.flat()] : leaving;
	}
}
