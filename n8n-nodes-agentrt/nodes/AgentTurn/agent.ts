// An agent that is defined in the node itself, as the sidecar takes it. Pure.
import type { Agent } from '../types.generated';

export interface Defined {
	instructions: string;
	persona: string;
	tools: string[];
	options: { models?: string[]; modelCalls?: number };
}

/** What was left empty is left out: then the sidecar's own default holds. */
export function agentOf({ instructions, persona, tools, options }: Defined): Agent {
	return {
		instructions,
		...(persona && { persona }),
		...(tools.length > 0 && { tools }),
		...(options.models?.length && { models: options.models }),
		...(options.modelCalls && { limits: { model_calls: options.modelCalls } }),
	};
}
