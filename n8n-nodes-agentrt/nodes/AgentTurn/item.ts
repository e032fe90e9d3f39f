// A run as the flat item that leaves the node. Pure.
import type { IDataObject } from 'n8n-workflow';
import type { RunView } from '../types.generated';

export function isCompleted(run: RunView): boolean {
	return run.status === 'completed';
}

/** A run rests when only a person can take it further, or nothing at all. */
export function isResting(run: RunView): boolean {
	return run.status !== 'running';
}

export function itemOf(run: RunView): IDataObject {
	return {
		run: run.run,
		status: run.status,
		model: run.model ?? null,
		cost_usd: Number(run.cost_usd),
		output: run.output as IDataObject,
		text: lastText(run.messages),
		error: errorOf(run),
		agent: run.agent,
		conversation: run.conversation,
		provider: run.provider ?? null,
		cost_usd_exact: run.cost_usd,
		tokens: Object.values(run.usage).reduce((sum, tokens: number) => sum + tokens, 0),
		usage: { ...run.usage },
		repairs: run.repairs,
		failovers: run.failovers,
		tool_calls: run.tool_calls as unknown as IDataObject[],
		simulated: run.simulated ?? false,
	};
}

function errorOf(run: RunView): IDataObject | null {
	const where = `GET /v1/runs/${run.run}/events shows what led to it.`;
	switch (run.status) {
		case 'completed':
			return null;
		case 'cancelled':
			return { code: 'cancelled', message: 'The run was cancelled', remedy: where };
		case 'waiting':
			return {
				code: 'waiting',
				message: `Nobody knows whether tool call ${run.waiting?.calls.join(', ')} took effect`,
				remedy: `See whether it took effect, then cancel the run: POST /v1/runs/${run.run}/cancel.`,
			};
		default: {
			const { code = 'unknown', message = '', remedy } = run.error ?? {};
			return { code, message, remedy: remedy || where };
		}
	}
}

/** What the agent said last: before it may stand answers that did not fit the schema. */
function lastText(messages: RunView['messages']): string {
	return (
		messages
			.at(-1)
			?.parts.map(({ text }) => text)
			.join('') ?? ''
	);
}
