// The results of the tools that a workflow ran, as the sidecar takes them. Pure.

export type Result =
	| { call: string; result: unknown }
	| { call: string; error: { code: string; message: string } };

export type Read = { value: Result[] } | { flaw: string };

/** One entry of the form: what is filled in for one call. */
export interface Entry {
	call: string;
	outcome: 'result' | 'error';
	result?: unknown;
	code?: string;
	message?: string;
}

/** A list of {call, result} and {call, error}, or one of them alone. */
export function readResults(typed: unknown): Read {
	const parsed = typeof typed === 'string' ? parse(typed) : { value: typed };
	if ('flaw' in parsed) return parsed;
	const list = Array.isArray(parsed.value) ? (parsed.value as unknown[]) : [parsed.value];
	if (list.length === 0) return { flaw: 'is an empty list' };
	const index = list.findIndex((one) => flawOf(one) !== undefined);
	if (index < 0) return { value: list as Result[] };
	const which = Array.isArray(parsed.value) ? `has at place ${index + 1} ` : 'is ';
	return { flaw: which + flawOf(list[index]) };
}

export function readEntries(entries: Entry[]): Read {
	if (entries.length === 0) return { flaw: 'has no entry' };
	const nameless = entries.findIndex(({ call }) => !call.trim());
	if (nameless >= 0) return { flaw: `has no call ID in entry ${nameless + 1}` };
	return { value: entries.map(resultOf) };
}

function resultOf({ call, outcome, result, code, message }: Entry): Result {
	if (outcome === 'error') {
		return { call: call.trim(), error: { code: code || 'tool_failed', message: message ?? '' } };
	}
	return { call: call.trim(), result: plainOrJson(result) };
}

/** What is no JSON is a text: most results are, and quotes around them would be a nuisance. */
function plainOrJson(typed: unknown): unknown {
	if (typeof typed !== 'string') return typed ?? null;
	const parsed = parse(typed);
	return 'value' in parsed ? parsed.value : typed;
}

function parse(text: string): { value: unknown } | { flaw: string } {
	if (text.trim() === '') return { flaw: 'is empty' };
	try {
		return { value: JSON.parse(text) as unknown };
	} catch (error) {
		return { flaw: `is not JSON: ${(error as SyntaxError).message}` };
	}
}

function flawOf(one: unknown): string | undefined {
	if (typeof one !== 'object' || one === null || Array.isArray(one)) {
		return `${JSON.stringify(one) ?? 'nothing'}, not an object with "call" and "result" or "error"`;
	}
	if (!('call' in one) || typeof one.call !== 'string') return 'an object without the text "call"';
	if ('result' in one === 'error' in one) {
		const how = 'result' in one ? 'both "result" and "error"' : 'neither "result" nor "error"';
		return `call ${one.call} with ${how}`;
	}
	return undefined;
}
