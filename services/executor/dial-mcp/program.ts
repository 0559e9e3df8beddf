// An MCP server that is a program of this machine: started without a shell and without this process's environment, spoken to in lines, ended with it.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { readMessage, type ServerMessage } from "#libs/mcp/messages.ts";
import { DialError, type DialErrorCode } from "../dial-error.ts";
import type { Scrubber } from "../dial-http/scrub-secret.ts";
import type { Message, Reply } from "./line.ts";

export interface ProgramSpec {
	/** Absolute: nothing is looked up. */
	readonly command: string;
	readonly args: readonly string[];
	/** All that the program finds in its environment, its credential included. */
	readonly env: Readonly<Record<string, string>>;
}

/** One line: the largest list that is read, and what stands around it. */
const lineCharsMax = 5 * 1024 * 1024;
const pendingMax = 256;
/** What a program has not read yet of what was sent to it; it would grow with each call that is given up. */
const unreadBytesMax = 16 * 1024 * 1024;
/** A program that ends within this time of its start is not started again at once. */
const briefMs = 2_000;
const pauseMsMax = 30_000;
/** Between asking a program to end and ending it. */
const endMs = 2_000;

interface Pending {
	readonly end: (outcome: Reply["answer"] | DialError) => void;
	readonly heard: Message["heard"];
}

type Child = ChildProcessByStdio<Writable, Readable, null>;

export class Program {
	readonly #spec: ProgramSpec;
	readonly #nowMs: () => number;
	/** Told when the program is gone: whatever was agreed with it is gone too. */
	readonly #gone: () => void;
	readonly #pending = new Map<string, Pending>();
	#child: Child | undefined;
	#startedMs = 0;
	#briefs = 0;
	#notBeforeMs = 0;
	#rest = "";
	#closed = false;

	constructor(spec: ProgramSpec, nowMs: () => number, gone: () => void) {
		this.#spec = spec;
		this.#nowMs = nowMs;
		this.#gone = gone;
	}

	/** @throws {DialError} */
	async ask({ text, id, limits, beforeFirstByte, heard }: Message, scrub: Scrubber): Promise<Reply> {
		if (this.#pending.size >= pendingMax) throw new DialError("connect_timeout", "too many calls of one program at once", { sent: false });
		const child = await this.#running();
		if (child.stdin.writableLength > unreadBytesMax) throw new DialError("connect_timeout", "the program does not read", { sent: false });
		try {
			beforeFirstByte?.();
		} catch (cause) {
			throw new DialError("aborted", "refused at the last moment", { sent: false, cause });
		}
		const answer = id === undefined ? undefined : this.#awaited(id, heard, limits.totalTimeoutMs);
		child.stdin.write(`${text}\n`);
		const came = await answer;
		if (came instanceof DialError) throw came;
		return { status: 200, headers: [], answer: came && { ...came, text: await scrub.text(came.text) } };
	}

	async close(): Promise<void> {
		this.#closed = true;
		await this.#end("aborted");
	}

	/** Settles once, with the answer or with what went wrong; it never rejects, so that nothing is left unheard. */
	#awaited(id: string, heard: Message["heard"], timeoutMs: number): Promise<Reply["answer"] | DialError> {
		return new Promise((resolve) => {
			const late = setTimeout(() => {
				const lost = this.#lost(id, "total_timeout", "the answer was not complete in time");
				end(lost);
				// Whatever it says next stands on half a line.
				if (lost.answered) void this.#end("connection_reset");
			}, timeoutMs);
			const end = (outcome: Reply["answer"] | DialError): void => {
				clearTimeout(late);
				this.#pending.delete(id);
				resolve(outcome);
			};
			this.#pending.set(id, { end, heard });
		});
	}

	/** An answer has begun where a line that is not whole yet names the request. */
	#lost(id: string, code: DialErrorCode, detail: string): DialError {
		const hasBegun = this.#rest.includes(id);
		const known = hasBegun && code === "connection_reset" ? "body_truncated" : code;
		return new DialError(known, detail, { sent: true, ...(hasBegun && { answered: { mcp: { isError: false } } }) });
	}

	async #running(): Promise<Child> {
		if (this.#closed) throw new DialError("aborted", "the dialer is closed", { sent: false });
		if (this.#child) return this.#child;
		if (this.#nowMs() < this.#notBeforeMs) {
			const told = "the program ended as soon as it began; it is started again in a while";
			throw new DialError("connect_failed", told, { sent: false, told });
		}
		const { command, args, env } = this.#spec;
		const child = spawn(command, args, { env: { ...env }, cwd: "/", stdio: ["pipe", "pipe", "ignore"], shell: false, windowsHide: true });
		this.#child = child;
		this.#startedMs = this.#nowMs();
		this.#rest = "";
		child.stdout.setEncoding("utf8").on("data", (text: string) => this.#read(child, text));
		// A program that is gone takes nothing more: that it is gone is told below.
		child.stdin.on("error", () => undefined);
		child.once("error", () => this.#left(child));
		child.once("close", () => this.#left(child));
		return child;
	}

	#read(child: Child, text: string): void {
		if (child !== this.#child) return;
		// A line that comes in many parts is looked through once, not with each part.
		const [first = "", ...lines] = text.split("\n");
		this.#rest += first;
		const last = lines.pop();
		if (last !== undefined) {
			lines.unshift(this.#rest);
			this.#rest = last;
		}
		for (const line of lines) if (line.trim() !== "") this.#hear(line);
		if (this.#rest.length > lineCharsMax) void this.#end("body_too_large");
	}

	#hear(line: string): void {
		const message = line.length > lineCharsMax ? ({ kind: "nonsense" } as const) : readMessage(line);
		switch (message.kind) {
			case "nonsense":
				// What writes anything else there cannot be understood any more, whatever comes next.
				void this.#end("protocol_error");
				return;
			case "request":
			case "notification":
				this.#tell(message);
				return;
			case "result":
			case "error":
				this.#pending.get(message.id)?.end(message);
		}
	}

	/** Nobody can tell of which call a program asks: one of those that wait hears it. What it notes all hear, and it says itself about whose progress. */
	#tell(message: Extract<ServerMessage, { kind: "request" | "notification" }>): void {
		if (message.kind === "notification") {
			for (const { heard } of this.#pending.values()) heard?.(message);
			return;
		}
		for (const { heard } of this.#pending.values()) {
			if (!heard) continue;
			heard(message);
			return;
		}
	}

	#left(child: Child): void {
		if (child !== this.#child) return;
		this.#forget("connection_reset");
		const lived = this.#nowMs() - this.#startedMs;
		this.#briefs = lived < briefMs ? this.#briefs + 1 : 0;
		// The first time it may have been chance.
		this.#notBeforeMs = this.#briefs < 2 ? 0 : this.#nowMs() + Math.min(pauseMsMax, 2 ** this.#briefs * 250);
	}

	#forget(code: DialErrorCode): void {
		this.#child = undefined;
		this.#gone();
		for (const [id, { end }] of [...this.#pending]) end(this.#lost(id, code, "the program ended, or was ended"));
		this.#rest = "";
	}

	/** Asks the program to end, and ends it. */
	async #end(code: DialErrorCode): Promise<void> {
		const child = this.#child;
		if (!child) return;
		this.#forget(code);
		const over = new Promise<void>((resolve) => child.once("close", () => resolve()));
		child.stdin.end();
		child.kill("SIGTERM");
		await Promise.race([over, delay(endMs, undefined, { ref: false })]);
		if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
	}
}
