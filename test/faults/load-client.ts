// The load client: asks as planned, writes down every request and every answer, and repeats only what may be repeated.
import { setTimeout as delay } from "node:timers/promises";
import { planted } from "./configuration.ts";
import type { ClientCall, ClientRequest } from "./evidence.ts";
import type { PlannedCall } from "./plan-calls.ts";
import { flatDigest } from "./recording-bank.ts";

export interface ClientParts {
	/** One URL a replica. */
	readonly ingress: readonly string[];
	readonly token: (who: string) => Promise<string>;
	/** From then on nothing is repeated any more. */
	readonly until: AbortSignal;
}

export interface LoadClient {
	/** Resolves when the call has been answered, or cannot be. Never rejects. */
	send(plan: PlannedCall): Promise<void>;
	readonly log: readonly ClientCall[];
	/** Asks how each of these calls stands that was answered with its address, once. */
	askAgain(which: (call: string) => boolean): Promise<void>;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type Logged = Mutable<ClientCall> & { requests: ClientRequest[] };

/** The arguments of a planned call. The bank's digest of the body must be this one's. */
export function argumentsOf({ reference, amount, behaviour }: PlannedCall) {
	return { reference, amount, behaviour, note: `card ${planted.card}, ask ${planted.email}` };
}

export function bodyDigestOf(plan: PlannedCall): string {
	return flatDigest(argumentsOf(plan));
}

const answerWithinMs = 40_000;
const repeatAfterMs = 500;
/** A proxied request or a tool's call that was answered as pending is sent again this often, each time waiting as long as the first did and a little. */
const attachesMax = 3;
const attachedWaitSeconds = 3;

export function createLoadClient(parts: ClientParts): LoadClient {
	const log: Logged[] = [];
	const replica = (nth: number): string => parts.ingress[nth % parts.ingress.length] ?? "";

	async function send(plan: PlannedCall): Promise<void> {
		const entry: Logged = { plan, requests: [] };
		log.push(entry);
		await Promise.all(Array.from({ length: plan.copies }, (_, copy) => sendOne(plan, entry, copy)));
		if (plan.cancelAfterMs !== undefined) await cancel(plan, entry);
	}

	async function sendOne(plan: PlannedCall, entry: Logged, copy: number): Promise<void> {
		for (let attempt = 0; ; attempt++) {
			const request = await ask(parts, plan, replica(plan.number + copy + attempt), attempt > 0);
			// A connection that was refused carried nothing: that is no request.
			if (request.failure !== "ECONNREFUSED") entry.requests.push(request);
			// Who asks again for what waits attaches to it; who does not know what became of an answer may not.
			if (request.status === 202 && plan.via !== "calls" && attempt < attachesMax && !parts.until.aborted) continue;
			const uncertain = request.status === undefined || request.status === 503 || request.status === 429;
			const repeatable = plan.key !== undefined || request.failure === "ECONNREFUSED" || request.status === 429;
			if (!uncertain || !repeatable || parts.until.aborted) return;
			await delay(repeatAfterMs);
		}
	}

	async function cancel(plan: PlannedCall, { requests }: Logged): Promise<void> {
		const call = requests.find((request) => request.call !== undefined)?.call;
		if (call === undefined) return;
		await delay(plan.cancelAfterMs ?? 0);
		for (let attempt = 0; !parts.until.aborted; attempt++) {
			const url = `${replica(plan.number + attempt)}/v1/calls/${call}`;
			const status = await fetch(url, {
				method: "DELETE",
				headers: { authorization: `Bearer ${await parts.token(plan.caller)}` },
				signal: AbortSignal.timeout(answerWithinMs),
			}).then(
				async (answer) => {
					await answer.arrayBuffer();
					return answer.status;
				},
				() => 0,
			);
			// 202: it is on the record, nobody has carried it out yet.
			if (status >= 200 && status < 500 && status !== 429) return;
			await delay(repeatAfterMs);
		}
	}

	async function askAgain(which: (call: string) => boolean): Promise<void> {
		const open = log.filter(({ requests, later }) => {
			const call = requests.find(({ status }) => status === 202)?.call;
			return later === undefined && call !== undefined && which(call);
		});
		const queue = open.values();
		const worker = async () => {
			for (const entry of queue) {
				const later = await show(parts, entry, replica(entry.plan.number));
				if (later) entry.later = later;
			}
		};
		await Promise.all(Array.from({ length: 16 }, worker));
	}

	return { send, log, askAgain };
}

async function ask({ token }: ClientParts, plan: PlannedCall, at: string, isAgain: boolean): Promise<ClientRequest> {
	const { via } = plan;
	const waitSeconds = via !== "calls" && isAgain ? Math.max(plan.waitSeconds, attachedWaitSeconds) : plan.waitSeconds;
	const headers = {
		authorization: `Bearer ${await token(plan.caller)}`,
		"content-type": "application/json",
		// Who does not say is waited for, but by the API of calls.
		...((waitSeconds > 0 || via !== "calls") && { prefer: `wait=${waitSeconds}` }),
		...(plan.key !== undefined && { "idempotency-key": plan.key }),
		...(via === "mcp" && { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": plan.function }),
	};
	const { path, body: asked } = ways[via](plan);
	const [url, body] = [`${at}${path}`, JSON.stringify(asked)];
	const begun = Date.now();
	try {
		// What the function answers is its own to say, redirects too.
		const answer = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal: AbortSignal.timeout(answerWithinMs) });
		const text = await answer.text();
		const said = via === "calls" ? readAnswer(text) : via === "mcp" ? readTool(answer, text) : readProxied(answer, text);
		const retryAfter = answer.headers.get("retry-after");
		return {
			at: begun,
			answeredAt: Date.now(),
			status: answer.status,
			...(retryAfter !== null && { retryAfter }),
			...said,
			...shownIn(text + spokenIn(text)),
		};
	} catch (error) {
		return { at: begun, answeredAt: Date.now(), failure: failureOf(error) };
	}
}

/** As in configuration.ts. */
const functionPaths = { pay: "/pay", payOnce: "/pay-once", tell: "/tell" } as const;
/** The revision that says itself with each request. */
const mcpMeta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };

