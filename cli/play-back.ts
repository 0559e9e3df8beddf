// `callgate audit replay --serve`: a recorded answer, played back to a client under test. No function is called, and only who has the printed token is answered.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Answer, readAnswer } from "#libs/contracts/answer.ts";
import { canonicalJson } from "#libs/contracts/digest.ts";
import { completedText, refusedAs } from "#libs/contracts/ending-answer.ts";
import type { CallgateEvent, Event } from "#libs/contracts/events.ts";
import { isJsonObject, type JsonValue, parseJsonStrictly } from "#libs/contracts/json.ts";
import { type ProblemCode, type ProblemDetails, problemBody, problems } from "#libs/contracts/problems.ts";
import type { SealedArguments, SealingKeys } from "#libs/contracts/sealed.ts";
import { CommandFailed } from "./command-failed.ts";

/** What a client of the recorded call would have been answered, and to which request. */
interface Recorded {
	readonly call: string;
	/** Connection, function and arguments, in canonical JSON: equal requests have equal texts. */
	readonly request: string;
	readonly status: number;
	readonly type: string;
	readonly text: string;
}

export interface PlayingBack {
	readonly url: string;
	/** What a client sends as its bearer token: recorded answers are not for everyone on this machine, nor for pages in its browser. */
	readonly token: string;
	close(): Promise<void>;
}

const loopback = "127.0.0.1";
const bodyBytesMax = 1024 * 1024;

/**
 * Answers `POST /v1/calls` with the recorded call's connection, function and arguments as ingress answered it, and `GET /v1/calls/{id}`; every
 * other request with 404.
 *
 * @param port 0 for one that is free
 * @throws {CommandFailed} where the call has no ending, or the port is taken
 * @throws {SealBroken} where the keys do not open the record
 */
export async function playBack(events: readonly CallgateEvent[], keys: SealingKeys, port: number): Promise<PlayingBack> {
	const recorded = recordedOf(events, keys);
	const token = randomBytes(24).toString("base64url");
	const server = createServer((request, response) => {
		answer(recorded, token, request, response).catch(() => response.destroy());
	});
	await new Promise<void>((resolve, reject) => {
		server.once("error", (error) =>
			reject(new CommandFailed(`Port ${port} on ${loopback} cannot be listened on; give another, or 0 for a free one.`, { cause: error })),
		);
		server.listen({ port, host: loopback, exclusive: true }, resolve);
	});
	const close = () => {
		server.closeAllConnections();
		return new Promise<void>((resolve) => server.close(() => resolve()));
	};
	return { url: `http://${loopback}:${(server.address() as AddressInfo).port}`, token, close };
}

function recordedOf(events: readonly CallgateEvent[], keys: SealingKeys): Recorded {
	const received = events.find((event) => event.type === "call.received");
	const ended = events.findLast((event) => event.type === "call.ended");
	if (!received || !ended) throw new CommandFailed("The call has no ending on this record, so there is no answer to play back.");
	const { call, connection, function: name, pool, sealed } = received.data;
	const opened = JSON.parse(keys.openText(pool, call, "arguments", sealed)) as SealedArguments;
	const request = requestOf({ connection, function: name, arguments: opened.arguments });
	const result = answerOf(ended, events, keys);
	if (result) return { call, request, status: 200, type: "application/json", text: completedText(ended, result) };
	const { code, details } = refusedAs(ended);
	return { call, request, ...problem(code, details) };
}

/** Undefined where the call ended without an answer. */
function answerOf({ data }: Event<"call.ended">, events: readonly CallgateEvent[], keys: SealingKeys): Answer | undefined {
	const { ending, call, pool, sealed } = data;
	if (ending !== "completed") return undefined;
	if (sealed !== undefined) return readAnswer(keys.open(pool, call, "result", sealed));
	const pieces = events
		.filter((event) => event.type === "call.streamed")
		.map((event) => keys.open(pool, call, "piece", event.data.sealed))
		.toSorted((one, other) => one.piece - other.piece);
	const head = pieces[0]?.head;
	return head && { ...head, body: { text: pieces.map(({ text }) => text).join("") } };
}

function requestOf(asked: { readonly connection: JsonValue; readonly function: JsonValue; readonly arguments: JsonValue }): string {
	return canonicalJson([asked.connection, asked.function, asked.arguments]);
}

async function answer(recorded: Recorded, token: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
	const { status, type, text } = await whatIsAnswered(recorded, token, request);
	response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(text);
}

async function whatIsAnswered(
	recorded: Recorded,
	token: string,
	request: IncomingMessage,
): Promise<Pick<Recorded, "status" | "type" | "text">> {
	if (!isToken(request.headers.authorization ?? "", `Bearer ${token}`))
		return problem("unauthenticated", { detail: "send the token that `--serve` printed" });
	if (request.method === "GET" && request.url === `/v1/calls/${recorded.call}`) return recorded;
	if (request.method !== "POST" || request.url !== "/v1/calls")
		return problem("not_found", { detail: `played back are POST /v1/calls and GET /v1/calls/${recorded.call}` });
	const body = await bodyOf(request);
	const asked = body === undefined ? undefined : parsed(body);
	if (!isJsonObject(asked)) return problem("malformed_request", { detail: "expected a JSON object of at most 1 MiB" });
	const { connection = null, function: name = null, arguments: args = null } = asked;
	if (requestOf({ connection, function: name, arguments: args }) === recorded.request) return recorded;
	return problem("not_found", { detail: "the recorded call is of another connection, function or arguments" });
}

function problem(code: ProblemCode, details: ProblemDetails): Pick<Recorded, "status" | "type" | "text"> {
	return { status: problems[code].status, type: "application/problem+json", text: JSON.stringify(problemBody(code, details)) };
}

/** In constant time, whatever its length. */
function isToken(found: string, expected: string): boolean {
	const [one, other] = [found, expected].map((text) => createHash("sha256").update(text).digest());
	return one !== undefined && other !== undefined && timingSafeEqual(one, other);
}

async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of request as AsyncIterable<Buffer>) {
		bytes += chunk.length;
		if (bytes > bodyBytesMax) return undefined;
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString();
}

function parsed(body: string): JsonValue | undefined {
	try {
		return parseJsonStrictly(body);
	} catch {
		return undefined;
	}
}
