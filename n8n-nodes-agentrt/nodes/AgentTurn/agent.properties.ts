// Who answers: an agent of the sidecar, or one that is defined in the node.
import type { IDisplayOptions, INodeProperties } from 'n8n-workflow';

const shownFor = (agentSource: 'sidecar' | 'inline'): IDisplayOptions => ({
	show: { operation: ['turn'], agentSource: [agentSource] },
});

export const agentProperties: INodeProperties[] = [
	{
		displayName: 'Agent Source',
		name: 'agentSource',
		type: 'options',
		noDataExpression: true,
		options: [
			{
				name: 'From the Sidecar',
				value: 'sidecar',
				description: 'An agent that is registered there, with versions',
			},
			{
				name: 'Define Here',
				value: 'inline',
				description: 'An agent of this node alone; each run keeps a copy of it',
			},
		],
		default: 'sidecar',
		description: 'Where the agent is defined',
		displayOptions: { show: { operation: ['turn'] } },
	},
	{
		displayName: 'Agent',
		name: 'agent',
		type: 'resourceLocator',
		default: { mode: 'list', value: '' },
		required: true,
		description: 'The agent that answers, as it is registered in the sidecar',
		displayOptions: shownFor('sidecar'),
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
		displayName: 'Instructions',
		name: 'instructions',
		type: 'string',
		typeOptions: { rows: 5 },
		default: '',
		required: true,
		placeholder: 'e.g. You answer new leads. First look their company up.',
		description: 'What the agent is to do, and how',
		displayOptions: shownFor('inline'),
	},
	{
		displayName: 'Persona',
		name: 'persona',
		type: 'string',
		typeOptions: { rows: 2 },
		default: '',
		placeholder: 'e.g. You are Mira of the sales team: friendly and brief.',
		description: 'Who the agent is, and how it speaks',
		displayOptions: shownFor('inline'),
	},
	{
		displayName: 'Tool Names or IDs',
		name: 'agentTools',
		type: 'multiOptions',
		typeOptions: { loadOptionsMethod: 'loadTools' },
		default: [],
		description:
			'Tools of the sidecar that the agent may call. Those marked "answered by this workflow" leave by Tool Calls. Choose from the list, or specify IDs using an <a href="https://docs.n8n.io/code/expressions/">expression</a>.',
		displayOptions: shownFor('inline'),
	},
	{
		displayName: 'Agent Options',
		name: 'agentOptions',
		type: 'collection',
		placeholder: 'Add option',
		default: {},
		displayOptions: shownFor('inline'),
		options: [
			{
				displayName: 'Model Call Limit',
				name: 'modelCalls',
				type: 'number',
				typeOptions: { minValue: 1, maxValue: 100 },
				default: 10,
				description: 'How often the agent may call a model before the turn ends with turn_limit',
			},
			{
				displayName: 'Model Names or IDs',
				name: 'models',
				type: 'multiOptions',
				typeOptions: { loadOptionsMethod: 'loadModelNames' },
				default: [],
				description:
					'Models in the order in which they are tried, the next when one fails. Choose from the list, or specify IDs using an <a href="https://docs.n8n.io/code/expressions/">expression</a>.',
			},
		],
	},
];
