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

/**
 * Posts the turn and follows its run. A sidecar that goes away with the turn in its hands is asked
 * again for a while: the turn lives on in Postgres, and its key finds the same run.
 */
export async function restingRun(
	context: IExecuteFunctions,
	turn: Asked,
	itemIndex: number,
): Promise<RunView> {
	let run: RunView | undefined;
	let taken = false;
	let awaySince_ms = 0;
	context.onExecutionCancellation(() => {
		cancelRun(context, turn, run).catch((error: Error) => context.logger.warn(error.message));
	});
	for (;;) {
		const asked_ms = Date.now();
		const answer = await send(context, run ? follow(run) : turn);
		taken ||= answer.status === 202 || BROKEN_OFF.has(answer.cause ?? '');
		if (taken && isUnavailable(answer) && !isStopped(context)) {
			awaySince_ms ||= asked_ms;
			if (asked_ms - awaySince_ms < 1000 * AWAY_S) {
				await sleep(POLL_GAP_MS);
				continue;
			}
		}
		awaySince_ms = 0;
		run = settled<RunView>(context, answer, itemIndex);
		if (isResting(run)) return run;
		if (Date.now() - asked_ms < POLL_GAP_MS) await sleep(POLL_GAP_MS);
	}
}

function follow({ run }: RunView): Asked {
	const path = `/v1/runs/${encodeURIComponent(run)}`;
	return { method: 'GET', path, query: { wait_s: HOLD_S }, timeout_s: HOLD_S + 20 };
}

function isStopped(context: IExecuteFunctions): boolean {
	return context.getExecutionCancelSignal()?.aborted ?? false;
}

/** Who stops an execution in n8n wants no more money spent on its run either. */
async function cancelRun(context: IExecuteFunctions, turn: Asked, run?: RunView): Promise<void> {
	if (run && isResting(run)) return;
	// n8n refuses every further request of an execution that was stopped, but not of its node.
	const caller: Caller = {
		getNode: () => context.getNode(),
		getCredentials: async (type) => await context.getCredentials(type),
		helpers: context.helpers,
	};
	const known = run ?? (await ask<RunView>(caller, turn));
	if (isResting(known)) return;
	const path = `/v1/runs/${encodeURIComponent(known.run)}/cancel`;
	await ask(caller, { method: 'POST', path, body: {} });
}
