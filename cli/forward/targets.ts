// Where events of the record are forwarded to: a file with rotation, a webhook (Standard Webhooks), a syslog receiver (RFC 5424 over TLS).
import { createHash, createHmac } from "node:crypto";
import { type FileHandle, open, rename, stat } from "node:fs/promises";
import { isIP } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import type { Format } from "./formats.ts";

/** What is on its way together. */
export interface Batch {
	readonly lines: readonly string[];
	readonly format: Format;
	/** The same for the same events, however often they are sent. */
	readonly id: string;
}

export interface Target {
	/**
	 * Resolves when the receiver has it: on the disk, or answered with 2xx; for syslog, which answers nothing, when it left this machine's hands.
	 *
	 * @throws {NotDelivered}
	 */
	send(batch: Batch): Promise<void>;
	close(): Promise<void>;
}

/** `isFinal`: trying again will not help. The message names what happened, never what was sent. */
export class NotDelivered extends ExpectedError {
	readonly isFinal: boolean;
	constructor(message: string, isFinal = false) {
		super(message);
		this.isFinal = isFinal;
	}
}

export function batchId(first: string, last: string): string {
	return `msg_${createHash("sha256").update(`${first}\n${last}`).digest("hex").slice(0, 32)}`;
}

/** Appends lines; a file that has reached its size is renamed to `.1`, that to `.2` and so on, as many as are kept. */
export function fileTarget(path: string, { bytesMax, kept }: { readonly bytesMax: number; readonly kept: number }): Target {
	let file: FileHandle | undefined;
	const append = async (text: string): Promise<void> => {
		file ??= await open(path, "a", 0o600);
		const { size } = await file.stat();
		if (size > 0 && size + Buffer.byteLength(text) > bytesMax) {
			await file.close();
			file = undefined;
			await rotate(path, kept);
			file = await open(path, "a", 0o600);
		}
		await file.writeFile(text);
		await file.datasync();
	};
	return {
		async send({ lines }) {
			try {
				await append(`${lines.join("\n")}\n`);
			} catch (error) {
				await file?.close().catch(() => undefined);
				file = undefined;
				throw new NotDelivered(`the file cannot be written (${codeOf(error)})`);
			}
		},
		close: async () => void (await file?.close()),
	};
}

async function rotate(path: string, kept: number): Promise<void> {
	for (let nth = kept; nth > 0; nth--) {
		const from = nth === 1 ? path : `${path}.${nth - 1}`;
		if (await stat(from).catch(() => undefined)) await rename(from, `${path}.${nth}`);
	}
}

const webhookTimeoutMs = 30_000;

/**
 * One POST a batch, signed as https://www.standardwebhooks.com says (version 1, symmetric): a receiver may know it again by `webhook-id`. JSON formats
 * are sent as a list. Redirects are not followed: what is signed goes to the named address or nowhere.
 *
 * @param secret 24 to 64 bytes
 */
export function webhookTarget(url: string, secret: Uint8Array, now: () => Date): Target {
	return {
		async send({ lines, format: { contentType }, id }) {
			const isJson = contentType.endsWith("json");
			const body = isJson ? `[${lines.join(",")}]` : `${lines.join("\n")}\n`;
			const timestamp = String(Math.floor(now().getTime() / 1_000));
			const headers = {
				"content-type": contentType.replace("cloudevents+json", "cloudevents-batch+json"),
				...{ "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": webhookSignature(secret, id, timestamp, body) },
			};
			const status = await post(url, headers, body);
			if (status >= 200 && status < 300) return;
			// 4xx is a receiver that will not take it, but for those that ask for patience.
			throw new NotDelivered(`the webhook answered ${status}`, status >= 400 && status < 500 && ![408, 425, 429].includes(status));
		},
		close: async () => undefined,
	};
}

/** Version 1: HMAC-SHA-256 over id, seconds since 1970 and body. */
export function webhookSignature(secret: Uint8Array, id: string, timestamp: string, body: string): string {
	return `v1,${createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}

async function post(url: string, headers: Record<string, string>, body: string): Promise<number> {
	try {
		const answer = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal: AbortSignal.timeout(webhookTimeoutMs) });
		await answer.body?.cancel();
		return answer.status;
	} catch (error) {
		throw new NotDelivered(`the webhook cannot be reached (${codeOf(error)})`);
	}
}

/** Facility 13 (log audit), severity 6 (informational): RFC 5424 section 6.2.1. */
const priority = 13 * 8 + 6;
const syslogTimeoutMs = 30_000;

/** Frames with their length before them over TLS (RFC 5425); the receiver's certificate is checked for its name. */
export function syslogTarget(
	to: { readonly host: string; readonly port: number; readonly ca?: string | undefined },
	now: () => Date,
): Target {
	let socket: TLSSocket | undefined;
	return {
		async send({ lines }) {
			try {
				if (!socket || socket.destroyed || !socket.writable) socket = await opened(to);
				await written(socket, lines.map((line) => frame(line, now())).join(""));
			} catch (error) {
				socket?.destroy();
				socket = undefined;
				throw new NotDelivered(`syslog at ${to.host}:${to.port} cannot be reached (${codeOf(error)})`);
			}
		},
		close: async () => void socket?.end(),
	};
}

function opened({
	host,
	port,
	ca,
}: {
	readonly host: string;
	readonly port: number;
	readonly ca?: string | undefined;
}): Promise<TLSSocket> {
	const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
	const socket = connect({
		host,
		port,
		...(isIP(host) === 0 && { servername: host }),
		minVersion: "TLSv1.2",
		...(ca !== undefined && { ca }),
	});
	socket.setTimeout(syslogTimeoutMs, () => socket.destroy(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })));
	socket.once("secureConnect", () => {
		socket.setTimeout(0);
		resolve(socket);
	});
	socket.on("error", reject);
	// A receiver says nothing; that it closed is seen when it is read.
	socket.resume();
	return promise;
}

function written(socket: TLSSocket, text: string): Promise<void> {
	return new Promise((resolve, reject) => {
		const failed = (error?: Error) => reject(error ?? Object.assign(new Error("closed"), { code: "ECONNRESET" }));
		socket.once("close", failed);
		socket.write(text, (error) => {
			socket.off("close", failed);
			if (error) failed(error);
			else resolve();
		});
	});
}

function frame(line: string, now: Date): string {
	const message = `<${priority}>1 ${now.toISOString()} - callgate ${process.pid} - - ${line}`;
	return `${Buffer.byteLength(message)} ${message}`;
}

function codeOf(error: unknown): string {
	const { code, cause } = (error ?? {}) as { code?: unknown; cause?: { code?: unknown } };
	const told = code ?? cause?.code;
	return typeof told === "string" ? told : "the connection broke";
}
