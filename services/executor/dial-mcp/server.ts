// One MCP server as this executor knows it: the session it is spoken to in, where its revision has one, and the definitions of what it has, for a while.
import { randomUUID } from "node:crypto";
import type { McpMessage } from "#libs/mcp/build-message.ts";
import { changedParts, type PinnedList, type Pins, pinnedLists, type ServerRevision } from "#libs/mcp/definitions.ts";
import { initializeParams, modernRevision, notificationText, parseResult, requestText, type ServerMessage } from "#libs/mcp/messages.ts";
import type { Askable } from "#libs/mcp/questions.ts";
import { type Aside, AsideTooSlow, hereCharsMax } from "#libs/service/work-aside.ts";
import { DialError, type DialErrorCode } from "../dial-error.ts";
import type { Notice } from "../ports.ts";
import type { Line, Reply } from "./line.ts";
import { NoticeReader } from "./notice-reader.ts";
import { type Page, type PageText, readPage } from "./read-page.ts";
import { noAnswer, speak } from "./speak.ts";

/** How long definitions are taken for present: what a server changes is noticed within this, and at once where it says so. */
const definitionsMs = 15_000;
const listBytesMax = 4 * 1024 * 1024;
/** What a server says of itself is read where calls wait. */
const greetingBytesMax = 64 * 1024;
const pagesMax = 50;
const entriesMax = 5_000;
/** Questions of a server's own that are answered during one call. Nothing is granted to it: it hears that, so that it does not wait. */
const repliesMax = 16;
const replyLimits = { totalTimeoutMs: 5_000, bodyBytesMax: 65_536 } as const;
/** The ways in which a call is given up because its time is over. */
const lateCodes: readonly DialErrorCode[] = ["headers_timeout", "idle_timeout", "total_timeout"];

interface CallTerms {
	readonly meta: object;
	/** What the client can be asked for. */
	readonly may: readonly Askable[];
	readonly untilMs: number;
	readonly bodyBytesMax: number;
	readonly beforeFirstByte: () => void;
	/** Told of what the server says meanwhile; absent: it is not asked to. */
	readonly noticed?: ((notice: Notice) => void) | undefined;
}

/** An entry of a list as it was pinned. */
export interface Pinned {
	readonly list: PinnedList;
	readonly key: string;
	readonly pins: Pins;
}

/** By name or URI; `undefined`: two entries have it. */
type Definitions = ReadonlyMap<string, Pins | undefined>;

/** How a list is asked for, what an entry of it is called, and what the server says when it changes. */
const lists = {
	tools: { method: "tools/list", noun: "tool", changed: "notifications/tools/list_changed" },
	resources: { method: "resources/list", noun: "resource", changed: "notifications/resources/list_changed" },
	resourceTemplates: { method: "resources/templates/list", noun: "template", changed: "notifications/resources/list_changed" },
	prompts: { method: "prompts/list", noun: "prompt", changed: "notifications/prompts/list_changed" },
} as const satisfies Record<PinnedList, object>;

export interface ServerParts {
	readonly revision: ServerRevision;
	readonly nowMs: () => number;
	/** Large lists are read there, those of one server one after the other. */
	readonly aside: Aside;
	/** Which server it is. */
	readonly name: string;
}

export class Server {
	readonly #revision: ServerRevision;
	readonly #nowMs: () => number;
	readonly #parts: ServerParts;
	#session: Promise<readonly (readonly [string, string])[]> | undefined;
	readonly #definitions = new Map<PinnedList, { readonly listed: Promise<Definitions>; readonly atMs: number }>();

	constructor(parts: ServerParts) {
		this.#parts = parts;
		this.#revision = parts.revision;
		this.#nowMs = parts.nowMs;
	}

	/** What was agreed with it is gone: it is another process by now. */
	forget(): void {
		this.#session = undefined;
		this.#definitions.clear();
	}

	/**
	 * Makes the server ready for a call: greeted, and what the call is about still what was pinned.
	 *
	 * @param pin where the pin stands and what renews it, for whoever reads the error
	 * @throws {DialError} with `sent: false`
	 */
	async ready(line: Line, pinned: readonly Pinned[], pin: string, untilMs: number): Promise<void> {
		try {
			await this.#greeted(line, untilMs);
			for (const one of pinned) await this.#compare(line, one, pin, untilMs);
		} catch (error) {
			throw asUnsent(error);
		}
	}

