// What a refusal of the sidecar means to somebody who looks at n8n. Pure.
import type { Problem } from './types.generated';

/** `message` says what happened, `description` what to do about it. */
export interface Told {
	code: string;
	message: string;
	description: string;
}

/** What the sidecar cannot know: where in n8n its remedy is to be applied. */
const IN_N8N: Record<string, string> = {
	unauthorized: 'In n8n, that is the API Key of the credential.',
	validation: 'In n8n, correct the parameter of this node that is named above.',
	conversation_busy:
		'In n8n, turn on "Retry On Fail" in the settings of this node, with some seconds between the tries.',
	store_down: 'In n8n, "Retry On Fail" in the settings of this node tries again.',
};

export function isProblem(body: unknown): body is Problem {
	const code = (body as Problem | undefined)?.code;
	return typeof code === 'string' && (body as Problem).type === `urn:agentrt:${code}`;
}

export function refused(status: number, body: unknown, url: string): Told {
	if (!isProblem(body)) {
		return {
			code: 'not_agentrt',
			message: `${url} answered ${status}, and not as an agentrt sidecar does`,
			description: 'Check the Base URL of the credential, and what stands between n8n and it.',
		};
	}
	const { code, detail, title, field, remedy } = body;
	const what = detail || title;
	return {
		code,
		message: field && !what.includes(field) ? `${field}: ${what}` : what,
		description:
			[remedy, IN_N8N[code]].filter(Boolean).join(' ') || 'The log of the sidecar says more.',
	};
}

export function unreachable(url: string, cause: string): Told {
	return {
		code: 'unreachable',
		message: `agentrt sidecar cannot be reached at ${url}`,
		description: `Start it (agentrt serve), or correct the Base URL of the credential; in a container, 127.0.0.1 is the container itself. ${cause}`,
	};
}
