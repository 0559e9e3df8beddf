// Every request of a port is counted and timed, and every refusal leaves a line for the operator: its code and reason, never a value.
import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type ProblemCode, problems } from "#libs/contracts/problems.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";
import { Tally } from "./tally.ts";

declare module "fastify" {
	interface FastifyReply {
		/** What it was refused for, once it was. */
		refusal: Refused | null;
	}
}

/** Why a request was refused, in words that may be logged: codes and configured names. */
export interface Refused {
	readonly code: ProblemCode;
	readonly call?: string | undefined;
	/** From a closed list, where a code has several. */
	readonly reason?: string | undefined;
	/** Says more than the reason: which claim, which bound. */
	readonly detail?: string | undefined;
	/** The configured name of the issuer whose token it was. */
	readonly issuer?: string | undefined;
}

type Line = Refused & { readonly route: string };

export interface Requests {
	/** Counts a request that no hook of fastify's sees. */
	begin(request: FastifyRequest, reply: FastifyReply): void;
	/** What could not be read to its end: counted by its route where its answer was begun, else alone. */
	unread(code: ProblemCode, begun: readonly ServerResponse[]): void;
}

/** Where a request fits no route, or was never read so far. */
const noRoute = "none";

export function countRequests(http: FastifyInstance, { log, metrics }: { log: Logger; metrics: Metrics }): Requests {
	const total = metrics.counter("callgate_requests_total", "Requests by route and problem code", ["route", "code"]);
	const seconds = metrics.duration("callgate_request_seconds", "From the first line of a request to the end of its answer", ["route"]);
	const lines = new Tally<Line>({
		tell: ({ about, count }) => log[problems[about.code].status < 500 ? "info" : "warn"]({ ...about, count }, "refused"),
		rest: { code: "too_many_requests", reason: "various", route: noRoute },
	});
	http.decorateReply("refusal", null);
	/** Equal ones of several calls are one line, with the first of the calls. */
	const refused = ({ call, ...line }: Line): void => lines.note({ ...line, call }, line);
	const unreadCodes = new WeakMap<ServerResponse, ProblemCode>();
	const begin = (request: FastifyRequest, reply: FastifyReply): void => {
		const begun = performance.now();
		const route = request.routeOptions.url ?? noRoute;
		reply.raw.once("close", () => {
			const code = unreadCodes.get(reply.raw);
			const refusal: Refused | null = code === undefined ? reply.refusal : { code };
			seconds.observe({ route }, (performance.now() - begun) / 1_000);
			total.inc({ route, code: refusal?.code ?? (reply.raw.writableFinished ? "none" : "gone") });
			if (refusal) refused({ ...refusal, route });
		});
	};
	http.addHook("onRequest", (request, reply, next) => {
		begin(request, reply);
		next();
	});
	http.addHook("onClose", () => lines.close());
	return {
		begin,
		unread: (code, begun) => {
			for (const response of begun) unreadCodes.set(response, code);
			if (begun.length > 0) return;
			total.inc({ route: noRoute, code });
			refused({ code, route: noRoute });
		},
	};
}
