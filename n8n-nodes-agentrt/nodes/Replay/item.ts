// A replay's verdict as an item, and in words. Pure.
import type { IDataObject } from 'n8n-workflow';
import type { Verdict } from '../types.generated';

/** What is worth saying about every verdict but `identical`. */
const NEWS: Partial<Record<Verdict['verdict'], string>> = {
	changed:
		'The log is intact, but this version of agentrt would ask the model differently: its encoders or prompts have a new version.',
	diverged:
		'The log is intact, but the same version of agentrt decides or encodes differently than it did: "first" says where.',
	damaged: 'The log of this run is not what was written: "first" says where it was altered.',
};

export function newsOf(run: string, verdict: Verdict['verdict']): string | undefined {
	if (verdict === 'identical') return undefined;
	return `Run ${run} is ${verdict}. ${NEWS[verdict] ?? ''}`.trim();
}

export function itemOf(run: string, replayed: Verdict): IDataObject {
	const { verdict, events, first, encoders } = replayed;
	return { run, verdict, events, first, encoders } as unknown as IDataObject;
}
