// The function of a fault run: it writes down every request before anything else, and then behaves as the request's own argument says.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { planted } from "./configuration.ts";
import type { BankRequest } from "./evidence.ts";
import type { Behaviour } from "./plan-calls.ts";

export interface RecordingBank {
	readonly log: readonly BankRequest[];
	stop(): Promise<void>;
}

export const sha256 = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex");

/** A flat object's digest, whatever the order of its members. */
export function flatDigest(value: object): string {
	return sha256(JSON.stringify(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))));
}

export async function startRecordingBank(port: number): Promise<RecordingBank> {
	const log: BankRequest[] = [];
	const server = createServer((request, response) => {
		const at = Date.now();
		record(request, at, log)
			.then((behaviour) => behave(behaviour, response, request.url === "/tell" ? told : paid))
			.catch(() => response.destroy());
	});
	server.keepAliveTimeout = 5_000;
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(port, "127.0.0.1", resolve);
	});
	return {
		log,
		stop: () =>
			new Promise((resolve) => {
				server.closeAllConnections();
				server.close(() => resolve());
			}),
	};
}

async function record(request: IncomingMessage, at: number, log: BankRequest[]): Promise<Behaviour> {
	// Entered before the body is there: a request that breaks off in the middle happened all the same.
	const entry: { -readonly [Key in keyof BankRequest]: BankRequest[Key] } = {
		at,
		path: request.url ?? "",
		reference: "",
		bodyDigest: "",
		credential: sha256((request.headers.authorization ?? "").replace(/^Bearer /, "")),
	};
	const key = request.headers["idempotency-key"];
	if (typeof key === "string") entry.idempotencyKey = key;
	log.push(entry);
	let text = "";
	for await (const chunk of request as AsyncIterable<Buffer>) text += chunk.toString("utf8");
	const body = JSON.parse(text) as { reference: string; behaviour: Behaviour };
	entry.reference = body.reference;
	entry.bodyDigest = flatDigest(body);
	return body.behaviour;
}

interface BankAnswer {
	readonly head: { readonly "content-type": string };
	readonly parts: readonly string[];
}
const json = { "content-type": "application/json" };
const paid: BankAnswer = { head: json, parts: [JSON.stringify({ done: true, card: planted.answerCard, contact: planted.email })] };
/** What is said in events, the secrets cut over several. */
const words = [
	"The card is ",
	...cut(planted.answerCard),
	", ask ",
	...cut(planted.email),
	". ",
	..."That is all there is to say. ".repeat(8).split(/(?<= )/),
];
const told: BankAnswer = {
	head: { "content-type": "text/event-stream" },
	parts: [...words.map((content) => `data: ${JSON.stringify({ content })}\n\n`), 'data: {"done":true}\n\n'],
};

function cut(secret: string): string[] {
	return secret.match(/.{1,5}/g) ?? [];
}

async function behave(behaviour: Behaviour, response: ServerResponse, { head, parts }: BankAnswer): Promise<void> {
	const answer = parts.join("");
	switch (behaviour) {
		case "ok":
			response.writeHead(201, head);
			for (const part of parts) {
				response.write(part);
				if (parts.length > 1) await delay(4);
			}
			return void response.end();
		case "slow":
			await delay(400);
			return void response.writeHead(201, head).end(answer);
		case "hang":
			return;
		case "drip":
			response.writeHead(200, head);
			for (const character of answer.slice(0, 20)) {
				response.write(character);
				await delay(40);
			}
			return void response.end(answer.slice(20));
		case "drop":
			// Not a byte of an answer: nothing tells whether it was done.
			return void response.socket?.resetAndDestroy();
		case "reset":
			response.writeHead(200, head).write(answer.slice(0, answer.length / 2));
			await delay(20);
			return void response.socket?.resetAndDestroy();
		case "endless":
			response.writeHead(200, parts.length > 1 ? head : { "content-type": "text/plain" });
			while (!response.destroyed) {
				response.write("more ".repeat(2_000));
				await delay(100);
			}
			return;
		case "lie":
			return void response.writeHead(200, { ...head, "content-length": "100000" }).end(answer);
		case "bomb":
			return void response.writeHead(200, { ...json, "content-encoding": "gzip" }).end(bomb);
		case "redirect":
			return void response.writeHead(302, { location: "http://127.0.0.1:1/elsewhere" }).end();
		case "error":
			return void response.writeHead(500, json).end(JSON.stringify({ error: "the bank is unwell" }));
	}
}

/** 64 MB of spaces. */
const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, 32));
