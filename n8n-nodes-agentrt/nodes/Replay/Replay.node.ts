// The node "Replay": is a run's log intact, and would today's code do the same again?
import type {
	IExecuteFunctions,
	INodeExecutionData,
	INodeType,
	INodeTypeDescription,
} from 'n8n-workflow';
import { NodeConnectionTypes } from 'n8n-workflow';
import { eachItem, type Operation } from '../items';
import * as verify from './verify.operation';

const operations: Record<string, Operation> = { verify };

export class Replay implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Replay',
		name: 'replay',
		icon: { light: 'file:../../icons/replay.svg', dark: 'file:../../icons/replay.dark.svg' },
		group: ['transform'],
		version: [1],
		subtitle: '={{ $parameter["operation"] }}',
		description: 'Replays a recorded agentrt run and tells whether it comes out identical',
		defaults: { name: 'Replay' },
		usableAsTool: true,
		inputs: [NodeConnectionTypes.Main],
		outputs: [NodeConnectionTypes.Main],
		credentials: [{ name: 'agentRtApi', required: true }],
		properties: [
			{
				displayName: 'Operation',
				name: 'operation',
				type: 'hidden',
				noDataExpression: true,
				default: 'verify',
			},
			...verify.description,
		],
	};

	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		const operation = operations[this.getNodeParameter('operation', 0) as string];
		return await eachItem(this, operation, { outputs: 1, thrownTo: 0 });
	}
}
