// One message to an MCP server over streamable HTTP, and the message that comes back for it: alone, or in a stream of events. The stream of a call that ends
// before its answer is taken up again where it ended, and the call is not sent again.
import { setTimeout as delay } from "node:timers/promises";
import { EventReader, readMessage } from "#libs/mcp/messages.ts";
import { DialError } from "../dial-error.ts";
import type { OutboundAnswer, OutboundRequest } from "../dial-http/http-client.ts";
import type { HeaderField } from "../dial-http/outbound-headers.ts";
import type { HttpLine, Message, Reply } from "./line.ts";

/** A server that says and asks this much beside its answer is stopped by the bound of the body long before. */
const eventsMax = 10_000;
const resumptionsMax = 1_000;
/** How long is waited before that where a server says nothing (`retry`), and at the least. */
const retryMsDefault = 1_000;
const retryMsMin = 100;

/** @throws {DialError} where no whole answer came; any status is one */
export async function speakHttp({ client, request, scrub }: HttpLine, message: Message): Promise<Reply> {
	const { text, id, limits, beforeFirstByte } = message;
	const untilMs = performance.now() + limits.totalTimeoutMs;
	const stream = new AnswerStream(message);
	const headers = [...request.headers, ...message.fields.map(([name, value]): HeaderField => [name, value])];
	const body = Buffer.from(text);
	const post = { ...bounded({ ...request, headers, body }, stream, limits), ...(beforeFirstByte && { beforeFirstByte }) };
	let answer = await orBrokenOff(client.dial(post), stream);
	for (let nth = 0; nth < resumptionsMax && isStream(answer) && stream.resumesAt !== undefined; nth++) {
		const totalTimeoutMs = untilMs - performance.now() - stream.retryMs;
		if (totalTimeoutMs <= 0) throw new DialError("total_timeout", "the answer was not complete in time", begun);
		await delay(stream.retryMs);
		stream.resume();
		const get = { ...request, method: "GET", headers: resuming(headers, stream.resumesAt) };
		answer = await orBrokenOff(client.dial(bounded(get, stream, { ...limits, totalTimeoutMs })), stream).catch(asSent);
	}
	const { status, headers: fields } = answer;
	const told = isStream(answer) ? stream.found : Buffer.from(answer.body).toString();
	if (id === undefined || told === undefined) return { status, headers: fields, answer: undefined };
	const read = readMessage(await scrub.text(told));
	const isOurs = (read.kind === "result" || read.kind === "error") && read.id === id;
	return { status, headers: fields, answer: isOurs ? read : undefined };
}

function bounded(request: OutboundRequest, stream: AnswerStream, { totalTimeoutMs, bodyBytesMax }: Message["limits"]): OutboundRequest {
	const headersTimeoutMs = Math.min(request.limits.headersTimeoutMs, totalTimeoutMs);
	// All that comes of one answer counts, in however many streams.
	const bytesMax = Math.max(0, bodyBytesMax - stream.bytes);
	const limits = { ...request.limits, totalTimeoutMs, headersTimeoutMs, bodyBytesMax: bytesMax };
	return { ...request, limits, watch: (headers, piece) => stream.read(headers, piece) };
}

/** https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery */
function resuming(headers: readonly HeaderField[], lastEventId: string): HeaderField[] {
	const kept = headers.filter(([name]) => name !== "accept" && name !== "content-type");
	return [...kept, ["accept", "text/event-stream"], ["last-event-id", lastEventId]];
}

type Answer = Pick<OutboundAnswer, "status" | "headers" | "body">;

/** A stream that broke off is one that ended; also one that could not be taken up, so that it is tried again. */
const brokenOff: Answer = { status: 200, headers: [["content-type", "text/event-stream"]], body: new Uint8Array() };
const waysToBreak = ["connect_failed", "connection_reset", "body_truncated"];

async function orBrokenOff(dialling: Promise<Answer>, stream: AnswerStream): Promise<Answer> {
	return await dialling.catch((error: unknown) => {
		const isBroken = error instanceof DialError && waysToBreak.includes(error.code);
		if (!isBroken || stream.resumesAt === undefined) throw error;
		return brokenOff;
	});
}

/** Of a call whose stream began, whatever became of the attempt to take it up again. */
const begun = { sent: true, answered: { http: { status: brokenOff.status } } } as const;

function asSent(error: unknown): never {
	if (!(error instanceof DialError)) throw error;
	const { code, message, told, cause } = error;
	throw new DialError(code, message.slice(code.length + 2), { ...begun, told, cause });
}

function isStream({ headers }: { readonly headers: readonly HeaderField[] }): boolean {
	const type = headers.find(([name]) => name === "content-type")?.[1] ?? "";
	return type.toLowerCase().startsWith("text/event-stream");
}

/** The events that come for one message, in one stream or several. */
class AnswerStream {
	/** The message that answers it. */
	found: string | undefined;
	bytes = 0;
	private readonly events = new EventReader();
	private seen = 0;
	private readonly message: Message;

	constructor(message: Message) {
		this.message = message;
	}

	/** True as soon as nothing more is needed. */
	read(headers: readonly HeaderField[], piece: Uint8Array): boolean {
		const { id, heard } = this.message;
		if (id === undefined || !isStream({ headers })) return false;
		this.bytes += piece.length;
		for (const data of this.events.push(piece)) {
			const one = ++this.seen > eventsMax ? undefined : readMessage(data);
			if (one?.kind === "request" || one?.kind === "notification") heard?.(one);
			else if (one && one.kind !== "nonsense" && one.id === id) this.found = data;
		}
		return this.found !== undefined;
	}

	/** What comes next comes in another stream. */
	resume(): void {
		this.events.resume();
	}

	/** The event after which it is taken up again; undefined where it is not. */
	get resumesAt(): string | undefined {
		const { lastEventId } = this.events;
		const isUsable = lastEventId !== undefined && /^[\x21-\x7e]{1,1024}$/.test(lastEventId);
		return this.message.resumes && this.found === undefined && isUsable ? lastEventId : undefined;
	}

	get retryMs(): number {
		return Math.max(retryMsMin, this.events.retryMs ?? retryMsDefault);
	}
}
