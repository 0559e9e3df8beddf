// Messages of MCP from standard input to Callgate's streamable HTTP and back, each as it is: only what HTTP says beside them is added.
import type { IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { isProblemCode, problems } from "#libs/contracts/problems.ts";
import { type ApiClient, readAll } from "./api-client.ts";
import { CommandFailed } from "./command-failed.ts";
import type { Io } from "./io.ts";
import { recordOf } from "./problem.ts";

export interface ForwarderParts {
	/** @param isStale the token before was not taken */
	readonly connect: (isStale: boolean) => Promise<Pick<ApiClient, "exchange">>;
	readonly path: string;
	readonly print: Io["print"];
	/** Whether a token that is not taken may be another one at the second attempt. */
	readonly isRefreshable: boolean;
}

type Message = Readonly<Record<string, unknown>>;

/** Requests that wait for their answers at once; further ones are read when there is room. */
const underWayMax = 64;
const internalError = -32_603;

export class Forwarder {
	private readonly parts: ForwarderParts;
	/** Headers of what `initialize` agreed on; a client of 2026-07-28 says its version in each message. */
	private agreed: Record<string, string> = {};
	private readonly underWay = new Map<unknown, AbortController>();

	constructor(parts: ForwarderParts) {
		this.parts = parts;
	}

	/** Until there is no more input and every request was answered. */
	async serve(input: Io["input"]): Promise<void> {
		const working = new Set<Promise<void>>();
		for await (const line of createInterface({ input: Readable.from(input), crlfDelay: Number.POSITIVE_INFINITY })) {
			if (line.trim() === "") continue;
			const work = this.forward(line).finally(() => working.delete(work));
			working.add(work);
			if (working.size >= underWayMax) await Promise.race(working);
		}
		await Promise.all(working);
	}

	private async forward(line: string): Promise<void> {
		const message = recordOf(parsed(line));
		const { method } = message;
		const id = isReply(message) ? undefined : message.id;
		if (method === "notifications/cancelled") this.underWay.get(recordOf(message.params).requestId)?.abort();
		const leaving = new AbortController();
		if (id !== undefined && typeof method === "string") this.underWay.set(id, leaving);
		try {
			await this.passOn(await this.send(message, line, leaving.signal), message);
		} catch (error) {
			// Who cancelled a request expects no answer to it: to leave is how HTTP says so.
			if (leaving.signal.aborted) return;
			if (!(error instanceof CommandFailed)) throw error;
			this.fail(id, internalError, error.message);
		} finally {
			if (this.underWay.get(id) === leaving) this.underWay.delete(id);
		}
	}

	private async send(message: Message, line: string, signal: AbortSignal): Promise<IncomingMessage> {
		const headers = {
			...headersOf(message, this.agreed),
			accept: "application/json, text/event-stream",
			"content-type": "application/json",
		};
		const { connect, path, isRefreshable } = this.parts;
		const answer = await (await connect(false)).exchange(path, line, headers, signal);
		if (answer.statusCode !== 401 || !isRefreshable) return answer;
		answer.resume();
		return await (await connect(true)).exchange(path, line, headers, signal);
	}

	private async passOn(answer: IncomingMessage, message: Message): Promise<void> {
		// Nothing is said to what a client answers.
		if (isReply(message)) return void answer.resume();
		const { id, method } = message;
		if (/^text\/event-stream\b/.test(answer.headers["content-type"] ?? "")) {
			for await (const text of eventsOf(answer)) this.parts.print(text);
			return;
		}
		const text = await readAll(answer);
		const said = recordOf(parsed(text));
		if (said.jsonrpc === "2.0") {
			const { protocolVersion } = recordOf(said.result);
			if (method === "initialize" && typeof protocolVersion === "string") {
				const session = answer.headers["mcp-session-id"];
				this.agreed = { "mcp-protocol-version": protocolVersion, ...(typeof session === "string" && { "mcp-session-id": session }) };
			}
			// A line is a message. What a function sent stands in it as it was sent, with its line ends; in strings there are none.
			this.parts.print(text.replace(/[\r\n]+/g, " "));
		} else if (id !== undefined) {
			const { code, title, detail } = said;
			const isOurs = typeof code === "string" && isProblemCode(code);
			const why = [title, detail].filter((one) => typeof one === "string").join(": ");
			this.fail(
				id,
				isOurs ? problems[code].jsonRpc : internalError,
				why || `Callgate answered ${answer.statusCode}`,
				isOurs ? said : undefined,
			);
		}
	}

	private fail(id: unknown, code: number, message: string, data?: object): void {
		if (id !== undefined) this.parts.print(JSON.stringify({ jsonrpc: "2.0", id, error: { code, message, ...(data && { data }) } }));
	}
}

/** What a client says to a request that it was sent. */
function isReply({ method, result, error }: Message): boolean {
	return method === undefined && (result !== undefined || error !== undefined);
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/** Which member of `params` a request is about (MCP 2026-07-28, standard request headers, and the tasks extension). */
const nameMembers: Readonly<Record<string, string>> = {
	...{ "tools/call": "name", "prompts/get": "name", "resources/read": "uri" },
	...{ "tasks/get": "taskId", "tasks/update": "taskId", "tasks/cancel": "taskId" },
};

function headersOf({ method, params }: Message, agreed: Record<string, string>): Record<string, string> {
	const version = recordOf(recordOf(params)._meta)["io.modelcontextprotocol/protocolVersion"];
	if (typeof version !== "string" || typeof method !== "string") return agreed;
	const member = Object.hasOwn(nameMembers, method) ? nameMembers[method] : undefined;
	const name = member === undefined ? undefined : recordOf(params)[member];
	const mirrored = { "mcp-protocol-version": headerText(version), "mcp-method": headerText(method) };
	return typeof name === "string" ? { ...mirrored, "mcp-name": headerText(name) } : mirrored;
}

/** What a header cannot carry, or would be read as encoded, stands in it as base64. */
function headerText(text: string): string {
	const isPlain = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !text.startsWith("=?base64?");
	return isPlain ? text : `=?base64?${Buffer.from(text).toString("base64")}?=`;
}

/** The data of server-sent events, each in one line. */
async function* eventsOf(answer: IncomingMessage): AsyncGenerator<string> {
	let data: string[] = [];
	for await (const line of createInterface({ input: answer, crlfDelay: Number.POSITIVE_INFINITY })) {
		if (line === "" && data.length > 0) {
			yield data.join(" ");
			data = [];
		} else if (line.startsWith("data:")) data.push(line.slice(5).trim());
	}
}
