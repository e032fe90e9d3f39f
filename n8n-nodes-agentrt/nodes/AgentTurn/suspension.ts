// When n8n can put an execution to sleep for a turn, and when it must not. Pure.
import type { Contract } from '../types.generated';

/** How long the sidecar goes on to deliver its callback, and some to spare. */
const DELIVERY_S = 25 * 3600;
/** The longest turn that the sidecar allows. */
const LONGEST_TURN_S = 24 * 3600;

/** A node from which this execution came here. */
export interface Trigger {
	name: string;
	type: string;
	parameters: Record<string, unknown>;
}

export interface Situation {
	isTool: boolean;
	/** Triggers above this node which ran in this execution. */
	triggers: Trigger[];
	/** Where n8n says that it can be called, and where it calls the sidecar. */
	resumeUrl: string;
	sidecarUrl: string;
}

export interface Obstacle {
	what: string;
	remedy: string;
}

/** n8n goes on with the caller as soon as one of the sub-workflows it waits for wakes up. */
const SUB_WORKFLOW = 'n8n-nodes-base.executeWorkflowTrigger';

/** Triggers whose caller is answered with whatever the execution has when it falls asleep. */
const ANSWERS_AT_ONCE: Record<string, (parameters: Record<string, unknown>) => unknown> = {
	'n8n-nodes-base.webhook': ({ responseMode }) => responseMode ?? 'onReceived',
	'n8n-nodes-base.formTrigger': ({ responseMode }) => responseMode ?? 'onReceived',
	'n8n-nodes-agentrt.agentToolTrigger': ({ responseMode }) => responseMode ?? 'lastNode',
	'@n8n/n8n-nodes-langchain.chatTrigger': ({ options, availableInChat }) =>
		(options as Record<string, unknown> | undefined)?.responseMode ??
		(availableInChat ? 'streaming' : 'lastNode'),
};
const HOLD = '"Hold, Then Poll" under Waiting';
const TOO_EARLY = ['lastNode', 'streaming'];

export function obstacleTo(situation: Situation): Obstacle | undefined {
	if (situation.isTool) {
		return {
			what: 'this node is used as a tool, and n8n cannot suspend an agent between its tools',
			remedy: `Choose ${HOLD}.`,
		};
	}
	if (situation.triggers.some(({ type }) => type === SUB_WORKFLOW)) {
		return {
			what: 'this is a sub-workflow, and n8n loses items of a workflow that calls several which fall asleep',
			remedy: `Move this node to the workflow that calls, or choose ${HOLD}.`,
		};
	}
	return tooEarly(situation) ?? unreachable(situation);
}

function tooEarly({ triggers }: Situation): Obstacle | undefined {
	const hasty = triggers.find(({ type, parameters }) =>
		TOO_EARLY.includes(String(ANSWERS_AT_ONCE[type]?.(parameters))),
	);
	return (
		hasty && {
			what: `"${hasty.name}" answers its caller as soon as the execution falls asleep, before there is a reply`,
			remedy: `Let "${hasty.name}" respond immediately or with a "Respond to Webhook" node, or choose ${HOLD}.`,
		}
	);
}

function unreachable({ resumeUrl, sidecarUrl }: Situation): Obstacle | undefined {
	// An address that is none is told better by the request that it is used for.
	if (!URL.canParse(sidecarUrl)) return undefined;
	if (!isLoopback(resumeUrl) || isLoopback(sidecarUrl) || isThisHost(sidecarUrl)) return undefined;
	const { origin } = new URL(resumeUrl);
	return {
		what: `the sidecar at ${sidecarUrl} cannot call n8n back at ${origin}, an address of n8n's own machine`,
		remedy:
			'Set WEBHOOK_URL of n8n to an address that the sidecar reaches, and name its host and port in AGENTRT_ALLOW_HOSTS if it is a private one.',
	};
}

function isLoopback(url: string): boolean {
	const { hostname } = new URL(url);
	return /^(localhost|127(\.\d+){3}|\[::1\]|0\.0\.0\.0)$/.test(hostname);
}

/** Docker's name for the machine beneath: its loopback may well be where n8n is published. */
function isThisHost(url: string): boolean {
	return new URL(url).hostname === 'host.docker.internal';
}

/** A turn with such a tool must not occupy the n8n in which the tool has to run. */
export function isWorkflow({ kind, config }: Contract, resumeUrl: string): boolean {
	if (kind !== 'http' || !config) return false;
	const { url, envelope } = config as { url: string; envelope?: boolean };
	return envelope === true || new URL(url).origin === new URL(resumeUrl).origin;
}

/** Names without their versions, as agents name their tools. */
export function nameOf(tool: string): string {
	return tool.split('@')[0];
}

/** The callback names this node: what is meant for it wakes no other one of the execution. */
export function callbackUrl(resumeUrl: string, node: string): string {
	const url = new URL(resumeUrl);
	url.pathname = `${url.pathname.replace(/\/+$/, '')}/${webhookPath(node)}`;
	return url.toString();
}

export function webhookPath(node: string): string {
	return `agentrt-${node}`;
}

/** The sidecar owns the deadline: by then it has long called back, or given up. */
export function wakeUpAt(now_ms: number): Date {
	return new Date(now_ms + 1000 * (LONGEST_TURN_S + DELIVERY_S));
}
