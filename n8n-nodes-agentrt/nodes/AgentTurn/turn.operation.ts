// Run one turn of an agent, and wait until it rests.
import type { IExecuteFunctions, INodeProperties } from 'n8n-workflow';
import { objectParameter, textParameter, type Leaving } from '../items';
import type { Asked } from '../transport';
import { restingRun } from './follow';
import { isCompleted, itemOf } from './item';
import { HOLD_S, idempotencyKey, turnRequest, type Origin, type Wanted } from './request';

export const OUTPUTS = { reply: 0, failed: 1 };

const CUSTOM_DATA = 'agentrt_run';

const shownForTurn = { show: { operation: ['turn'] } };

export const description: INodeProperties[] = [
	{
		displayName: 'Agent',
		name: 'agent',
		type: 'resourceLocator',
		default: { mode: 'list', value: '' },
		required: true,
		description: 'The agent that answers, as it is registered in the sidecar',
		displayOptions: shownForTurn,
		modes: [
			{
				displayName: 'From List',
				name: 'list',
				type: 'list',
				placeholder: 'Choose an agent',
				typeOptions: { searchListMethod: 'searchAgents', searchable: true },
			},
			{
				displayName: 'By Name',
				name: 'name',
				type: 'string',
				placeholder: 'e.g. lead-desk or lead-desk@3',
			},
		],
	},
	{
		displayName: 'Message',
		name: 'message',
		type: 'string',
		typeOptions: { rows: 4 },
		default: '',
		required: true,
		placeholder: 'e.g. Draft a reply to {{ $json.name }}',
		description: 'What the agent is told or asked',
		displayOptions: shownForTurn,
	},
	{
		displayName: 'Conversation',
		name: 'conversation',
		type: 'string',
		default: '',
		placeholder: 'e.g. {{ $json.customerId }}',
		description:
			'Turns with the same conversation know what was said before. Leave it empty to start a new one.',
		displayOptions: shownForTurn,
	},
	{
		displayName: 'Model Name or ID',
		name: 'model',
		type: 'options',
		typeOptions: { loadOptionsMethod: 'loadModels' },
		default: '',
		description:
			'Which model answers; empty means what the agent or the policy names. Choose from the list, or specify an ID using an <a href="https://docs.n8n.io/code/expressions/">expression</a>.',
		displayOptions: shownForTurn,
	},
	{
		displayName: 'Require Specific Output Format',
		name: 'structured',
		type: 'boolean',
		default: false,
		description:
			'Whether the answer must fit a JSON Schema. It is checked, and asked again up to twice, whatever the provider promises.',
		displayOptions: shownForTurn,
	},
	{
		displayName: 'Output Schema',
		name: 'outputSchema',
		type: 'json',
		typeOptions: { rows: 8 },
		default: `{
  "type": "object",
  "properties": {
    "subject": { "type": "string" },
    "body": { "type": "string" }
  },
  "required": ["subject", "body"],
  "additionalProperties": false
}`,
		description: 'JSON Schema of the answer; it arrives as the object "output"',
		displayOptions: { show: { operation: ['turn'], structured: [true] } },
	},
	{
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add option',
		default: {},
		displayOptions: shownForTurn,
		options: [
			{
				displayName: 'Customer',
				name: 'customer',
				type: 'string',
				default: '',
				description:
					'Whose run this is, when the key of the credential may act for several customers',
			},
			{
				displayName: 'Metadata',
				name: 'metadata',
				type: 'fixedCollection',
				typeOptions: { multipleValues: true },
				placeholder: 'Add entry',
				default: {},
				description:
					'Kept with the run. The IDs of the n8n execution and workflow are added by themselves.',
				options: [
					{
						displayName: 'Entry',
						name: 'entries',
						values: [
							{ displayName: 'Name', name: 'name', type: 'string', default: '' },
							{ displayName: 'Value', name: 'value', type: 'string', default: '' },
						],
					},
				],
			},
			{
				displayName: 'Task',
				name: 'task',
				type: 'string',
				default: '',
				placeholder: 'e.g. draft',
				description: 'A word for the kind of work, by which the routing policy can choose a model',
			},
			{
				displayName: 'Time Limit (Seconds)',
				name: 'timeoutS',
				type: 'number',
				typeOptions: { minValue: 1 },
				default: 600,
				description: 'How long the turn may run before it ends with the code deadline',
			},
			{
				displayName: 'Tool Names or IDs',
				name: 'tools',
				type: 'multiOptions',
				typeOptions: { loadOptionsMethod: 'loadTools' },
				default: [],
				description:
					'The tools of this turn instead of the agent\'s own; none chosen means none allowed. Choose from the list, or specify IDs using an <a href="https://docs.n8n.io/code/expressions/">expression</a>.',
			},
		],
	},
];

export async function execute(context: IExecuteFunctions, itemIndex: number): Promise<Leaving> {
	const run = await restingRun(context, turnOf(context, itemIndex), itemIndex);
	rememberRun(context, run.run);
	return {
		output: isCompleted(run) ? OUTPUTS.reply : OUTPUTS.failed,
		json: itemOf(run),
	};
}

function turnOf(context: IExecuteFunctions, itemIndex: number): Asked {
	const origin = originOf(context, itemIndex);
	const request = turnRequest(wantedOf(context, itemIndex), origin);
	return {
		method: 'POST',
		path: '/v1/turns',
		body: request,
		headers: { 'Idempotency-Key': idempotencyKey(request, origin) },
		timeout_s: HOLD_S + 20,
	};
}

function wantedOf(context: IExecuteFunctions, itemIndex: number): Wanted {
	const value = <T>(name: string, fallback?: T): T =>
		context.getNodeParameter(name, itemIndex, fallback) as T;
	const outputSchema = { name: 'outputSchema', displayName: 'Output Schema' };
	return {
		agent: textParameter(context, { name: 'agent', displayName: 'Agent' }, itemIndex).trim(),
		message: textParameter(context, { name: 'message', displayName: 'Message' }, itemIndex),
		conversation: String(value('conversation', '')),
		model: value('model', ''),
		options: value('options', {}),
		outputSchema: value<boolean>('structured', false)
			? objectParameter(context, outputSchema, itemIndex)
			: undefined,
	};
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

/** n8n shows it with the execution; a value holds at most 255 characters. */
function rememberRun(context: IExecuteFunctions, run: string): void {
	const known = context.customData.get(CUSTOM_DATA)?.split(',') ?? [];
	const all = [...new Set([...known, run])].join(',');
	if (all.length <= 255) context.customData.set(CUSTOM_DATA, all);
}
