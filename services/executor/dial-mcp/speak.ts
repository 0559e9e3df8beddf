// One message to an MCP server, and what comes back for it: from a program a line; over streamable HTTP one message, alone or in a stream of events.
import { EventReader, readMessage, type ServerMessage } from "#libs/mcp/messages.ts";
import { DialError } from "../dial-error.ts";
import type { HttpClient, OutboundRequest } from "../dial-http/http-client.ts";
import type { HeaderField } from "../dial-http/outbound-headers.ts";
import type { Scrubber } from "../dial-http/scrub-secret.ts";

/** How one caller of a server reaches it: the address, the credential, and what keeps that out of what comes back. */
export type Line = HttpLine | ProgramLine;

export interface ProgramLine {
	readonly program: { ask(message: Message, scrub: Scrubber): Promise<Reply> };
	readonly scrub: Scrubber;
}

export interface HttpLine {
	readonly client: HttpClient;
	/** Without a body: each message brings its own. */
	readonly request: OutboundRequest;
	readonly scrub: Scrubber;
}

export interface Message {
	readonly text: string;
	/** Of the request; absent: a notification or an answer, for which nothing comes back. */
	readonly id?: string;
	readonly fields: readonly (readonly [name: string, value: string])[];
	readonly limits: { readonly totalTimeoutMs: number; readonly bodyBytesMax: number };
	readonly beforeFirstByte?: () => void;
	/** What the server says or asks while it works on the request. */
	readonly heard?: (message: Extract<ServerMessage, { kind: "request" | "notification" }>) => void;
}

export interface Reply {
	readonly status: number;
	readonly headers: readonly HeaderField[];
	/** What was answered to the request, without the credential; undefined where nothing was asked, or nothing was answered. */
	readonly answer: Extract<ServerMessage, { kind: "result" | "error" }> | undefined;
}

/** A server that says and asks this much beside its answer is stopped by the bound of the body long before. */
const eventsMax = 10_000;

/** @throws {DialError} where no whole answer came; any status is one */
export async function speak(line: Line, message: Message): Promise<Reply> {
	return "program" in line ? await line.program.ask(message, line.scrub) : await speakHttp(line, message);
}

async function speakHttp({ client, request, scrub }: HttpLine, message: Message): Promise<Reply> {
	const { text, id, fields, limits, beforeFirstByte, heard } = message;
	const events = new EventReader();
	let found: string | undefined;
	let seen = 0;
	const watch = (headers: readonly HeaderField[], piece: Uint8Array): boolean => {
		if (id === undefined || !typeOf(headers).startsWith("text/event-stream")) return false;
		for (const data of events.push(piece)) {
			const one = ++seen > eventsMax ? undefined : readMessage(data);
			if (one?.kind === "request" || one?.kind === "notification") heard?.(one);
			else if (one && one.kind !== "nonsense" && one.id === id) found = data;
		}
		return found !== undefined;
	};
	const { status, headers, body } = await client.dial({
		...request,
		headers: [...request.headers, ...fields.map(([name, value]): HeaderField => [name, value])],
		body: Buffer.from(text),
		limits: { ...request.limits, ...limits, headersTimeoutMs: Math.min(request.limits.headersTimeoutMs, limits.totalTimeoutMs) },
		watch,
		...(beforeFirstByte && { beforeFirstByte }),
	});
	const told = typeOf(headers).startsWith("text/event-stream") ? found : Buffer.from(body).toString();
	if (id === undefined || told === undefined) return { status, headers, answer: undefined };
	const answer = readMessage(await scrub.text(told));
	const isOurs = (answer.kind === "result" || answer.kind === "error") && answer.id === id;
	return { status, headers, answer: isOurs ? answer : undefined };
}

function typeOf(headers: readonly HeaderField[]): string {
	return headers.find(([name]) => name === "content-type")?.[1].toLowerCase() ?? "";
}

/** What was said instead of an answer: never the server's own words. */
export function noAnswer({ status }: Reply, sent: boolean): DialError {
	const told = `the server answered ${status} and no message of MCP to the request`;
	return new DialError("protocol_error", told, { sent, told, ...(sent && { answered: { http: { status } } }) });
}