	async #compare(line: Line, pinned: Pinned, pin: string, untilMs: number): Promise<void> {
		const known = this.#definitions.get(pinned.list);
		const isFresh = known !== undefined && this.#nowMs() - known.atMs < definitionsMs;
		if (isFresh && whatChanged(pinned, await this.#inTime(known.listed, untilMs)) === undefined) return;
		const present = whatChanged(pinned, await this.#list(line, pinned.list, untilMs));
		if (!present) return;
		const { told, changed } = present;
		throw new DialError("definition_changed", told, { sent: false, told: `${told}; ${pin}`, changed });
	}

	/** The call itself. @throws {DialError} */
	async call(line: Line, message: McpMessage, { meta, may, untilMs, bodyBytesMax, beforeFirstByte, noticed }: CallTerms) {
		const id = randomUUID();
		const notices = noticed && new NoticeReader(line, noticed);
		const asked = { ...meta, ...notices?.asking };
		const params = { ...message.params, ...(Object.keys(asked).length > 0 && { _meta: asked }) };
		const session = await this.#greeted(line, untilMs).catch((error: unknown) => {
			throw asUnsent(error);
		});
		const reply = await speak(line, {
			...{ id, text: requestText(this.#revision, id, message.method, params, may), beforeFirstByte },
			// A stream of 2026-07-28 that is gone is gone.
			resumes: !this.#isModern,
			fields: [...this.#fields(message.method), ...session, ...(this.#isModern ? message.fields : [])],
			limits: { totalTimeoutMs: this.#left(untilMs), bodyBytesMax },
			heard: this.#listener(line, session, notices),
		})
			.catch((error: unknown) => {
				this.#cancelLate(line, session, id, error);
				throw error;
			})
			.finally(() => notices?.end());
		this.#noticeLoss(reply, session);
		if (!reply.answer) throw noAnswer(reply, true);
		return reply.answer;
	}

	/**
	 * Nobody waits for the answer any more, so the server may stop (https://modelcontextprotocol.io/specification/2025-11-25/basic/utilities/cancellation). In
	 * 2026-07-28 a stream that is closed says so by itself, and a program that stopped within a line was ended.
	 */
	#cancelLate(line: Line, session: readonly (readonly [string, string])[], requestId: string, error: unknown): void {
		if (!(error instanceof DialError) || !error.sent || !lateCodes.includes(error.code)) return;
		if ("program" in line ? error.answered !== undefined : this.#isModern) return;
		const method = "notifications/cancelled";
		const text = notificationText(method, { requestId, reason: "the answer was not there in time" });
		// What became of the call is told already: whether the server hears this changes nothing of it.
		speak(line, { text, fields: [...this.#fields(method), ...session], limits: replyLimits }).catch(() => undefined);
	}

	get #isModern(): boolean {
		return this.#revision === modernRevision;
	}

	#left(untilMs: number): number {
		return Math.max(1, untilMs - this.#nowMs());
	}

	#fields(method: string): [string, string][] {
		const version: [string, string] = ["mcp-protocol-version", this.#revision];
		return this.#isModern ? [version, ["mcp-method", method]] : [version];
	}

	/** The headers of the session, which is begun where there is none. Calls at once begin it together. */
	async #greeted(line: Line, untilMs: number): Promise<readonly (readonly [string, string])[]> {
		if (this.#isModern) return [];
		const known = this.#session;
		if (known) return await this.#inTime(known, untilMs);
		const begun = this.#greet(line, untilMs);
		this.#session = begun;
		begun.catch(() => {
			if (this.#session === begun) this.#session = undefined;
		});
		return await begun;
	}

	async #greet(line: Line, untilMs: number): Promise<readonly (readonly [string, string])[]> {
		const reply = await this.#ask(line, "initialize", initializeParams(this.#revision), [], untilMs, greetingBytesMax);
		const said = (parseResult(reply.text) ?? unusable("initialize", "nothing that is read")).protocolVersion;
		if (said !== this.#revision) {
			const told = `the server no longer speaks revision ${this.#revision} of MCP`;
			throw new DialError("definition_changed", told, { sent: false, told, changed: ["protocolVersion"] });
		}
		const id = reply.headers.find(([name]) => name === "mcp-session-id")?.[1];
		if (id !== undefined && !/^[\x21-\x7e]{1,1024}$/.test(id))
			throw new DialError("protocol_error", "the session has no usable id", { sent: false });
		const session: readonly (readonly [string, string])[] = id === undefined ? [] : [["mcp-session-id", id]];
		await speak(line, {
			text: notificationText("notifications/initialized"),
			fields: [...this.#fields("notifications/initialized"), ...session],
			limits: { totalTimeoutMs: this.#left(untilMs), bodyBytesMax: listBytesMax },
		});
		return session;
	}

	/** Lists anew; calls at once share it. */
	async #list(line: Line, list: PinnedList, untilMs: number): Promise<Definitions> {
		const atMs = this.#nowMs();
		const listed = this.#listAll(line, list, untilMs);
		const mine = { listed, atMs };
		this.#definitions.set(list, mine);
		listed.catch(() => {
			if (this.#definitions.get(list) === mine) this.#definitions.delete(list);
		});
		return await listed;
	}

	async #listAll(line: Line, list: PinnedList, untilMs: number): Promise<Definitions> {
		const found = new Map<string, Pins | undefined>();
		let cursor: string | undefined;
		let bytesLeft = listBytesMax;
		for (let page = 0; page < pagesMax; page++) {
			const session = await this.#greeted(line, untilMs);
			const { method } = lists[list];
			const { text } = await this.#ask(line, method, cursor === undefined ? {} : { cursor }, session, untilMs, bytesLeft);
			bytesLeft -= text.length;
			const { entries, nextCursor } =
				(await this.#inTime(this.#readPage({ list, text }), untilMs)) ?? unusable(method, "nothing that is read");
			for (const [key, pins] of entries) found.set(key, found.has(key) ? undefined : pins);
			cursor = nextCursor;
			if (cursor === undefined) return found;
			if (found.size > entriesMax || bytesLeft <= 0) break;
		}
		throw new DialError("protocol_error", `${lists[list].method} does not end`, {
			sent: false,
			told: `the server's answer to ${lists[list].method} is larger than is read`,
		});
	}

	async #readPage(page: PageText): Promise<Page | undefined> {
		if (page.text.length <= hereCharsMax) return readPage(page);
		const { aside, name } = this.#parts;
		return await aside.run<PageText, Page | undefined>("readLargePage", { turn: `server ${name}` }, page).catch((error: unknown) => {
			throw error instanceof AsideTooSlow ? unusable(lists[page.list].method, "what takes too long to read") : error;
		});
	}

	async #ask(
		line: Line,
		method: string,
		params: Readonly<Record<string, unknown>>,
		session: readonly (readonly [string, string])[],
		untilMs: number,
		bodyBytesMax: number,
	) {
		const id = randomUUID();
		const reply = await speak(line, {
			...{ id, text: requestText(this.#revision, id, method, params) },
			fields: [...this.#fields(method), ...session],
			limits: { totalTimeoutMs: this.#left(untilMs), bodyBytesMax },
			heard: this.#listener(line, session),
		});
		this.#noticeLoss(reply, session);
		const { answer } = reply;
		if (answer?.kind !== "result") return unusable(method, answer ? "an error" : `${reply.status} and no message of MCP`);
		return { text: answer.text, headers: reply.headers };
	}

	/** A server that restarted knows no session: the next call begins one. This call is not sent again, whatever the server says became of it. */
	#noticeLoss({ status }: Reply, session: readonly (readonly [string, string])[]): void {
		if (status === 404 && session.length > 0) {
			this.forget();
		}
	}

	#listener(line: Line, session: readonly (readonly [string, string])[], notices?: NoticeReader) {
		let replies = 0;
		return (message: Extract<ServerMessage, { kind: "request" | "notification" }>): void => {
			if (message.kind === "notification") {
				notices?.hear(message);
				for (const list of pinnedLists) if (message.method === lists[list].changed) this.#definitions.delete(list);
				return;
			}
			if (this.#isModern || ++replies > repliesMax) return;
			const answered = message.method === "ping" ? { result: {} } : { error: { code: -32_601, message: "not granted by the gateway" } };
			const text = JSON.stringify({ jsonrpc: "2.0", id: message.id, ...answered });
			// Whether the server hears it is its own concern: the call has its own time.
			speak(line, { text, fields: [...this.#fields("reply"), ...session], limits: replyLimits }).catch(() => undefined);
		};
	}

	/** What another call began, for no longer than this one may take. */
	async #inTime<T>(work: Promise<T>, untilMs: number): Promise<T> {
		const late = Promise.withResolvers<never>();
		const timer = setTimeout(
			() => late.reject(new DialError("connect_timeout", "the server was not ready in time", { sent: false })),
			this.#left(untilMs),
		);
		try {
			return await Promise.race([work, late.promise]);
		} finally {
			clearTimeout(timer);
		}
	}
}

/** @throws {DialError} */
function unusable(method: string, what: string): never {
	const told = `the server answered ${method} with ${what}`;
	throw new DialError("protocol_error", told, { sent: false, told });
}

/** Undefined where the entry is what was pinned. Never the server's own words: they are what nobody approved. */
function whatChanged(
	{ list, key, pins }: Pinned,
	present: Definitions,
): { readonly told: string; readonly changed: readonly string[] } | undefined {
	const { noun } = lists[list];
	if (!present.has(key)) return { told: `the server has no ${noun} ${JSON.stringify(key)} any more`, changed: ["gone"] };
	const now = present.get(key);
	if (!now) return { told: `the server has two ${noun}s ${JSON.stringify(key)}`, changed: ["twice"] };
	const changed = changedParts(list, pins, now);
	if (changed.length === 0) return undefined;
	return { told: `of the ${noun} ${JSON.stringify(key)} not all is as it was pinned: ${changed.join(", ")}`, changed };
}

/** What went wrong before the call: of the call itself nothing was sent. */
function asUnsent(error: unknown): unknown {
	if (!(error instanceof DialError)) return error;
	const { code, message, told, changed, cause } = error;
	return new DialError(code, message.slice(code.length + 2), {
		sent: false,
		told: told ?? "before the call, as the server was greeted or asked what it has",
		changed,
		cause,
	});
}
