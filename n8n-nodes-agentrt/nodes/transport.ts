// The one place that speaks HTTP with the sidecar.
import type {
	IDataObject,
	IExecuteFunctions,
	IHookFunctions,
	IHttpRequestMethods,
	ILoadOptionsFunctions,
	IWebhookFunctions,
} from 'n8n-workflow';
import { NodeApiError } from 'n8n-workflow';
import { refused, unreachable } from './problem';

export const CREDENTIAL = 'agentRtApi';

/** What this file needs of n8n; every node function's `this` has it. */
export type Caller = Pick<
	IExecuteFunctions | IHookFunctions | ILoadOptionsFunctions | IWebhookFunctions,
	'getNode' | 'getCredentials' | 'helpers'
>;

export interface Asked {
	method: IHttpRequestMethods;
	path: string;
	body?: object;
	query?: IDataObject;
	headers?: IDataObject;
	timeout_s?: number;
}

/** `status` 0: no answer came; `cause` is why, in Node's word, and `body` in n8n's. */
export interface Answer {
	status: number;
	body: unknown;
	url: string;
	cause?: string;
}

export const isGood = ({ status }: Answer): boolean => status >= 200 && status < 300;

export const isUnavailable = ({ status }: Answer): boolean => status === 0 || status >= 500;

export async function send(caller: Caller, asked: Asked): Promise<Answer> {
	const { baseUrl } = await caller.getCredentials<{ baseUrl: string }>(CREDENTIAL);
	const url = baseUrl.trim().replace(/\/+$/, '');
	try {
		const answer = await caller.helpers.httpRequestWithAuthentication.call(
			caller as IExecuteFunctions,
			CREDENTIAL,
			{
				method: asked.method,
				url: url + asked.path,
				body: asked.body as IDataObject | undefined,
				qs: asked.query,
				headers: { Accept: 'application/json', ...asked.headers },
				timeout: 1000 * (asked.timeout_s ?? 20),
				json: true,
				returnFullResponse: true,
				ignoreHttpStatusErrors: true,
				disableFollowRedirect: true,
			},
		);
		return { status: answer.statusCode, body: answer.body, url };
	} catch (error) {
		const { message, cause } = error as Error & { cause?: { code?: string } };
		return { status: 0, body: message, url, cause: cause?.code };
	}
}

/** The body of a good answer; anything else is thrown as what happened and what to do. */
export async function ask<T>(caller: Caller, asked: Asked, itemIndex?: number): Promise<T> {
	return settled<T>(caller, await send(caller, asked), itemIndex);
}

export function settled<T>(caller: Caller, answer: Answer, itemIndex?: number): T {
	if (isGood(answer)) return answer.body as T;
	throw failure(caller, answer, { itemIndex });
}

/** `doing` says what did not work out, when the answer alone would not tell. */
export function failure(
	caller: Caller,
	{ status, body, url }: Answer,
	{ doing = '', itemIndex }: { doing?: string; itemIndex?: number },
): NodeApiError {
	const told = status === 0 ? unreachable(url, String(body)) : refused(status, body, url);
	const error = new NodeApiError(
		caller.getNode(),
		{},
		{
			message: doing + told.message,
			description: told.description,
			httpCode: status === 0 ? undefined : String(status),
			itemIndex,
		},
	);
	error.context.code = told.code;
	return error;
}
