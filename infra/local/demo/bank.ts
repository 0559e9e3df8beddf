// The demo's bank: checks its own API key, follows its OpenAPI document, and remembers what it saw so that others can prove it.
import { createHash, timingSafeEqual } from "node:crypto";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { type BankAnswer, createBankHandlers, problem } from "./bank-accounts.ts";
import { type Operation, readBankOperations } from "./bank-document.ts";
import { serveSupportDesk } from "./support-desk.ts";

/** One request as the bank saw it, refused ones too. */
export type SeenRequest = {
	/** 1 for the first request since the bank started. */
	readonly number: number;
	readonly time: string;
	readonly method: string;
	/** With the query. */
	readonly path: string;
	/** SHA-256 (hex) of the bearer token that came, or undefined when none did: enough to tell whose it was, useless to call with. */
	readonly credentialSha256: string | undefined;
	readonly idempotencyKey: string | undefined;
	/** Every header but `authorization`. */
	readonly headers: Readonly<Record<string, string>>;
	/** The parsed JSON body; undefined when there was none or the key was wrong. */
	body?: unknown;
	/** The status answered; undefined while the request runs. */
	status?: number;
};

export type BankOptions = {
	/** 0 picks a free one. */
	readonly port: number;
	readonly apiKey: string;
	/** Awaited before the request is answered (not for `/_demo`): tests hold a request open with it. */
	readonly onRequest?: (seen: SeenRequest) => void | Promise<void>;
};

export type Bank = {
	readonly url: string;
	readonly requests: readonly SeenRequest[];
	/** Every route served, as `METHOD /path/:name`. */
	readonly routes: readonly string[];
	stop(): Promise<void>;
};

// Enough for the longest fault run, about 30 MB; the oldest fall out.
const requestsMax = 50_000;
const idempotencyKeysMax = 10_000;
const bodyBytesMax = 64 * 1024;

/** Starts the bank on 127.0.0.1, with its support desk beside it (support-desk.ts). `GET /_demo/requests` (with the bank's key) lists what it saw. Rejects when the port is taken. */
export async function startBank({ port, apiKey, onRequest }: BankOptions): Promise<Bank> {
	const app = Fastify({ bodyLimit: bodyBytesMax, routerOptions: { maxParamLength: 100 } });
	const requests: SeenRequest[] = [];
	const routes: string[] = [];
	app.addHook("onRoute", ({ method, path }) => {
		for (const name of [method].flat()) routes.push(`${name} ${path}`);
	});
	answerProblems(app);
	recordRequests(app, requests);
	checkApiKey(app, apiKey);
	app.addHook("preHandler", async (request) => {
		const seen = seenBy.get(request);
		if (seen) await onRequest?.(seen);
	});
	serveOperations(app);
	serveSupportDesk(app);
	app.get("/_demo/requests", () => ({ requests }));
	const url = await app.listen({ port, host: "127.0.0.1" });
	return { url, requests, routes, stop: () => app.close() };
}

const seenBy = new WeakMap<FastifyRequest, SeenRequest>();

function recordRequests(app: FastifyInstance, requests: SeenRequest[]): void {
	let count = 0;
	app.addHook("onRequest", async (request) => {
		if (request.url.startsWith("/_demo/")) return;
		const { authorization, ...headers } = request.headers;
		const token = bearerOf(authorization);
		const seen: SeenRequest = {
			number: ++count,
			time: new Date().toISOString(),
			method: request.method,
			path: request.url,
			credentialSha256: token === undefined ? undefined : sha256(token).toString("hex"),
			idempotencyKey: request.headers["idempotency-key"]?.toString(),
			headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
		};
		seenBy.set(request, seen);
		requests.push(seen);
		if (requests.length > requestsMax) requests.shift();
	});
	app.addHook("preValidation", async (request) => {
		const seen = seenBy.get(request);
		if (seen && request.body !== undefined) seen.body = request.body;
	});
	app.addHook("onResponse", async (request, reply) => {
		const seen = seenBy.get(request);
		if (seen) seen.status = reply.statusCode;
	});
}

