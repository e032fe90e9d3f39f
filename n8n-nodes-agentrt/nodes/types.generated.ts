// Generated from /schemas by `npm run types`: edit the models of the sidecar instead.

/** `tools` are names, or `name@version`; a bare name is pinned when a run starts. */
export interface Agent {
	name?: string;
	version?: number;
	instructions: string;
	persona?: string;
	tools?: Array<string>;
	models?: Array<string>;
	task?: string;
	output_schema?: Record<string, unknown> | null;
	limits?: Limits;
}

/** `refused` is empty for a model that may be called. */
export interface Candidate {
	model: string;
	refused: string;
	failures: number;
	in_trouble?: boolean;
}

/** A version freezes the signature: both schemas and the side effects. `kind` is who runs it. */
export interface Contract {
	name?: string;
	version?: number;
	description: string;
	input_schema: Record<string, unknown>;
	output_schema?: Record<string, unknown>;
	kind?: 'http' | 'function' | 'caller';
	config?: HttpConfig | FunctionConfig | null;
	side_effects?: 'none' | 'idempotent' | 'once';
	timeout_s?: number;
	retries?: number;
}

/** `path` is a JSON pointer into the event's body or, for class payload, into the payload. */
export interface Difference {
	seq: number;
	path: string;
	class: 'hash' | 'part' | 'decision' | 'payload';
	recorded: string;
	derived: string;
}

export interface Failure {
	code: string;
	message: string;
}

/** A Python function, by its name in a module that AGENTRT_TOOLS lists. */
export interface FunctionConfig {
	module: string;
	function: string;
}

/** The arguments are POSTed as JSON; with `envelope` the whole call is, signed. */
export interface HttpConfig {
	url: string;
	method?: 'POST';
	envelope?: boolean;
}

export interface Limits {
	model_calls?: number;
	timeout_s?: number;
}

/** Its name is `provider/model`. */
export interface ModelRow {
	name?: string;
	version?: number;
	provider: 'openai' | 'anthropic';
	model: string;
	context_tokens: number;
	output_tokens: number;
	price: Price;
	long_over?: number;
	long_price?: Price | null;
	source: string;
}

/** Micro-dollars per million tokens. */
export interface Price {
	input: number;
	cached: number;
	cache_write: number;
	output: number;
}

/** RFC 9457: what went wrong, and what to do about it. */
export interface Problem {
	type: string;
	code: string;
	title: string;
	status: number;
	detail: string;
	field?: string;
	remedy?: string;
}

export interface RunError {
	code: string;
	message: string;
	remedy: string;
	seq: number;
}

/** `output` is JSON that fits the output schema, or the text where there is none. */
export interface RunView {
	run: string;
	status: 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled';
	agent: string;
	conversation: string;
	turn: number;
	messages: Array<ShownMessage>;
	output: unknown;
	tool_calls: Array<ShownCall>;
	waiting: Waiting | null;
	error: RunError | null;
	model: string | null;
	provider: string | null;
	repairs: number;
	failovers: number;
	usage: Usage;
	cost_usd: string;
	reserved_usd: string;
	route: Array<Candidate>;
	simulated: boolean;
	metadata: Record<string, string>;
	started_at: string;
	ended_at: string | null;
}

export interface ShownCall {
	call: string;
	tool: string;
	arguments: unknown;
	status: 'pending' | 'done' | 'failed' | 'unknown';
	result: unknown;
	error: Failure | null;
}

export interface ShownMessage {
	role?: 'assistant';
	parts: Array<Text>;
}

export interface Text {
	type?: 'text';
	text: string;
}

export interface TurnRequest {
	customer?: string | null;
	model?: string | null;
	task?: string | null;
	output_schema?: Record<string, unknown> | null;
	timeout_s?: number | null;
	wait_s?: number;
	callback_url?: string | null;
	metadata?: Record<string, string>;
	agent: string | Agent;
	message: string | Array<Text>;
	conversation?: string;
	tools?: Array<string> | null;
}

/** Disjoint token classes: their sum is what the provider counted. */
export interface Usage {
	input?: number;
	cached?: number;
	cache_write?: number;
	output?: number;
	reasoning?: number;
}

export interface Verdict {
	verdict: 'identical' | 'changed' | 'diverged' | 'damaged';
	events: number;
	first: Difference | null;
	encoders: Record<string, Array<string>>;
}

/** `tools`: for results from whoever asked; `decision`: for a person's word on the calls. */
export interface Waiting {
	for: 'tools' | 'decision';
	calls: Array<string>;
	until: string;
}
