// What the HTTP parser refuses before there is a request, as a problem on the bare socket: node would close, or answer without a word.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ConnectionError } from "fastify";
import { type ProblemCode, problemBody } from "#libs/contracts/problems.ts";
import { isContinue } from "./well-formed.ts";

interface Exchange {
	readonly request: IncomingMessage;
	readonly response: ServerResponse;
}

/** The exchanges of each connection that are not over; with pipelining there are several. */
type Open = WeakMap<Duplex, Set<Exchange>>;

export interface UnreadableOptions {
	readonly headerBytesMax: number;
	/** Told of each, with the answers that were begun for it, if any. */
	readonly unread: (code: ProblemCode, begun: readonly ServerResponse[]) => void;
}

/**
 * Answers what cannot be read, and ends the connection: nobody knows where its next request would begin. An answer that is still owed on it is
 * given first and alone, for whoever asked must not take the refusal of what came behind for theirs.
 */
export class Unreadable {
	private readonly options: UnreadableOptions;
	private readonly open: Open = new WeakMap();

	constructor(options: UnreadableOptions) {
		this.options = options;
	}

	watch(server: Server): void {
		server.on("request", (request, response) => this.begin({ request, response }));
		// Without a listener node closes the connection and says nothing (RFC 9110 section 9.3.6: there are no tunnels here).
		server.on("connect", (_request, socket) => {
			// Node has let go of the socket, so nobody else hears of a reset, and an error without a listener ends the process.
			socket.on("error", () => socket.destroy());
			this.options.unread("method_not_allowed", []);
			endWith(socket, "method_not_allowed", "this is no proxy of the kind that tunnels", "Allow: GET, HEAD, POST, PUT, PATCH, DELETE\r\n");
		});
		// Node would answer 417 without a body, and go on where more than this is expected: what is wrong is told by `refuseIllFormed`.
		server.on("checkExpectation", (request, response) => server.emit("request", request, response));
		server.on("checkContinue", (request, response) => {
			if (isContinue(request.headers.expect)) response.writeContinue();
			server.emit("request", request, response);
		});
	}

	/** For fastify's `clientErrorHandler`. */
	readonly refuse = (error: ConnectionError, socket: Socket): void => {
		if (error.code === "ECONNRESET" || !socket.writable) {
			socket.destroy();
			return;
		}
		const exchanges = [...(this.open.get(socket) ?? [])];
		const owed = exchanges.filter(({ request, response }) => request.complete || response.headersSent);
		for (const { response } of owed) response.once("close", () => socket.destroySoon());
		if (owed.length > 0) return;
		const { code, detail } = this.problemOf(error);
		this.options.unread(
			code,
			exchanges.map(({ response }) => response),
		);
		endWith(socket, code, detail);
	};

	private begin(exchange: Exchange): void {
		const { socket } = exchange.request;
		const exchanges = this.open.get(socket) ?? new Set();
		this.open.set(socket, exchanges.add(exchange));
		exchange.response.once("close", () => exchanges.delete(exchange));
	}

	/** https://nodejs.org/api/errors.html: codes of `http`; those of llhttp begin with `HPE_`. */
	private problemOf({ code, rawPacket }: ConnectionError): { code: ProblemCode; detail: string } {
		if (code === "ERR_HTTP_REQUEST_TIMEOUT") return { code: "request_timeout", detail: "the request was not whole in time" };
		if (code === "HPE_CHUNK_EXTENSIONS_OVERFLOW") return { code: "body_too_large", detail: "the chunk extensions exceed the limit" };
		if (code !== "HPE_HEADER_OVERFLOW") return { code: "malformed_request", detail: "this is not HTTP/1.1 as RFC 9112 has it" };
		const { headerBytesMax } = this.options;
		if (isAddress(rawPacket))
			return { code: "uri_too_long", detail: `address and header fields may have ${headerBytesMax} bytes together` };
		return { code: "headers_too_large", detail: `the header fields may have ${headerBytesMax} bytes together` };
	}
}

/** Whether it is the request line that never ended: its method and no end of line in what came. */
function isAddress(packet: unknown): boolean {
	return Buffer.isBuffer(packet) && /^[A-Z]+ /.test(packet.subarray(0, 16).toString("latin1")) && !packet.includes("\n");
}

function endWith(socket: Duplex, code: ProblemCode, detail: string, more = ""): void {
	const body = problemBody(code, { detail });
	const text = JSON.stringify(body);
	const fields = `Content-Type: application/problem+json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\n${more}Connection: close\r\n`;
	socket.end(`HTTP/1.1 ${body.status} ${body.title}\r\n${fields}\r\n${text}`, () => socket.destroy());
}
