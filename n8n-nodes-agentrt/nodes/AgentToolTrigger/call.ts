// A tool call as the item that starts the workflow. Pure.
import type { IDataObject } from 'n8n-workflow';

/** What the sidecar posts to a workflow that is a tool. */
export interface ToolCall {
	run: string;
	call: string;
	tool: string;
	arguments: IDataObject;
	customer: string;
}

/** `undefined` for a body that is no tool call. */
export function readCall(body: Buffer): ToolCall | undefined {
	try {
		const said = JSON.parse(body.toString('utf8')) as ToolCall;
		return isObject(said) && isObject(said.arguments) ? said : undefined;
	} catch {
		return undefined;
	}
}

/** The arguments side by side; where the call comes from stands under `agentrt`. */
export function itemOf(said: ToolCall, idempotencyKey: string): IDataObject {
	const { run, call, tool, customer } = said;
	return {
		...said.arguments,
		agentrt: { run, call, tool, customer, idempotency_key: idempotencyKey },
	};
}

/** What a test listen was sent: a whole call, or just its arguments. */
export function testItemOf(body: IDataObject, tool: string): IDataObject {
	const said = isObject(body.arguments) ? body : { arguments: body };
	const where = { run: 'test', call: '0.0', tool, customer: 'test' };
	return itemOf({ ...where, ...(said as Partial<ToolCall>) } as ToolCall, 'test');
}

function isObject(value: unknown): value is IDataObject {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}
