// `callgate/client`: Callgate for programs. A call is made once however often its connection breaks, and is waited for as long as people need.
import { randomUUID } from "node:crypto";
import { NotCallgate, ProblemError, readProblem } from "./problem.ts";
import { followSteps, pause, type Step } from "./steps.ts";
import { type ModelFormat, modelFormats, type ToolCallsRan } from "./tool-calls.ts";

export { NotCallgate, type Problem, ProblemError } from "./problem.ts";
export type { Step } from "./steps.ts";
export type { ModelFormat, ToolCallsRan } from "./tool-calls.ts";

export interface CallgateOptions {
	/** Where ingress is, such as `https://callgate.example.com`. */
	readonly url: string;
	/** The caller's token of a configured issuer, without `Bearer`; a function is asked before each request. */
	readonly token: string | (() => string | Promise<string>);
	/** Plain http to another machine than this one, where others can read the token. */
	readonly insecure?: boolean;
	readonly fetch?: typeof fetch;
}

export interface FunctionCall {
	/** Without it `function` is a name of a tool list. */
	readonly connection?: string;
	readonly function: string;
	readonly arguments: Readonly<Record<string, unknown>>;
	/** Why; approvers and auditors read it. */
	readonly reason?: string;
}

export interface WaitOptions {
	/** The same key, the same call: a program that may be started anew chooses one that it will find again. By default each call has its own. */
	readonly idempotencyKey?: string;
	/** Ends the waiting, not the call: {@link Callgate.cancel} does that. */
	readonly signal?: AbortSignal;
}

/** A completed call. */
export interface CallAnswer<Body = unknown> {
	readonly call: string;
	readonly state: "completed";
	readonly connection: string;
	readonly function: string;
	/** What was masked: the detector or rule, a JSON pointer to where, and how often. */
	readonly findings: readonly Readonly<Record<string, unknown>>[];
	readonly result: HttpResult<Body> | McpResult<Body>;
}

/** The function's own answer, masked. Statuses from 400 on are answers too. */
export interface HttpResult<Body = unknown> {
	readonly status: number;
	readonly headers: Readonly<Record<string, string>>;
	readonly body?: Body;
	readonly mcp?: undefined;
}

/** What an MCP server answered, masked: the result of a tool, or the error of JSON-RPC that has a `code`. What `isError` says failed is an answer too. */
export interface McpResult<Body = unknown> {
	readonly mcp: { readonly isError: boolean; readonly code?: number };
	readonly body: Body;
	readonly status?: undefined;
	readonly headers?: undefined;
}

/** A call that has not ended. */
export interface Held {
	readonly call: string;
	readonly state: "received" | "held" | "started" | "withdrawn";
	/** Of a held one: whose approval is missing, and until when. */
	readonly waitsFor?: {
		readonly requirements: readonly {
			readonly rule: string;
			readonly groups: readonly string[];
			readonly quorum: number;
			readonly votes: number;
		}[];
		/** RFC 3339. */
		readonly expiresAt: string;
	};
}

/** A function that this caller may call. */
export interface Tool {
	readonly connection: string;
	readonly function: string;
	readonly description: string;
	/** JSON Schema 2020-12 of the arguments. */
	readonly arguments: Readonly<Record<string, unknown>>;
	readonly idempotent: boolean;
	/** Whether a rule may hold it for people. */
	readonly mayNeedApproval: boolean;
}

interface Asking {
	readonly signal?: AbortSignal;
	/** How long Callgate was told to wait before it answers. */
	readonly waitSeconds?: number;
	/** Whether the same request twice is the same call. */
	readonly isNamed?: boolean;
}

/** Callgate itself waits this long for a call to end; after that its steps are followed. */
const firstWaitSeconds = 20;
/** A request whose answer takes this much longer than it was to wait is made again. */
const answerWithinMs = 30_000;
/** Where Callgate's operators did not say otherwise, a held tool call is waited for this long at most. */
const toolCallSeconds = 60;
const attemptsMax = 5;
const pauseMsMax = 30_000;

/** All methods throw {@link ProblemError} where Callgate refuses, and after five attempts what `fetch` throws where nobody answers or {@link NotCallgate}. */
export class Callgate {
	private readonly options: CallgateOptions;
	private readonly url: string;

