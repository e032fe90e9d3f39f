// The sidecar calls back: which run was awaited, and how is it now? What the caller says is no proof.
import type { INodeExecutionData, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow';
import { isGood, send } from '../transport';
import type { RunView } from '../types.generated';
import { look } from './follow';
import { isResting, itemOf, OUTPUT_NAMES, outputOf } from './item';

interface Awaited {
	run: string;
	answered: string[];
}

/** Only a 2xx ends the sidecar's delivery; 409 and 503 are tried again, 410 is not. */
const STALE = { status: 410, code: 'stale', message: 'This execution does not wait for that run' };
const EARLY = { status: 409, code: 'still_running', message: 'That run does not rest yet' };
const UNSEEN = { status: 503, code: 'unseen', message: 'The run cannot be looked at just now' };

/** Never throws: n8n would go on with an error in place of the run. */
export async function resumed(webhook: IWebhookFunctions): Promise<IWebhookResponseData> {
	try {
		const awaited = awaitedBy(webhook);
		const { run: named } = webhook.getBodyData() as { run?: unknown };
		if (!awaited || named !== awaited.run) return turnedAway(webhook, STALE);
		const answer = await send(webhook, look(awaited, 0));
		if (!isGood(answer)) return turnedAway(webhook, UNSEEN);
		const run = answer.body as RunView;
		return isResting(run, awaited.answered) ? goingOn(run) : turnedAway(webhook, EARLY);
	} catch (error) {
		webhook.logger.warn(`A resume was put off: ${(error as Error).message}`);
		return turnedAway(webhook, UNSEEN);
	}
}

/** It is kept with the execution itself, in the context of this node. */
function awaitedBy(webhook: IWebhookFunctions): Awaited | undefined {
	const name = JSON.stringify(webhook.getNode().name);
	const kept = webhook.evaluateExpression(`{{ $node[${name}].context.awaited }}`);
	return kept as unknown as Awaited | undefined;
}

function goingOn(run: RunView): IWebhookResponseData {
	const leaving: INodeExecutionData[][] = OUTPUT_NAMES.map(() => []);
	leaving[outputOf(run)].push({ json: itemOf(run), pairedItem: { item: 0 } });
	return { workflowData: leaving };
}

/** The execution goes on to wait. */
function turnedAway(
	webhook: IWebhookFunctions,
	{ status, code, message }: typeof STALE,
): IWebhookResponseData {
	webhook.getResponseObject().status(status).json({ error: { code, message } });
	return { noWebhookResponse: true };
}
