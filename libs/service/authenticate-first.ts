// Who is calling is known before a byte of the body is read: strangers make nobody parse anything, and are on the record.
import type { FastifyRequest } from "fastify";
import type { Caller } from "#libs/contracts/call.ts";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { authorizationOf } from "#libs/identity/authorization-header.ts";
import type { RefusalTally } from "./refusal-events.ts";

type Request = Pick<FastifyRequest, "raw" | "ip">;

export interface Doorkeeper {
	/** @throws {NotAuthenticated} */
	readonly authenticate: (authorization: readonly string[]) => Promise<Caller>;
	readonly strangers: RefusalTally<"control.authentication.failed">;
}

export interface AuthenticateFirst {
	/** A fastify hook for every route that has a caller. @throws {NotAuthenticated} */
	readonly onRequest: (request: Request) => Promise<void>;
	/** The caller of a request of such a route. */
	readonly callerOf: (request: { readonly raw: object }) => Caller;
}

export function authenticateFirst({ authenticate, strangers }: Doorkeeper): AuthenticateFirst {
	const callers = new WeakMap<object, Caller>();
	return {
		onRequest: async ({ raw, ip }) => {
			try {
				callers.set(raw, await authenticate(authorizationOf(raw)));
			} catch (error) {
				if (error instanceof NotAuthenticated) {
					const { reason: refusal, issuer } = error;
					strangers.note({ refusal, ...(issuer !== undefined && { issuer }), from: ip });
				}
				throw error;
			}
		},
		callerOf: ({ raw }) => {
			const caller = callers.get(raw);
			if (!caller) throw new Refusal("unauthenticated");
			return caller;
		},
	};
}
