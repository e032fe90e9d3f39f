// What one fills in to run a turn.
import type { INodeProperties } from 'n8n-workflow';
import { agentProperties } from './agent.properties';

const shownForTurn = { show: { operation: ['turn'] } };

export const turnProperties: INodeProperties[] = [
	...agentProperties,
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
];

export const turnOptions: INodeProperties = {
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
			displayOptions: { show: { '/agentSource': ['sidecar'] } },
			description:
				'The tools of this turn instead of the agent\'s own; none chosen means none allowed. Choose from the list, or specify IDs using an <a href="https://docs.n8n.io/code/expressions/">expression</a>.',
		},
	],
};