	/** @throws {TypeError} where the URL is none, or the token would cross a network in the clear. */
	constructor(options: CallgateOptions) {
		const url = new URL(options.url);
		const isHere = /^(127(\.\d{1,3}){3}|\[::1\]|localhost)$/.test(url.hostname);
		if (url.protocol !== "https:" && !(url.protocol === "http:" && (isHere || options.insecure)))
			throw new TypeError(`${url.protocol}//${url.host} would be sent the token in the clear: expected https, or \`insecure: true\``);
		this.options = options;
		this.url = url.href.replace(/\/$/, "");
	}

	/**
	 * Makes a call and waits for its ending: for people too, where policy asks them. A connection that breaks does not make it twice.
	 *
	 * @throws {ProblemError} where it did not complete: `denied`, `rejected`, `expired`, `invalid_arguments`, `outcome_unknown`, …
	 */
	async call<Body = unknown>(
		call: FunctionCall,
		options: WaitOptions & { readonly onStep?: (step: Step) => void } = {},
	): Promise<CallAnswer<Body>> {
		const begun = await this.begin<Body>(call, options, firstWaitSeconds);
		if (begun.state === "completed") return begun;
		for await (const step of this.steps(begun.call, options)) options.onStep?.(step);
		return await this.answer<Body>(begun.call, options);
	}

	/** Makes a call and does not wait: {@link steps}, {@link show} and {@link answer} tell what became of it, here or in another process. */
	async submit(call: FunctionCall, options: WaitOptions = {}): Promise<Held | CallAnswer> {
		return await this.begin(call, options, 0);
	}

	/** Where a call of this caller stands. @throws {ProblemError} also of a call that ended without completing. */
	async show<Body = unknown>(call: string, options: Pick<WaitOptions, "signal"> = {}): Promise<Held | CallAnswer<Body>> {
		const shown = await this.ask<(Held | CallAnswer<Body>) & { readonly problem?: unknown }>(
			"GET",
			`/v1/calls/${encodeURIComponent(call)}`,
			options,
		);
		const problem = readProblem(shown.problem, 200);
		if (problem) throw new ProblemError(problem);
		return shown;
	}

	/** Waits until a call that was made before has ended. @throws {ProblemError} where it did not complete. */
	async answer<Body = unknown>(call: string, options: Pick<WaitOptions, "signal"> = {}): Promise<CallAnswer<Body>> {
		for (;;) {
			const shown = await this.show<Body>(call, options);
			if (shown.state === "completed") return shown;
			for await (const _ of this.steps(call, options)) {
				// Only the ending is wanted.
			}
		}
	}

	/** Every step of a call from the first, each once, until it has ended. */
	async *steps(call: string, { signal = new AbortController().signal }: Pick<WaitOptions, "signal"> = {}): AsyncGenerator<Step, void> {
		yield* followSteps(
			async (until) => {
				const response = await this.send(
					"GET",
					`/v1/calls/${encodeURIComponent(call)}/events`,
					{ accept: "text/event-stream" },
					undefined,
					until,
				);
				if (response.status !== 200 || !response.body) throw await problemIn(response);
				return response.body;
			},
			signal,
			isFinal,
		);
	}

	/** Says that nobody wants a call any more: one that waits for people is cancelled, one that runs is not stopped. */
	async cancel(call: string, options: Pick<WaitOptions, "signal"> = {}): Promise<{ readonly call: string; readonly state: string }> {
		return await this.ask("DELETE", `/v1/calls/${encodeURIComponent(call)}`, options);
	}

	/** What this caller may call. */
	async functions(options: Pick<WaitOptions, "signal"> = {}): Promise<readonly Tool[]> {
		return (await this.ask<{ functions: readonly Tool[] }>("GET", "/v1/functions", options)).functions;
	}

	/** The same as tools for a model, in the form that its API takes. `T`: the type that its client has for a tool. */
	async tools<T = unknown>(format: ModelFormat, options: Pick<WaitOptions, "signal"> = {}): Promise<T[]> {
		return (await this.ask<{ tools: T[] }>("GET", `/v1/functions?format=${modelFormats[format].tools}`, options)).tools;
	}

