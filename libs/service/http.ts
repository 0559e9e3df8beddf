// The HTTP side of a process: health, readiness, metrics, and every refusal as a problem (RFC 9457) from the one catalogue.
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, type FastifySchema } from "fastify";
import findMyWay, { type HTTPMethod } from "find-my-way";
import { EventsUnavailable } from "#libs/bus/bus.ts";
import type { JsonLimits } from "#libs/contracts/json.ts";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { type ProblemCode, type ProblemDetails, problemBody, Refusal } from "#libs/contracts/problems.ts";
import { tokenCharactersMax } from "#libs/identity/authorization-header.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import { parseBody } from "./parse-body.ts";
import { countRequests, type Refused, type Requests } from "./requests.ts";
import { Unreadable } from "./unreadable.ts";
import { refuseIllFormed } from "./well-formed.ts";
import { AsideTooSlow } from "./work-aside.ts";

export interface HttpOptions {
	readonly log: Logger;
	readonly metrics: Metrics;
	/** Each check that must pass before this process can do its work; it throws with the reason. */
	readonly ready: Readonly<Record<string, () => Promise<void>>>;
	/** What an operator should look at although this process does its work, by name. Everyone may read it: nothing secret. */
	readonly warnings?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
	/** What `/readyz` tells of how the servers keep things, as read back from them. Everyone may read it: names and numbers, nothing secret. */
	readonly durability?: () => object;
	readonly bodyBytesMax: number;
	readonly jsonLimits?: JsonLimits;
}

const retryAfterSecondsDefault = 2;

const routerOptions = { maxParamLength: 512, ignoreTrailingSlash: false };
/** A token and as much again as a browser sends. Not above one read of a socket (64 KiB): `Unreadable` tells by it what was too long. */
const headerBytesMax = tokenCharactersMax + 16_000;

/** A fastify instance with the house's manners. Routes are added by the service, then `listen`. */
export function createHttp(options: HttpOptions): FastifyInstance {
	const { log, bodyBytesMax } = options;
	const unreadable = new Unreadable({ headerBytesMax, unread: (code, begun) => requests.unread(code, begun) });
	const http = fastify({
		bodyLimit: bodyBytesMax,
		// Headers and body must arrive; a caller that waits for a person is bounded by its own `Prefer: wait`.
		requestTimeout: 30_000,
		keepAliveTimeout: 75_000,
		// A missing Host is refused in our own words: see `refuseIllFormed`.
		http: { maxHeaderSize: headerBytesMax, headersTimeout: 15_000, requireHostHeader: false },
		routerOptions,
		forceCloseConnections: "idle",
		// Said in our own words: see `partGently`.
		return503OnClosing: false,
		// What does not fit a schema is refused, never stripped or coerced.
		ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: false } },
		logger: false,
		clientErrorHandler: unreadable.refuse,
		// An address that the router cannot read. No hook runs for it.
		frameworkErrors: (error, request, reply) => {
			requests.begin(request, reply);
			refuse(error, request, reply);
		},
	});
	const requests: Requests = countRequests(http, options);
	const refuse = (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
		const { code, details } = problemOf(error);
		if (code === "internal") log.error({ error, code, call: details.call, route: request.routeOptions.url }, "request failed");
		const known = error instanceof NotAuthenticated ? { reason: error.reason, issuer: error.issuer, detail: error.inLog } : {};
		return sendProblem(reply, code, details, known);
	};
	unreadable.watch(http.server);
	http.removeContentTypeParser(["application/json", "text/plain"]);
	http.addContentTypeParser("application/json", { parseAs: "buffer" }, async ({ is404 }: FastifyRequest, body: Buffer) =>
		is404 || body.length === 0 ? undefined : parseBody(body, options.jsonLimits),
	);
	http.addContentTypeParser("*", { parseAs: "buffer" }, async ({ is404 }: FastifyRequest, body: Buffer) => {
		if (!is404 && body.length > 0) throw new Refusal("unsupported_media_type");
	});
	http.setErrorHandler(refuse);
	const methodsAt = rememberRoutes(http);
	http.setNotFoundHandler((request, reply) => {
		const methods = methodsAt(request.raw.url ?? "/");
		if (methods.length === 0) return sendProblem(reply, "not_found", { detail: "no such address" });
		reply.header("allow", methods.join(", "));
		return sendProblem(reply, "method_not_allowed", { detail: `this address answers ${methods.join(", ")}` });
	});
	addOperationalRoutes(http, options);
	partGently(http);
	refuseIllFormed(http);
	return http;
}

