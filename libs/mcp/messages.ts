// Messages of MCP (JSON-RPC 2.0) as they are sent to a server, and as they come back: alone, or in server-sent events.
import { JsonRefused, parseJsonStrictly } from "#libs/contracts/json.ts";
import { isRecord } from "#libs/functions/schema.ts";
import type { ServerRevision } from "./definitions.ts";
import type { Askable } from "./questions.ts";

/** What both sides of Callgate say of themselves; the version is the package's. */
export const implementation = { name: "callgate", version: "0.1.0" } as const;

export const modernRevision = "2026-07-28" satisfies ServerRevision;

/** Parameters of the request that begins a session, in revisions that have one. */
export function initializeParams(revision: ServerRevision): Readonly<Record<string, unknown>> {
	return { protocolVersion: revision, capabilities: {}, clientInfo: implementation };
}

/**
 * One request as text. In 2026-07-28 each says its revision and who sends it.
 *
 * @param may what the client of the call can be asked for; before 2026-07-28 nothing is asked back through this door
 */
export function requestText(
	revision: ServerRevision,
	id: string,
	method: string,
	params: Readonly<Record<string, unknown>>,
	may: readonly Askable[] = [],
): string {
	const envelope = {
		"io.modelcontextprotocol/protocolVersion": revision,
		"io.modelcontextprotocol/clientInfo": implementation,
		"io.modelcontextprotocol/clientCapabilities": Object.fromEntries(may.map((name) => [name, {}])),
	};
	const own = isRecord(params._meta) ? params._meta : {};
	const whole = revision === modernRevision ? { ...params, _meta: { ...own, ...envelope } } : params;
	return JSON.stringify({ jsonrpc: "2.0", id, method, params: whole });
}

export function notificationText(method: string, params?: object): string {
	return JSON.stringify({ jsonrpc: "2.0", method, ...(params && { params }) });
}

/** What a server sent: the end of a request (its result or error as the text it was written in), or something it says or asks on its own. */
export type ServerMessage =
	| { readonly kind: "result" | "error"; readonly id: string; readonly text: string }
	| { readonly kind: "request"; readonly id: string | number; readonly method: string }
	| { readonly kind: "notification"; readonly method: string; readonly params: string }
	| { readonly kind: "nonsense" };

/** Never throws. What is in a result is left as it is written: masking reads it, with every digit of every number. */
export function readMessage(text: string): ServerMessage {
	const members = membersOf(text);
	if (members?.get("jsonrpc") !== '"2.0"') return { kind: "nonsense" };
	const [id, method] = [scalarOf(members.get("id")), scalarOf(members.get("method"))];
	if (typeof method === "string") {
		if (id === undefined) return { kind: "notification", method, params: members.get("params") ?? "{}" };
		return typeof id === "string" || typeof id === "number" ? { kind: "request", id, method } : { kind: "nonsense" };
	}
	const [result, error] = [members.get("result"), members.get("error")];
	if (typeof id !== "string" || (result === undefined) === (error === undefined)) return { kind: "nonsense" };
	if (result !== undefined) return result.startsWith("{") ? { kind: "result", id, text: result } : { kind: "nonsense" };
	return error?.startsWith("{") ? { kind: "error", id, text: error } : { kind: "nonsense" };
}

/** Texts of scalars are short; anything longer is none of ours. */
const scalarCharsMax = 1_024;

function scalarOf(text: string | undefined): unknown {
	if (text === undefined || text.length > scalarCharsMax) return undefined;
	try {
		return JSON.parse(text) as unknown;
	} catch {
		return undefined;
	}
}

/** No message and no result of MCP has as many at its top. */
const membersMax = 1_000;

/**
 * The members of a JSON object at its top, each value as the text it was written in. Undefined where the text is no object, or names a member
 * twice or more than {@link membersMax}. What is inside of a value is not judged: who reads it parses it.
 */
