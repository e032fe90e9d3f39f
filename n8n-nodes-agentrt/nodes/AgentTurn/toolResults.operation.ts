// Hand the results of tools that this workflow ran to the run which asked for them, and go on.
import type { IExecuteFunctions, INodeProperties } from 'n8n-workflow';
import { NodeOperationError } from 'n8n-workflow';
import { textParameter, type Leaving } from '../items';
import { isGood, send } from '../transport';
import type { RunView } from '../types.generated';
import { look } from './follow';
import { readEntries, readResults, type Entry, type Read, type Result } from './results';
import { contractsOf, toolsOfAgent } from './tools';
import { rested } from './wait';

const shown = { show: { operation: ['sendToolResults'] } };
const shownFor = (specify: 'json' | 'fields') => ({
	show: { operation: ['sendToolResults'], specify: [specify] },
});
const shownOn = (outcome: Entry['outcome']) => ({ show: { outcome: [outcome] } });

export const description: INodeProperties[] = [
	{
		displayName: 'Run ID',
		name: 'run',
		type: 'string',
		default: '={{ $json.run }}',
		required: true,
		placeholder: 'e.g. 019ab1c2-3d4e-7f50-8a61-b2c3d4e5f607',
		description: 'The run that asked for the tools, as it left by Tool Calls',
		displayOptions: shown,
	},
	{
		displayName: 'Specify Results',
		name: 'specify',
		type: 'options',
		noDataExpression: true,
		options: [
			{ name: 'Call by Call', value: 'fields', description: 'One entry for each call' },
			{ name: 'Using JSON', value: 'json', description: 'A list, as other nodes make it' },
		],
		default: 'fields',
		displayOptions: shown,
	},
	{
		displayName: 'Results',
		name: 'results',
		type: 'fixedCollection',
		typeOptions: { multipleValues: true },
		placeholder: 'Add result',
		default: {
			entries: [{ call: '={{ $json.calls[0].call }}', outcome: 'result', result: '' }],
		},
		description: 'What became of each call; a call that is left out goes on to be awaited',
		displayOptions: shownFor('fields'),
		options: [
			{
				displayName: 'Result',
				name: 'entries',
				values: [
					{
						displayName: 'Call ID',
						name: 'call',
						type: 'string',
						default: '',
						required: true,
						placeholder: 'e.g. {{ $json.calls[0].call }}',
						description: 'Which of the calls this is about, such as 3.0',
					},
					{
						displayName: 'Call Outcome',
						name: 'outcome',
						type: 'options',
						options: [
							{ name: 'Result', value: 'result', description: 'The tool did its work' },
							{ name: 'Error', value: 'error', description: 'The agent is told why not' },
						],
						default: 'result',
					},
					{
						displayName: 'Error Code',
						name: 'code',
						type: 'string',
						default: 'tool_failed',
						placeholder: 'e.g. not_found',
						description: 'A word for the kind of error',
						displayOptions: shownOn('error'),
					},
					{
						displayName: 'Error Message',
						name: 'message',
						type: 'string',
						default: '',
						placeholder: 'e.g. Nobody has that address',
						description: 'What the agent reads about it',
						displayOptions: shownOn('error'),
					},
					{
						displayName: 'Result',
						name: 'result',
						type: 'string',
						typeOptions: { rows: 2 },
						default: '',
						placeholder: 'e.g. {{ $json.answer }}',
						description: 'JSON, or plain text; it must fit the output schema of the tool',
						displayOptions: shownOn('result'),
					},
				],
			},
		],
	},
	{
		displayName: 'Results',
		name: 'resultsJson',
		type: 'json',
		typeOptions: { rows: 5 },
		default: '={{ $json.results }}',
		required: true,
		description:
			'A list such as [{"call": "3.0", "result": {"n": 1}}, {"call": "3.1", "error": {"code": "not_found", "message": "..."}}]',
		displayOptions: shownFor('json'),
	},
];

export async function execute(
	context: IExecuteFunctions,
	itemIndex: number,
): Promise<Leaving | undefined> {
	const named = { name: 'run', displayName: 'Run ID' };
	const run = textParameter(context, named, itemIndex).trim();
	const results = resultsParameter(context, itemIndex);
	return await rested(
		context,
		{
			path: `/v1/runs/${encodeURIComponent(run)}/tool-results`,
			body: { results },
			answered: results.map(({ call }) => call),
			mayCall: async () => await contractsOf(context, await toolsOfRun(context, run)),
		},
		itemIndex,
	);
}

async function toolsOfRun(context: IExecuteFunctions, run: string): Promise<string[] | undefined> {
	const answer = await send(context, look({ run }, 0));
	return isGood(answer) ? await toolsOfAgent(context, (answer.body as RunView).agent) : undefined;
}

function resultsParameter(context: IExecuteFunctions, itemIndex: number): Result[] {
	const value = (name: string, fallback: unknown): unknown =>
		context.getNodeParameter(name, itemIndex, fallback);
	const isJson = value('specify', 'fields') === 'json';
	const read: Read = isJson
		? readResults(value('resultsJson', ''))
		: readEntries(value('results.entries', []) as Entry[]);
	if ('value' in read) return read.value;
	throw new NodeOperationError(context.getNode(), `"Results" ${read.flaw}`, {
		description:
			'Correct the parameter "Results": for each call it takes the call ID, and a result or an error.',
		itemIndex,
	});
}