/** Which methods an address answers. The router itself finds no route without a method, so a second one of its kind is asked by method. */
function rememberRoutes(http: FastifyInstance): (url: string) => string[] {
	const routes = findMyWay(routerOptions);
	const methods = new Set<HTTPMethod>();
	http.addHook("onRoute", ({ method, url }) => {
		for (const one of [method].flat() as HTTPMethod[]) {
			methods.add(one);
			if (!routes.hasRoute(one, url)) routes.on(one, url, () => undefined);
		}
	});
	return (url) => {
		const [path = "/"] = url.split("?");
		return [...methods].filter((method) => routes.find(method, path) !== null).sort();
	};
}

/**
 * While this process stops, what is in work is answered and nothing new is taken. Each answer ends its connection: one that were kept open
 * for a next request would keep the process from ending until its client lets go.
 */
function partGently(http: FastifyInstance): void {
	let isClosing = false;
	http.addHook("preClose", async () => {
		isClosing = true;
	});
	// With callbacks: every request passes here, and a promise is not free.
	http.addHook("onRequest", (_request, reply, next) => {
		if (isClosing) sendProblem(reply, "not_ready", { detail: "this process is stopping" });
		else next();
	});
	http.addHook("onSend", (_request, reply, payload, next) => {
		if (isClosing) reply.header("connection", "close");
		next(null, payload);
	});
	// An answer that had begun before could not say so.
	http.addHook("onResponse", ({ raw }, _reply, next) => {
		if (isClosing) raw.socket.destroySoon();
		next();
	});
}

/** @param known what the operator is told beside the code. */
export function sendProblem(
	reply: FastifyReply,
	code: ProblemCode,
	details: ProblemDetails = {},
	known: Omit<Refused, "code" | "call"> = {},
): FastifyReply {
	const body = problemBody(code, details);
	reply.refusal = { ...known, code, call: details.call };
	if (body.status === 503 || body.status === 429)
		reply.header("retry-after", String(details.retryAfterSeconds ?? retryAfterSecondsDefault));
	// A way in whose protocol says more has said it already.
	if (body.status === 401 && !reply.hasHeader("www-authenticate")) reply.header("www-authenticate", 'Bearer realm="callgate"');
	if (details.scopes && !reply.hasHeader("www-authenticate"))
		reply.header("www-authenticate", `Bearer realm="callgate", error="insufficient_scope", scope="${details.scopes.join(" ")}"`);
	if (details.call) reply.header("callgate-call", details.call);
	return reply.code(body.status).type("application/problem+json").send(JSON.stringify(body));
}

/** What a caller may learn of an error: ours by its code, fastify's by its kind, anything else nothing. */
export function problemOf(error: unknown): { code: ProblemCode; details: ProblemDetails } {
	if (error instanceof Refusal) return { code: error.code, details: error.details };
	if (error instanceof EventsUnavailable) return { code: "events_unavailable", details: { detail: "events cannot be stored now" } };
	if (error instanceof AsideTooSlow)
		return { code: "not_ready", details: { detail: "a large text could not be worked on in time; try again later" } };
	const { code, statusCode, message, validation = [] } = (error ?? {}) as Partial<FastifyError>;
	if (code === "FST_ERR_CTP_BODY_TOO_LARGE" || statusCode === 413)
		return { code: "body_too_large", details: { detail: "the body exceeds the limit" } };
	if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") return { code: "unsupported_media_type", details: {} };
	if (code === "FST_ERR_VALIDATION") {
		const errors = validation.map(({ instancePath, message: fault = "" }) => ({ pointer: instancePath, message: fault }));
		return { code: "malformed_request", details: { detail: message, errors } };
	}
	if (code === "FST_ERR_BAD_URL")
		return { code: "malformed_request", details: { detail: "the address is not percent-encoded as RFC 3986 has it" } };
	if (statusCode === 414)
		return { code: "uri_too_long", details: { detail: `a part of the path may have ${routerOptions.maxParamLength} characters` } };
	if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return { code: "malformed_request", details: {} };
	return { code: "internal", details: {} };
}

function addOperationalRoutes(http: FastifyInstance, { ready, metrics, warnings, durability }: HttpOptions): void {
	const hidden = { schema: { hide: true } as FastifySchema };
	http.get("/healthz", hidden, async (_request, reply) => reply.type("application/json").send('{"status":"alive"}'));
	http.get("/readyz", hidden, async (_request, reply) => {
		const checks: Record<string, string> = {};
		for (const [name, check] of Object.entries(ready)) {
			checks[name] = await check().then(
				() => "ok",
				(error: unknown) => (error instanceof Error ? error.message : "failed"),
			);
		}
		const told = { warnings: await warnings?.(), durability: durability?.() };
		const isReady = Object.values(checks).every((state) => state === "ok");
		return reply
			.code(isReady ? 200 : 503)
			.type("application/json")
			.send(JSON.stringify({ status: isReady ? "ready" : "not ready", checks, ...told }));
	});
	http.get("/metrics", hidden, async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
}
