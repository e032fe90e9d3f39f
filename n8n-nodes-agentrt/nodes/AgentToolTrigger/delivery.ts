// One call of the tool, from the sidecar's request to the item that starts the workflow.
import type { IDataObject, IWebhookFunctions, IWebhookResponseData } from 'n8n-workflow';
import { itemOf, readCall, testItemOf } from './call';
import type { Kept } from './registration';
import { checkSignature, type Checked } from './signature';

const REFUSALS: Record<Exclude<Checked, 'valid'>, string> = {
	missing: 'The header AgentRT-Signature is missing: only the agentrt sidecar may call this tool',
	malformed: 'The header AgentRT-Signature is not of the form t=<seconds>,v1=<hex>',
	stale: 'The signature is older than 300 seconds: compare the clocks of n8n and the sidecar',
	wrong:
		'The signature does not fit the body: unpublish and publish the workflow to get a new secret',
};

export async function deliver(webhook: IWebhookFunctions): Promise<IWebhookResponseData> {
	if (webhook.getMode() === 'manual') {
		const tool = webhook.getNodeParameter('toolName') as string;
		return started(webhook, testItemOf(webhook.getBodyData(), tool));
	}
	const body = webhook.getRequestObject().rawBody ?? Buffer.alloc(0);
	const { secret } = webhook.getWorkflowStaticData('node') as Kept;
	if (!secret) {
		return turnedAway(webhook, 401, 'not_registered', 'Publish the workflow to register its tool');
	}
	const checked = checkSignature(header(webhook, 'agentrt-signature'), body, secret, now_s());
	if (checked !== 'valid') {
		return turnedAway(webhook, 401, `signature_${checked}`, REFUSALS[checked]);
	}
	const said = readCall(body);
	if (!said) return turnedAway(webhook, 400, 'not_a_call', 'The body is not a tool call');
	return started(webhook, itemOf(said, header(webhook, 'idempotency-key')));
}

function started(webhook: IWebhookFunctions, json: IDataObject): IWebhookResponseData {
	return { workflowData: [webhook.helpers.returnJsonArray(json)] };
}

/** No workflow starts, and the caller reads why. */
function turnedAway(
	webhook: IWebhookFunctions,
	status: number,
	code: string,
	message: string,
): IWebhookResponseData {
	webhook.getResponseObject().status(status).json({ error: { code, message } });
	return { noWebhookResponse: true };
}

function header(webhook: IWebhookFunctions, name: string): string {
	return (webhook.getHeaderData()[name] as string | undefined) ?? '';
}

function now_s(): number {
	return Math.floor(Date.now() / 1000);
}
