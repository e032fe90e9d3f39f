// The node "Agent Turn": one turn of an agent for each item, with tools that the workflow may run.
import type {
	IDataObject,
	IExecuteFunctions,
	INodeExecutionData,
	INodeType,
	INodeTypeDescription,
	IWebhookFunctions,
	IWebhookResponseData,
} from 'n8n-workflow';
import { NodeConnectionTypes } from 'n8n-workflow';
import { eachItem, type Operation } from '../items';
import { OUTPUT_NAMES, OUTPUTS, takeoverOf } from './item';
import { loadModelNames, loadModels, loadTools, searchAgents } from './lists';
import { resumed } from './resume';
import * as sendToolResults from './toolResults.operation';
import * as turn from './turn.operation';
import * as way from './way';

const operations: Record<string, Operation> = { sendToolResults, turn };

const SIMULATED =
	'Answered by the local simulator instead of a model; the cost is what the real call would have come to. Give the sidecar an OPENAI_API_KEY to use the provider.';

export class AgentTurn implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Agent Turn',
		name: 'agentTurn',
		icon: { light: 'file:../../icons/turn.svg', dark: 'file:../../icons/turn.dark.svg' },
		group: ['transform'],
		version: [1],
		subtitle:
			'={{ $parameter["operation"] === "sendToolResults" ? "send tool results" : $parameter["agentSource"] === "inline" ? "agent defined here" : $parameter["agent"]["value"] || $parameter["agent"] }}',
		description: 'Runs one turn of an agentrt agent: typed, logged and replayable',
		defaults: { name: 'Agent Turn' },
		usableAsTool: true,
		inputs: [NodeConnectionTypes.Main],
		outputs: [NodeConnectionTypes.Main, NodeConnectionTypes.Main, NodeConnectionTypes.Main],
		outputNames: OUTPUT_NAMES,
		credentials: [{ name: 'agentRtApi', required: true }],
		webhooks: [
			{
				name: 'default',
				httpMethod: 'POST',
				responseMode: 'onReceived',
				path: '={{ "agentrt-" + $nodeId }}',
				isFullPath: true,
				restartWebhook: true,
			},
		],
		properties: [
			{
				displayName: 'Operation',
				name: 'operation',
				type: 'options',
				noDataExpression: true,
				options: [
					{
						name: 'Run a Turn',
						value: 'turn',
						action: 'Run a turn',
						description: 'Tell or ask an agent something',
					},
					{
						name: 'Send Tool Results',
						value: 'sendToolResults',
						action: 'Send tool results',
						description: 'Hand over what the tools of the output Tool Calls came to, and go on',
					},
				],
				default: 'turn',
			},
			...turn.description,
			...sendToolResults.description,
			way.description,
			turn.options,
		],
	};

	methods = {
		listSearch: { searchAgents },
		loadOptions: { loadModelNames, loadModels, loadTools },
	};

	/** The only webhook wakes a sleeping execution: there is nothing to register. */
	webhookMethods = {
		default: {
			async checkExists(): Promise<boolean> {
				return true;
			},
			async create(): Promise<boolean> {
				return true;
			},
			async delete(): Promise<boolean> {
				return true;
			},
		},
	};

	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		const operation = operations[this.getNodeParameter('operation', 0) as string];
		const outputs = OUTPUT_NAMES.length;
		const leaving = await eachItem(this, operation, { outputs, thrownTo: OUTPUTS.failed });
		for (const message of newsOf(leaving.flat().map(({ json }) => json))) {
			this.addExecutionHints({ message, type: 'info', location: 'outputPane' });
		}
		// Only what leaves by the first output of a tool reaches the agent that called it.
		return this.getNode().type.endsWith('Tool') ? [leaving.flat()] : leaving;
	}

	/** The sidecar calls back for a turn that was suspended. */
	async webhook(this: IWebhookFunctions): Promise<IWebhookResponseData> {
		return await resumed(this);
	}
}

function newsOf(items: IDataObject[]): string[] {
	const takeovers = items.map(takeoverOf).filter((said) => said !== undefined);
	const simulated = items.some((item) => item.simulated === true) ? [SIMULATED] : [];
	return [...new Set([...takeovers, ...simulated])];
}
