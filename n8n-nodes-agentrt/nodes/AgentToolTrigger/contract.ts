// The contract under which the sidecar offers this workflow to its agents. Pure.
import type { Contract } from '../types.generated';

const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;

export interface Declared {
	tool: string;
	description: string;
	inputSchema: Record<string, unknown>;
	outputSchema: Record<string, unknown>;
	sideEffects: NonNullable<Contract['side_effects']>;
	timeoutS: number;
	url: string;
}

export type Offer = Omit<Contract, 'name' | 'version' | 'retries'>;

export function isToolName(tool: string): boolean {
	return NAME.test(tool);
}

export function offerOf(declared: Declared): Offer {
	return {
		description: declared.description,
		input_schema: declared.inputSchema,
		output_schema: declared.outputSchema,
		kind: 'http',
		config: { url: declared.url, method: 'POST', envelope: true },
		side_effects: declared.sideEffects,
		timeout_s: declared.timeoutS,
	};
}

/** Does the sidecar hold all that is offered? What it adds of its own does not count. */
export function holds(held: Partial<Contract>, offer: Offer): boolean {
	const same = (key: keyof Offer) => canonical(held[key]) === canonical(offer[key]);
	return (Object.keys(offer) as Array<keyof Offer>).every(same);
}

/** The same text for the same content, whatever the order of the keys. */
export function canonical(value: unknown): string {
	return JSON.stringify(value, (_key, inner: unknown) =>
		typeof inner === 'object' && inner !== null && !Array.isArray(inner)
			? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
			: inner,
	);
}