const ways: Readonly<Record<PlannedCall["via"], (plan: PlannedCall) => { readonly path: string; readonly body: object }>> = {
	calls: (plan) => ({ path: "/v1/calls", body: { connection: "bank", function: plan.function, arguments: argumentsOf(plan) } }),
	proxy: (plan) => ({ path: `/proxy/bank${functionPaths[plan.function]}`, body: argumentsOf(plan) }),
	mcp: (plan) => ({
		path: "/mcp/bank",
		body: {
			...{ jsonrpc: "2.0", id: plan.number, method: "tools/call" },
			params: { name: plan.function, arguments: argumentsOf(plan), _meta: mcpMeta },
		},
	}),
};

/** What the events of an answer in pieces come to, as they are or in the JSON of a call. */
function spokenIn(text: string): string {
	return [...text.matchAll(/\\?"content\\?":\\?"([^"\\]*)/g)].map(([, part]) => part).join("");
}

function shownIn(text: string): Pick<ClientRequest, "shows"> {
	const shows = Object.entries({ "the card": planted.card, "the e-mail": planted.email, "the answer's card": planted.answerCard })
		.filter(([, secret]) => text.includes(secret))
		.map(([name]) => name);
	return shows.length > 0 ? { shows } : {};
}

type Said = Pick<ClientRequest, "call" | "state" | "code">;

function readAnswer(text: string): Said {
	const { call, state, code } = JSON.parse(text) as { call?: string; state?: string; code?: string };
	return { ...(call !== undefined && { call }), ...(state !== undefined && { state }), ...(code !== undefined && { code }) };
}

function readProxied(answer: Response, text: string): Said & Pick<ClientRequest, "proxied"> {
	const header = answer.headers.get("callgate-call") ?? undefined;
	const isProblem = (answer.headers.get("content-type") ?? "").startsWith("application/problem+json");
	// An answer in pieces that broke off ends with the problem.
	const broken = /\nevent: error\ndata: (.*)\n/.exec(text)?.[1];
	const own = !isProblem && answer.status !== 202 && broken === undefined;
	const said: Said = own ? { state: "completed" } : readAnswer(broken === undefined ? text : JSON.stringify(JSON.parse(broken).error));
	const call = said.call ?? header;
	return {
		...said,
		...(call !== undefined && { call }),
		proxied: { own, whole: own && isWhole(text), ...(header !== undefined && { header }) },
	};
}

/** A tool's result: the function's own answer, or JSON for the model to read: a problem, or the call that is pending (202 here, as everywhere). */
function readTool(answer: Response, text: string): Said & Pick<ClientRequest, "proxied" | "status"> {
	const { result } = JSON.parse(text) as { result?: ToolResult };
	if (!result) return readAnswer(text);
	const header = answer.headers.get("callgate-call") ?? undefined;
	const status = result._meta?.["callgate/status"];
	const own = status !== undefined;
	const said = own ? { state: "completed" } : readAnswer(result.content[0]?.text ?? "{}");
	const call = own ? header : (said.call ?? header);
	return {
		...said,
		status: status ?? (said.code === undefined ? 202 : answer.status),
		...(call !== undefined && { call }),
		proxied: {
			own,
			whole: own && [JSON.stringify(result.structuredContent ?? null), result.content[0]?.text ?? ""].some(isWhole),
			...(header !== undefined && { header }),
		},
	};
}

interface ToolResult {
	readonly content: readonly { readonly text?: string }[];
	readonly structuredContent?: unknown;
	readonly _meta?: { readonly "callgate/status"?: number };
}

/** What stands where something was masked: `[card …5100]`. */
const isMark = (value: unknown): boolean => typeof value === "string" && /^\[[^[\]]+\]$/.test(value);

function isWhole(text: string): boolean {
	if (/^"?data:/.test(text))
		return /\{\\?"done\\?":true\}/.test(text) && /^The card is \[[^[\]]+\], ask \[email\]\. That is/.test(spokenIn(text));
	try {
		const { done, card, contact } = JSON.parse(text) as Record<string, unknown>;
		return done === true && isMark(card) && isMark(contact);
	} catch {
		return false;
	}
}

async function show({ token }: ClientParts, { plan, requests }: Logged, at: string): Promise<{ call: string; state: string } | undefined> {
	const call = requests.find(({ status }) => status === 202)?.call ?? "";
	const headers = { authorization: `Bearer ${await token(plan.caller)}` };
	const url = `${at}/v1/calls/${call}`;
	const answer = await fetch(url, { headers, signal: AbortSignal.timeout(answerWithinMs) }).catch(() => undefined);
	// A replica that is away says nothing of the call.
	if (!answer || answer.status >= 500) return undefined;
	const { state } = (await answer.json()) as { state?: string };
	return { call, state: state ?? `status ${answer.status}` };
}

function failureOf(error: unknown): string {
	const cause = error instanceof Error ? error.cause : undefined;
	if (cause instanceof AggregateError || (cause instanceof Error && "code" in cause)) return String((cause as { code?: unknown }).code);
	return error instanceof Error ? error.name : "failed";
}
