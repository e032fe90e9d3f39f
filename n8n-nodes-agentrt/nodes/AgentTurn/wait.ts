// How a turn is waited for: by holding this execution, or by putting it to sleep.
import type { IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';
import type { Leaving } from '../items';
import type { Asked } from '../transport';
import type { Contract, RunView } from '../types.generated';
import { look, restingRun, takenRun } from './follow';
import {
	isResting,
	isWaitingForMore,
	itemOf,
	noCallback,
	OUTPUT_NAMES,
	OUTPUTS,
	outputOf,
} from './item';
import { HOLD_S } from './request';
import { callbackUrl, wakeUpAt } from './suspension';
import { resumeUrlOf, wayOf } from './way';

/** What is posted, and which tools the run may call. */
export interface Request {
	path: string;
	body: object;
	headers?: { 'Idempotency-Key': string };
	/** Calls whose results are in the body. */
	answered?: string[];
	mayCall: () => Promise<Contract[]>;
}

/** What leaves when the run rests; nothing yet for an execution that was put to sleep. */
export async function rested(
	context: IExecuteFunctions,
	request: Request,
	itemIndex: number,
): Promise<Leaving | undefined> {
	const way = await wayOf(context, request.mayCall, itemIndex);
	const run = await (way === 'suspend' ? asleep : held)(context, request, itemIndex);
	rememberRun(context, run.run);
	return isResting(run, request.answered)
		? { output: outputOf(run), json: itemOf(run) }
		: undefined;
}

async function held(
	context: IExecuteFunctions,
	request: Request,
	itemIndex: number,
): Promise<RunView> {
	const { answered } = request;
	const asked = posted(request, { wait_s: HOLD_S });
	return await restingRun(context, asked, { answered, itemIndex });
}

/** A run that rests at once needs no sleep. */
async function asleep(
	context: IExecuteFunctions,
	request: Request,
	itemIndex: number,
): Promise<RunView> {
	const callback_url = callbackUrl(resumeUrlOf(context), context.getNode().id);
	const asked = posted(request, { wait_s: 0, callback_url });
	const run = await takenRun(context, asked, itemIndex);
	const { answered = [] } = request;
	if (isResting(run, answered)) return run;
	if (isWaitingForMore(run, answered)) {
		return await restingRun(context, look(run, 0), { answered, itemIndex });
	}
	Object.assign(context.getContext('node'), { awaited: { run: run.run, answered } });
	const until = wakeUpAt(Date.now());
	leaveMark(context, run, until);
	await context.putExecutionToWait(until);
	return run;
}

function posted({ path, body, headers }: Request, how: { wait_s: number; callback_url?: string }) {
	const asked: Asked = { method: 'POST', path, body: { ...body, ...how }, headers };
	return { ...asked, timeout_s: how.wait_s + 20 };
}

/**
 * n8n that wakes up by its own clock passes the input on, as if nothing were wrong. Should it come
 * to that, what passes is no reply and leaves by Failed.
 */
function leaveMark(context: IExecuteFunctions, { run }: RunView, until: Date): void {
	const mark: INodeExecutionData[][] = OUTPUT_NAMES.map(() => []);
	mark[OUTPUTS.failed].push({ json: noCallback(run, until), pairedItem: { item: 0 } });
	const { data, source } = context.getExecuteData();
	data.main = mark;
	context.setMetadata({ forwardAllOutputs: true });
	// n8n takes what leaves by the second output for what came by a second input: all are the first.
	if (source) source.main = OUTPUT_NAMES.map(() => source.main[0]);
}

/** n8n shows it with the execution; a value holds at most 255 characters. */
const CUSTOM_DATA = 'agentrt_run';

function rememberRun(context: IExecuteFunctions, run: string): void {
	const known = context.customData.get(CUSTOM_DATA)?.split(',') ?? [];
	const all = [...new Set([...known, run])].join(',');
	if (all.length <= 255) context.customData.set(CUSTOM_DATA, all);
}
