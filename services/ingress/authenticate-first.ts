// Who is calling is known before a byte of the body is read: strangers make nobody parse anything.
import type { FastifyRequest } from "fastify";
import type { Caller } from "#libs/contracts/call.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { authorizationOf } from "#libs/identity/authorization-header.ts";
import type { IngressPorts } from "./ports.ts";

type Request = Pick<FastifyRequest, "raw">;

export interface AuthenticateFirst {
	/** A fastify hook for every route that has a caller. @throws {Refusal} `unauthenticated`, `not_ready` */
	readonly onRequest: (request: Request) => Promise<void>;
	/** The caller of a request of such a route. */
	readonly callerOf: (request: Request) => Caller;
}

export function authenticateFirst({ authenticate }: Pick<IngressPorts, "authenticate">): AuthenticateFirst {
	const callers = new WeakMap<object, Caller>();
	return {
		onRequest: async (request) => {
			callers.set(request.raw, await authenticate(authorizationOf(request.raw)));
		},
		callerOf: ({ raw }) => {
			const caller = callers.get(raw);
			if (!caller) throw new Refusal("unauthenticated");
			return caller;
		},
	};
}
