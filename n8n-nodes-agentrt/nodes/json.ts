// JSON that somebody typed into a parameter, read with the words of that parameter. Pure.

type Json = Record<string, unknown>;

export type Read = { value: Json } | { flaw: string };

/** n8n gives the text of a JSON parameter, or the object when an expression made one. */
export function readObject(typed: unknown): Read {
	if (isObject(typed)) return { value: typed };
	const text = typed ?? '';
	if (typeof text !== 'string') return { flaw: `is ${nameOf(text)}, not a JSON object` };
	if (text.trim() === '') return { flaw: 'is empty' };
	try {
		const value: unknown = JSON.parse(text);
		return isObject(value) ? { value } : { flaw: `is ${nameOf(value)}, not a JSON object` };
	} catch (error) {
		return { flaw: `is not JSON: ${(error as SyntaxError).message}` };
	}
}

function isObject(value: unknown): value is Json {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function nameOf(value: unknown): string {
	if (value === null) return 'null';
	return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