function checkApiKey(app: FastifyInstance, apiKey: string): void {
	const expected = sha256(apiKey);
	app.addHook("onRequest", async (request, reply) => {
		const token = bearerOf(request.headers.authorization);
		if (token !== undefined && timingSafeEqual(sha256(token), expected)) return;
		reply.header("WWW-Authenticate", 'Bearer realm="bank"');
		return send(reply, problem(401, "Unauthorized", "This bank wants its API key as a bearer token."));
	});
}

/** Serves what the document declares, with its schemas; refuses to start when document and handlers differ. */
function serveOperations(app: FastifyInstance): void {
	// A body is JSON and has its types; a path or query is text, so numbers in it are read as numbers.
	const strict = new Ajv2020({ strict: false, useDefaults: true });
	const fromText = new Ajv2020({ strict: false, useDefaults: true, coerceTypes: true });
	for (const ajv of [strict, fromText]) formats.default(ajv);
	app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === "body" ? strict : fromText).compile(schema as object));

	const handlers = createBankHandlers();
	const operations = readBankOperations();
	const undeclared = Object.keys(handlers).filter((name) => !operations.some(({ operationId }) => operationId === name));
	if (undeclared.length > 0) throw new Error(`The bank's OpenAPI document does not declare ${undeclared.join(", ")}.`);
	const repeated = rememberAnswers();
	for (const operation of operations) {
		const handler = handlers[operation.operationId];
		if (!handler) throw new Error(`The bank has nothing that does ${operation.operationId}.`);
		app.route({
			method: operation.method,
			url: operation.path,
			schema: schemaOf(operation),
			exposeHeadRoute: false,
			handler: (request, reply) => {
				const { params, query, body } = request;
				const run = () => handler({ params: params as Record<string, string>, query: query as Record<string, unknown>, body });
				const key = operation.method === "POST" ? request.headers["idempotency-key"] : undefined;
				return send(reply, key === undefined ? run() : repeated(String(key), JSON.stringify([operation.operationId, params, body]), run));
			},
		});
	}
}

function schemaOf({ params, query, body }: Operation): Record<string, unknown> {
	return { params, querystring: query, ...(body === undefined ? {} : { body }) };
}

/** Idempotency-Key: the same key and request give the first answer again; the same key with another request is refused. */
function rememberAnswers() {
	const first = new Map<string, { request: string; answer: BankAnswer }>();
	return (key: string, request: string, run: () => BankAnswer): BankAnswer => {
		const before = first.get(key);
		if (before) return before.request === request ? before.answer : problem(422, "This Idempotency-Key came with another request");
		const answer = run();
		first.set(key, { request, answer });
		const [oldest] = first.keys();
		if (first.size > idempotencyKeysMax && oldest !== undefined) first.delete(oldest);
		return answer;
	};
}

function answerProblems(app: FastifyInstance): void {
	app.setNotFoundHandler((_request, reply) => send(reply, problem(404, "No such operation")));
	app.setErrorHandler((error: { validation?: unknown; statusCode?: number; message: string }, _request, reply) => {
		if (error.validation) return send(reply, problem(422, "The request does not follow the document", error.message));
		const status = error.statusCode ?? 500;
		return send(reply, problem(status, status < 500 ? "Bad request" : "The bank failed", status < 500 ? error.message : undefined));
	});
}

function send(reply: FastifyReply, { status, type, body }: BankAnswer): FastifyReply {
	reply.code(status);
	if (type === undefined) return reply.send();
	return reply.type(type).send(typeof body === "string" ? body : JSON.stringify(body));
}

function bearerOf(authorization: string | undefined): string | undefined {
	return /^Bearer ([\x21-\x7e]{1,8192})$/i.exec(authorization ?? "")?.[1];
}

function sha256(text: string): Buffer {
	return createHash("sha256").update(text).digest();
}
