// What is posted for one item, and the key under which a second try finds the same run. Pure.
import { createHash } from 'crypto';
import type { TurnRequest } from '../types.generated';

/** How long one request is held open, in seconds; then the run is asked for again. */
export const HOLD_S = 25;

export type Metadata = Record<string, string>;

/** Where in n8n a turn comes from: the same for each retry of a node, another for each run of it. */
export interface Origin {
	execution: string;
	workflow: string;
	node: string;
	runIndex: number;
	itemIndex: number;
}

export interface Wanted {
	/** A name, or the agent itself. */
	agent: TurnRequest['agent'];
	message: string;
	conversation: string;
	model: string;
	outputSchema?: Record<string, unknown>;
	options: {
		customer?: string;
		metadata?: { entries?: Array<{ name: string; value: unknown }> };
		task?: string;
		timeoutS?: number;
		tools?: string[];
	};
}

/** What was left empty is left out: then the agent's own setting holds. */
export function turnRequest(wanted: Wanted, origin: Origin): TurnRequest {
	const { options } = wanted;
	return {
		agent: wanted.agent,
		message: [{ type: 'text', text: wanted.message }],
		metadata: { ...metadataOf(wanted), ...metadataFrom(origin) },
		...(wanted.conversation && { conversation: wanted.conversation }),
		...(wanted.model && { model: wanted.model }),
		...(wanted.outputSchema && { output_schema: wanted.outputSchema }),
		...(options.customer && { customer: options.customer }),
		...(options.task && { task: options.task }),
		...(options.timeoutS && { timeout_s: options.timeoutS }),
		...(options.tools && { tools: options.tools }),
	};
}

export function idempotencyKey(request: TurnRequest, origin: Origin): string {
	const { execution, node, runIndex, itemIndex } = origin;
	const said = JSON.stringify([execution, node, runIndex, itemIndex, request]);
	return createHash('sha256').update(said).digest('hex');
}

function metadataOf({ options }: Wanted): Metadata {
	const entries = options.metadata?.entries ?? [];
	const named = entries.filter(({ name }) => name);
	return Object.fromEntries(named.map(({ name, value }) => [name, String(value)]));
}

function metadataFrom({ execution, workflow }: Origin): Metadata {
	return { n8n_execution: execution, n8n_workflow: workflow };
}
