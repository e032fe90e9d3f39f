// The node "Agent Tool Trigger": this workflow is a tool that agents may call.
import type {
	IExecuteFunctions,
	IHookFunctions,
	INodeExecutionData,
	INodeType,
	INodeTypeDescription,
	ITriggerFunctions,
	ITriggerResponse,
	IWebhookFunctions,
	IWebhookResponseData,
} from 'n8n-workflow';
import { NodeConnectionTypes } from 'n8n-workflow';
import { deliver } from './delivery';
import { properties } from './properties';
import { isRegistered, register, retire } from './registration';

export class AgentToolTrigger implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'Agent Tool Trigger',
		name: 'agentToolTrigger',
		icon: { light: 'file:../../icons/tool.svg', dark: 'file:../../icons/tool.dark.svg' },
		group: ['trigger'],
		version: [1],
		subtitle: '={{ $parameter["toolName"] }}',
		description: 'Makes this workflow a tool that agentrt agents may call',
		eventTriggerDescription: 'Waiting for a call of the tool',
		activationMessage: 'Agents may now call this workflow as their tool.',
		defaults: { name: 'Agent Tool Trigger' },
		usableAsTool: undefined,
		inputs: [],
		outputs: [NodeConnectionTypes.Main],
		credentials: [{ name: 'agentRtApi', required: true }],
		webhooks: [
			{
				name: 'default',
				httpMethod: 'POST',
				path: '={{ "agentrt/" + $parameter["toolName"] }}',
				isFullPath: true,
				responseMode: '={{ $parameter["responseMode"] }}',
				responseData: 'firstEntryJson',
			},
		],
		triggerPanel: {
			header: 'Try the tool',
			executionsHelp: {
				inactive:
					'Listen for a test call, then post the arguments as JSON to the test URL above. This registers nothing. Publish the workflow to offer the tool to your agents.',
				active:
					'Agents call the published tool; its runs show in the executions list. A test listen does not touch it.',
			},
			activationHint: 'Publish the workflow to offer the tool to your agents.',
		},
		properties,
	};

	webhookMethods = {
		default: {
			async checkExists(this: IHookFunctions): Promise<boolean> {
				return await isRegistered(this);
			},
			async create(this: IHookFunctions): Promise<boolean> {
				return await register(this);
			},
			async delete(this: IHookFunctions): Promise<boolean> {
				return await retire(this);
			},
		},
	};

	/** Does nothing, but n8n checks the webhooks of a node again at each start only if it has one. */
	async trigger(this: ITriggerFunctions): Promise<ITriggerResponse> {
		return {};
	}

	/** Lets a test run take what `webhook` gave it, instead of waiting for `trigger`. */
	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		return [this.getInputData()];
	}

	async webhook(this: IWebhookFunctions): Promise<IWebhookResponseData> {
		return await deliver(this);
	}
}
