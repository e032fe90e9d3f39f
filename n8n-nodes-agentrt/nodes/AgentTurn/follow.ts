// From a turn that is asked for to a run that rests, across restarts of the sidecar.
import type { IExecuteFunctions } from 'n8n-workflow';
import { sleep } from 'n8n-workflow';
import { ask, isUnavailable, send, settled, type Asked, type Caller } from '../transport';
import type { RunView } from '../types.generated';
import { isResting } from './item';
import { HOLD_S } from './request';

/** How long a sidecar may be away while it has a turn of ours, in seconds. */
const AWAY_S = 60;
const POLL_GAP_MS = 1000;

/** Causes that say: the request had been sent when the connection went. */
const BROKEN_OFF = new Set(['ECONNABORTED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT']);

/** Posts what is asked and follows its run until it rests. */
export async function restingRun(
	context: IExecuteFunctions,
	asked: Asked,
	{ answered, itemIndex }: { answered?: string[]; itemIndex: number },
): Promise<RunView> {
	let run: RunView | undefined;
	context.onExecutionCancellation(() => {
		cancelRun(context, asked, run).catch((error: Error) => context.logger.warn(error.message));
	});
	run = await takenRun(context, asked, itemIndex);
	while (!isResting(run, answered)) {
		const asked_ms = Date.now();
		run = await takenRun(context, look(run), itemIndex, true);
		if (!isResting(run, answered) && Date.now() - asked_ms < POLL_GAP_MS) await sleep(POLL_GAP_MS);
	}
	return run;
}

/**
 * The run as it is when the sidecar has it. A sidecar that goes away with the turn in its hands is
 * asked again for a while: the turn lives on in Postgres, and its key finds the same run.
 */
export async function takenRun(
	context: IExecuteFunctions,
	asked: Asked,
	itemIndex: number,
	isTaken = false,
): Promise<RunView> {
	const began_ms = Date.now();
	let taken = isTaken;
	for (;;) {
		const asked_ms = Date.now();
		const answer = await send(context, asked);
		taken ||= BROKEN_OFF.has(answer.cause ?? '');
		const isPatient = taken && !isStopped(context) && asked_ms - began_ms < 1000 * AWAY_S;
		if (!isUnavailable(answer) || !isPatient) return settled<RunView>(context, answer, itemIndex);
		await sleep(POLL_GAP_MS);
	}
}

export function look({ run }: Pick<RunView, 'run'>, wait_s = HOLD_S): Asked {
	const path = `/v1/runs/${encodeURIComponent(run)}`;
	return { method: 'GET', path, query: { wait_s }, timeout_s: wait_s + 20 };
}

function isStopped(context: IExecuteFunctions): boolean {
	return context.getExecutionCancelSignal()?.aborted ?? false;
}

/** Who stops an execution in n8n wants no more money spent on its run either. */
async function cancelRun(context: IExecuteFunctions, asked: Asked, run?: RunView): Promise<void> {
	if (run && isResting(run)) return;
	// n8n refuses every further request of an execution that was stopped, but not of its node.
	const caller: Caller = {
		getNode: () => context.getNode(),
		getCredentials: async (type) => await context.getCredentials(type),
		helpers: context.helpers,
	};
	const known =
		run ?? (await ask<RunView>(caller, { ...asked, body: { ...asked.body, wait_s: 0 } }));
	if (isResting(known)) return;
	const path = `/v1/runs/${encodeURIComponent(known.run)}/cancel`;
	await ask(caller, { method: 'POST', path, body: {} });
}
