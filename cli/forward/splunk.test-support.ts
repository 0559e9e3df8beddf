// A stand-in for Splunk's HTTP Event Collector on its own wire: tokens, channels, acknowledgements, and errors in Splunk's words and codes.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

interface Reply {
	readonly status: number;
	readonly body: { readonly text?: string; readonly code?: number; readonly [member: string]: unknown };
}

const reply = (status: number, code: number, text: string, more: object = {}): Reply => ({ status, body: { text, code, ...more } });
export const replies = {
	success: reply(200, 0, "Success"),
	disabled: reply(403, 1, "Token disabled"),
	noToken: reply(401, 2, "Token is required"),
	invalidToken: reply(403, 4, "Invalid token"),
	invalidData: reply(400, 6, "Invalid data format", { "invalid-event-number": 0 }),
	busy: reply(503, 9, "Server is busy"),
	noChannel: reply(400, 10, "Data channel is missing"),
	ackDisabled: reply(400, 14, "ACK is disabled"),
};

export class SplunkStandIn {
	readonly token = "B5A79AAD-D822-46CC-80D1-819F80D7BFB0";
	/** What is indexed: it survives a restart. */
	readonly indexed: { readonly time: number; readonly sourcetype: string; readonly event: unknown }[] = [];
	/** Answered before anything is looked at, first first. */
	readonly next: Reply[] = [];
	readonly channels: string[] = [];
	hasAcks: boolean;
	/** Whether indexers get to what came. */
	isIndexing = true;
	/** Of each channel what waits by its number. A restart forgets all of it, and what was in memory alone. */
	private waiting = new Map<string, { readonly events: SplunkStandIn["indexed"]; isDone: boolean }[]>();
	private server: Server;
	private port = 0;

	private constructor(hasAcks: boolean) {
		this.hasAcks = hasAcks;
		this.server = this.serve();
	}

	static async start({ hasAcks = true } = {}): Promise<SplunkStandIn> {
		const splunk = new SplunkStandIn(hasAcks);
		await splunk.listen();
		return splunk;
	}

	get url(): string {
		return `http://127.0.0.1:${this.port}`;
	}

	/** As SIGKILL: no answer is finished. */
	async kill(): Promise<void> {
		this.server.closeAllConnections();
		await new Promise((resolve) => this.server.close(resolve));
		this.waiting = new Map();
	}

	async restart(): Promise<void> {
		this.server = this.serve();
		await this.listen();
	}

	private async listen(): Promise<void> {
		this.server.listen(this.port, "127.0.0.1");
		await once(this.server, "listening");
		this.port = (this.server.address() as AddressInfo).port;
	}

	private serve(): Server {
		return createServer(async (request, response) => {
			const chunks: Buffer[] = [];
			for await (const chunk of request) chunks.push(chunk as Buffer);
			const { status, body } = this.next.shift() ?? this.answer(request, Buffer.concat(chunks).toString());
			response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
		});
	}

	private answer({ url, headers }: IncomingMessage, body: string): Reply {
		if (headers.authorization === undefined) return replies.noToken;
		if (headers.authorization !== `Splunk ${this.token}`) return replies.invalidToken;
		const channel = headers["x-splunk-request-channel"];
		if (url === "/services/collector/ack") return this.acknowledge(String(channel), (JSON.parse(body) as { acks: number[] }).acks);
		if (url !== "/services/collector/event") return reply(404, 404, "The requested URL was not found on this server.");
		if (this.hasAcks && typeof channel !== "string") return replies.noChannel;
		return this.take(String(channel), body);
	}

	private take(channel: string, body: string): Reply {
		// One object behind the other, without anything between them.
		const events: SplunkStandIn["indexed"] = [];
		try {
			events.push(...(JSON.parse(`[${body.replaceAll('}{"time"', '},{"time"')}]`) as SplunkStandIn["indexed"]));
		} catch {
			return replies.invalidData;
		}
		this.channels.push(channel);
		if (!this.hasAcks) {
			this.indexed.push(...events);
			return replies.success;
		}
		const waiting = this.waiting.get(channel) ?? [];
		this.waiting.set(channel, waiting);
		return { status: 200, body: { ...replies.success.body, ackId: waiting.push({ events, isDone: false }) - 1 } };
	}

	private acknowledge(channel: string, asked: readonly number[]): Reply {
		if (!this.hasAcks) return replies.ackDisabled;
		const waiting = this.waiting.get(channel) ?? [];
		const acks = asked.map((id) => {
			const one = waiting[id];
			if (!one || one.isDone || !this.isIndexing) return [id, false];
			one.isDone = true;
			this.indexed.push(...one.events);
			return [id, true];
		});
		return { status: 200, body: { acks: Object.fromEntries(acks) } };
	}
}
