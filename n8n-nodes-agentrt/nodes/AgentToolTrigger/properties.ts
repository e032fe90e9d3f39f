// What one fills in to make a workflow a tool.
import type { INodeProperties } from 'n8n-workflow';

export const properties: INodeProperties[] = [
	{
		displayName:
			'Publishing this workflow offers it to agents under the name below; unpublishing takes it back. The answer is the first item of the last node. To tell the agent that a call did not work out, answer with {"error": {"code": "...", "message": "..."}}.',
		name: 'notice',
		type: 'notice',
		default: '',
	},
	{
		displayName: 'Tool Name',
		name: 'toolName',
		type: 'string',
		default: '',
		required: true,
		noDataExpression: true,
		placeholder: 'e.g. enrich',
		description: 'Letters, digits, _ and -, at most 64, beginning with a letter or _',
	},
	{
		displayName: 'Description',
		name: 'toolDescription',
		type: 'string',
		typeOptions: { rows: 3 },
		default: '',
		required: true,
		noDataExpression: true,
		placeholder: 'e.g. Looks up the company behind an e-mail address',
		description: 'What the tool does and when to use it: the model chooses by these words',
	},
	{
		displayName: 'Input Schema',
		name: 'inputSchema',
		type: 'json',
		typeOptions: { rows: 8 },
		default: `{
  "type": "object",
  "properties": {
    "email": { "type": "string", "description": "E-mail address to look up" }
  },
  "required": ["email"],
  "additionalProperties": false
}`,
		noDataExpression: true,
		required: true,
		description: 'JSON Schema of the arguments; only calls that fit it reach the workflow',
	},
	{
		displayName: 'Output Schema',
		name: 'outputSchema',
		type: 'json',
		typeOptions: { rows: 8 },
		default: `{
  "type": "object"
}`,
		noDataExpression: true,
		required: true,
		description: 'JSON Schema of the answer; one that does not fit it counts as a failed call',
	},
	{
		displayName: 'Side Effects',
		name: 'sideEffects',
		type: 'options',
		noDataExpression: true,
		options: [
			{
				name: 'None',
				value: 'none',
				description: 'It only looks things up: a call in doubt is simply made again',
			},
			{
				name: 'Idempotent',
				value: 'idempotent',
				description: 'Calling it twice does no more than calling it once',
			},
			{
				name: 'Once',
				value: 'once',
				description: 'It must not happen twice: a call in doubt waits for a person',
			},
		],
		default: 'once',
		description: 'What happens in the world when the tool is called',
	},
	{
		displayName: 'Time Limit (Seconds)',
		name: 'timeoutS',
		type: 'number',
		noDataExpression: true,
		typeOptions: { minValue: 1, maxValue: 86400 },
		default: 30,
		description: 'How long the sidecar waits for the answer of the workflow',
	},
	{
		displayName: 'Respond',
		name: 'responseMode',
		type: 'options',
		noDataExpression: true,
		options: [
			{
				name: 'When Last Node Finishes',
				value: 'lastNode',
				description: 'The first item of the last node is the answer',
			},
			{
				name: "Using 'Respond to Webhook' Node",
				value: 'responseNode',
				description:
					'That node gives the answer, and the workflow may go on after it. It insists on a Webhook node above it: connect a deactivated one.',
			},
		],
		default: 'lastNode',
		description: 'Which node gives the answer',
	},
];
