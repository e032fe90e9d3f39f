// Derive a recorded run again and compare: nothing is called, nothing is written.
import type { IExecuteFunctions, INodeProperties } from 'n8n-workflow';
import { textParameter, type Leaving } from '../items';
import { ask } from '../transport';
import type { Verdict } from '../types.generated';
import { itemOf, newsOf } from './item';

export const description: INodeProperties[] = [
	{
		displayName: 'Run ID',
		name: 'run',
		type: 'string',
		default: '={{ $json.run }}',
		required: true,
		placeholder: 'e.g. 019ab1c2-3d4e-7f50-8a61-b2c3d4e5f607',
		description: 'The run to replay, as Agent Turn gives it',
		displayOptions: { show: { operation: ['verify'] } },
	},
];

export async function execute(context: IExecuteFunctions, itemIndex: number): Promise<Leaving> {
	const run = textParameter(context, { name: 'run', displayName: 'Run ID' }, itemIndex).trim();
	const path = `/v1/runs/${encodeURIComponent(run)}/replay`;
	const replayed = await ask<Verdict>(context, { method: 'POST', path, body: {} }, itemIndex);
	const message = newsOf(run, replayed.verdict);
	if (message) context.addExecutionHints({ message, type: 'warning', location: 'outputPane' });
	return { output: 0, json: itemOf(run, replayed) };
}