	/**
	 * Runs the tool calls in a model's message, taken as the model emitted it. Errors and held calls are told to the model.
	 *
	 * @param message of `openai-chat` the message, of `openai-responses` its `output`, of `anthropic` the message, of `gemini` the content
	 * @returns what to append to the conversation. `Append`: the type that the API's client has for it.
	 */
	async runToolCalls<Append = unknown>(
		format: ModelFormat,
		message: unknown,
		{ waitSeconds, ...options }: WaitOptions & { readonly waitSeconds?: number } = {},
	): Promise<ToolCallsRan<Append>> {
		const { path, append } = modelFormats[format];
		const headers = {
			...(options.idempotencyKey !== undefined && { "idempotency-key": options.idempotencyKey }),
			...(waitSeconds !== undefined && { prefer: `wait=${waitSeconds}` }),
		};
		// Gemini's calls may have no ids, and a call without a name is another one each time.
		const asked = { ...options, waitSeconds: waitSeconds ?? toolCallSeconds, isNamed: format !== "gemini" };
		const ran = await this.ask<Record<string, unknown>>("POST", path, asked, message, headers);
		return { append: ran[append] as readonly Append[], calls: ran.calls as ToolCallsRan<Append>["calls"] };
	}

	private async begin<Body>(
		call: FunctionCall,
		{ idempotencyKey = randomUUID(), signal }: WaitOptions,
		waitSeconds: number,
	): Promise<Held | CallAnswer<Body>> {
		const headers = { "idempotency-key": idempotencyKey, ...(waitSeconds > 0 && { prefer: `wait=${waitSeconds}` }) };
		return await this.ask("POST", "/v1/calls", { waitSeconds, ...(signal && { signal }) }, call, headers);
	}

	/** Asks until there is an answer: calls have names, so a request that was lost may be made again. */
	private async ask<T>(
		method: string,
		path: string,
		{ signal = new AbortController().signal, waitSeconds = 0, isNamed = true }: Asking,
		body?: unknown,
		headers: Readonly<Record<string, string>> = {},
	): Promise<T> {
		for (let attempt = 1; ; attempt++) {
			const late = AbortSignal.timeout(waitSeconds * 1_000 + answerWithinMs);
			try {
				const response = await this.send(method, path, headers, body, AbortSignal.any([signal, late]));
				if (!response.ok) throw await problemIn(response);
				return (await response.json()) as T;
			} catch (error) {
				signal.throwIfAborted();
				if (attempt >= attemptsMax || isFinal(error) || (!isNamed && !(error instanceof ProblemError))) throw error;
				const seconds = error instanceof ProblemError ? error.retryAfterSeconds : undefined;
				await pause(Math.min(pauseMsMax, (seconds ?? 2 ** (attempt - 2)) * 1_000), signal);
			}
		}
	}

	private async send(
		method: string,
		path: string,
		headers: Readonly<Record<string, string>>,
		body: unknown,
		signal: AbortSignal,
	): Promise<Response> {
		const { token, fetch: send = fetch } = this.options;
		const authorization = `Bearer ${typeof token === "string" ? token : await token()}`;
		return await send(`${this.url}${path}`, {
			...{ method, signal },
			headers: { accept: "application/json", ...(body !== undefined && { "content-type": "application/json" }), ...headers, authorization },
			...(body !== undefined && { body: JSON.stringify(body) }),
			// The token goes to the named address or nowhere.
			redirect: "error",
		});
	}
}

/** Whether the same request would be answered the same. A problem that passes says when to ask again, and that nothing has run. */
function isFinal(error: unknown): boolean {
	if (error instanceof ProblemError) return !([429, 503].includes(error.problem.status) && error.retryAfterSeconds !== undefined);
	return error instanceof NotCallgate && error.status < 500;
}

async function problemIn(response: Response): Promise<Error> {
	const { status, url } = response;
	const text = await response.text();
	const problem = /^application\/(problem\+)?json\b/.test(response.headers.get("content-type") ?? "")
		? readProblem(parsed(text), status)
		: undefined;
	if (!problem) return new NotCallgate(new URL(url).host, status);
	const after = response.headers.get("retry-after") ?? "";
	return new ProblemError(problem, /^\d{1,6}$/.test(after) ? Number(after) : undefined);
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