export function membersOf(text: string): ReadonlyMap<string, string> | undefined {
	const members = new Map<string, string>();
	let at = skipSpace(text, 0);
	if (text[at] !== "{") return undefined;
	at = skipSpace(text, at + 1);
	if (text[at] === "}") return skipSpace(text, at + 1) === text.length ? members : undefined;
	for (;;) {
		const nameEnd = endOfValue(text, at);
		const name = text[at] === '"' ? scalarOf(text.slice(at, nameEnd)) : undefined;
		const colon = skipSpace(text, nameEnd);
		if (typeof name !== "string" || members.has(name) || members.size >= membersMax || text[colon] !== ":") return undefined;
		const start = skipSpace(text, colon + 1);
		const end = endOfValue(text, start);
		if (end === start) return undefined;
		members.set(name, text.slice(start, end));
		at = skipSpace(text, end);
		if (text[at] === "}") return skipSpace(text, at + 1) === text.length ? members : undefined;
		if (text[at] !== ",") return undefined;
		at = skipSpace(text, at + 1);
	}
}

function skipSpace(text: string, from: number): number {
	let at = from;
	while (at < text.length && " \t\r\n".includes(text.charAt(at))) at++;
	return at;
}

/** Behind the value that begins at `from`; `from` itself where none does. */
function endOfValue(text: string, from: number): number {
	let depth = 0;
	for (let at = from; at < text.length; at++) {
		const char = text.charAt(at);
		if (char === '"') {
			at = endOfString(text, at);
			if (depth === 0) return Math.min(at + 1, text.length);
		} else if (char === "{" || char === "[") depth++;
		else if (char === "}" || char === "]") {
			if (depth === 0) return at;
			if (--depth === 0) return at + 1;
		} else if (depth === 0 && ",: \t\r\n".includes(char)) return at;
	}
	return text.length;
}

/** Where the string that opens at `at` closes. */
function endOfString(text: string, at: number): number {
	for (let next = at + 1; next < text.length; next++) {
		const code = text.charCodeAt(next);
		if (code === 0x5c) next++;
		else if (code === 0x22) return next;
	}
	return text.length;
}

/** Deep enough for every schema that is read here (64 levels, and what stands around it). */
const listLimits = { depthMax: 80, nodesMax: 400_000, longNumbersAsText: true, anyMembers: true } as const;

/** A result that is read here: a list, the answer to `initialize`. Undefined where it is nothing that is read: no JSON, too deep, too much. */
export function parseResult(text: string): Readonly<Record<string, unknown>> | undefined {
	try {
		parseJsonStrictly(text, listLimits);
		const value: unknown = JSON.parse(text);
		return isRecord(value) ? value : undefined;
	} catch (error) {
		if (error instanceof JsonRefused) return undefined;
		throw error;
	}
}

/**
 * Server-sent events as they arrive, in whatever pieces: the data of each that is whole. Bounded by whoever collects the pieces.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class EventReader {
	/** Of the last whole event that had one, or of one before it. */
	lastEventId: string | undefined;
	/** How long the server wants to be left alone before its stream is taken up again. */
	retryMs: number | undefined;
	private decoder = new TextDecoder();
	private rest = "";
	private data: string[] = [];
	private id: string | undefined;

	/** Another stream begins, which goes on after the last whole event: what came of one that was not whole is not part of any. */
	resume(): void {
		this.decoder = new TextDecoder();
		this.rest = "";
		this.data = [];
		this.id = this.lastEventId;
	}

	/** The data of the events that this piece completes. */
	push(piece: Uint8Array): string[] {
		const text = this.decoder.decode(piece, { stream: true });
		// Only what is new is searched: a peer that drips must not make the same text be read again and again.
		if (!/[\r\n]/.test(text) && !this.rest.endsWith("\r")) {
			this.rest += text;
			return [];
		}
		const whole = this.rest + text;
		// A CR at the very end may be half of CRLF.
		const lines = whole.split(/\r\n|\n|\r(?!$)/);
		this.rest = lines.pop() ?? "";
		const events: string[] = [];
		for (const line of lines) {
			if (line === "") {
				if (this.data.length > 0) events.push(this.data.join("\n"));
				this.data = [];
				this.lastEventId = this.id;
			} else this.readField(line);
		}
		return events;
	}

	private readField(line: string): void {
		const [, name, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
		if (name === "data") this.data.push(value);
		else if (name === "id" && !value.includes("\0")) this.id = value;
		else if (name === "retry" && /^\d{1,9}$/.test(value)) this.retryMs = Number(value);
	}
}
