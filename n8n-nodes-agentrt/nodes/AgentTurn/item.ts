// A run as the flat item that leaves the node, and the output by which it leaves. Pure.
import type { IDataObject } from 'n8n-workflow';
import type { RunView } from '../types.generated';

/** Tool Calls came last, so that what was connected before stays connected. */
export const OUTPUTS = { reply: 0, failed: 1, toolCalls: 2 };
export const OUTPUT_NAMES = ['Reply', 'Failed', 'Tool Calls'];

/**
 * A run rests when only its caller, a person, or nobody can take it further. One that still waits
 * for calls which were `answered` has not heard of that yet.
 */
export function isResting(run: RunView, answered: string[] = []): boolean {
	if (run.status === 'running') return false;
	return !run.waiting?.calls.some((call) => answered.includes(call));
}

/** Whether other calls than those `answered` are open: no callback comes before they are answered. */
export function isWaitingForMore(run: RunView, answered: string[]): boolean {
	return run.waiting?.calls.some((call) => !answered.includes(call)) ?? false;
}

export function outputOf(run: RunView): number {
	if (run.status === 'completed') return OUTPUTS.reply;
	return isAskingForTools(run) ? OUTPUTS.toolCalls : OUTPUTS.failed;
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
		...(isAskingForTools(run) && asked(run)),
		agent: run.agent,
		conversation: run.conversation,
		provider: run.provider ?? null,
		cost_usd_exact: run.cost_usd,
		tokens: Object.values(run.usage).reduce((sum, tokens: number) => sum + tokens, 0),
		usage: { ...run.usage },
		repairs: run.repairs,
		failovers: run.failovers,
		failed_models: failedModels(run),
		tool_calls: run.tool_calls as unknown as IDataObject[],
		metadata: { ...run.metadata },
		simulated: run.simulated ?? false,
	};
}

/** What is told of a suspended run when the sidecar has not called back. */
export function noCallback(run: string, until: Date): IDataObject {
	const error = {
		code: 'no_callback',
		message: `The sidecar did not call back until ${until.toISOString()}`,
		remedy: `See what became of the run: GET /v1/runs/${run}. The sidecar must reach n8n at its WEBHOOK_URL.`,
	};
	return { run, status: 'unknown', output: null, error };
}

/** "Answered by anthropic/… after openai/… failed", where another model had to take over. */
export function takeoverOf(item: IDataObject): string | undefined {
	const failed = (item.failed_models ?? []) as string[];
	if (failed.length === 0 || item.status !== 'completed') return undefined;
	const answered = `${String(item.provider)}/${String(item.model)}`;
	return `Answered by ${answered} after ${failed.join(', then ')} failed.`;
}

/** The candidates that failed before the one that answered, in the order in which they were tried. */
function failedModels({ route = [], provider, model }: RunView): string[] {
	const answered = `${provider ?? ''}/${model ?? ''}`;
	const failed = route.filter(({ failures }) => failures > 0).map((candidate) => candidate.model);
	return failed.filter((name) => name !== answered);
}

function isAskingForTools(run: RunView): boolean {
	return run.status === 'waiting' && run.waiting?.for === 'tools';
}

/** What this workflow is to run now, and until when the sidecar waits for the results. */
function asked({ waiting, tool_calls }: RunView): IDataObject {
	const open = new Set(waiting?.calls);
	const calls = tool_calls.filter(({ call }) => open.has(call));
	return {
		calls: calls.map(({ call, tool, arguments: given }) => ({ call, tool, arguments: given })),
		until: waiting?.until ?? null,
	} as unknown as IDataObject;
}

function errorOf(run: RunView): IDataObject | null {
	const where = `GET /v1/runs/${run.run}/events shows what led to it.`;
	if (run.status === 'completed' || isAskingForTools(run)) return null;
	if (run.status === 'cancelled') {
		return { code: 'cancelled', message: 'The run was cancelled', remedy: where };
	}
	if (run.status === 'waiting') {
		return {
			code: 'waiting',
			message: `Nobody knows whether tool call ${run.waiting?.calls.join(', ')} took effect`,
			remedy: `See whether it took effect, then cancel the run: POST /v1/runs/${run.run}/cancel.`,
		};
	}
	const { code = 'unknown', message = '', remedy } = run.error ?? {};
	return { code, message, remedy: remedy || where };
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
