// The door of every way in over HTTP: who is calling is known, and there is room for what it brings, before a byte of the body is read; and for what it asks for again.
import type { FastifyRequest } from "fastify";
import type { Caller } from "#libs/contracts/call.ts";
import { authorizationOf } from "#libs/identity/authorization-header.ts";
import { type AuthenticateFirst, authenticateFirst, type Doorkeeper } from "#libs/service/authenticate-first.ts";
import type { Logger } from "#libs/service/logger.ts";
import { hereCharsMax } from "#libs/service/work-aside.ts";
import { checkScopes } from "../check-scopes.ts";
import type { Intake, Place } from "../intake.ts";
import type { Ended } from "../pending-calls.ts";
import type { IngressPorts } from "../ports.ts";
import { callerLeft } from "./read-request.ts";

/** What ways in over HTTP need beside what the core does. */
export interface DoorPorts extends IngressPorts, Doorkeeper {
	/** For what fails although its request does not. */
	readonly log: Pick<Logger, "error">;
}

interface Incoming {
	readonly raw: object & { readonly headers: Readonly<Record<string, string | string[] | undefined>> };
	readonly ip: string;
}
interface Outgoing {
	readonly raw: { readonly destroyed: boolean; once(event: "close", listener: () => void): unknown };
}

export interface Door extends AuthenticateFirst {
	/** Fastify hooks, in their order, for every route that brings a call. @throws {NotAuthenticated}, and what {@link Intake.admit} and {@link checkScopes} throw */
	readonly admitting: [AuthenticateFirst["onRequest"], (request: Incoming, reply: Outgoing) => Promise<void>];
	/**
	 * Whose the request's token is by now, judged as if it came anew: for what goes on long after it was admitted. A token that ended meanwhile is no
	 * stranger's, so it is not on the record.
	 *
	 * @throws {Refusal}
	 */
	readonly admittedStill: (request: Pick<FastifyRequest, "raw">) => Promise<Caller>;
	/** Work on a request of such a route: see {@link Place}. */
	during<T>(request: Pick<Incoming, "raw">, work: (gone: AbortSignal | undefined) => Promise<T>): Promise<T>;
}

export function openDoor(ports: DoorPorts): Door {
	const { onRequest: authenticate, callerOf } = authenticateFirst(ports);
	const checkToken = (caller: Caller) => checkScopes(ports.configuration.current(), ports.scopes, caller);
	const onRequest: AuthenticateFirst["onRequest"] = async (request) => {
		await authenticate(request);
		checkToken(callerOf(request));
	};
	const places = new WeakMap<object, Place>();
	const admit = async (request: Incoming, { raw }: Outgoing): Promise<void> => {
		// While it was found out who it is: its end was told already, and would not be told again.
		if (raw.destroyed) throw callerLeft();
		const place = ports.intake.admit(callerOf(request) satisfies Caller, bytesOf(request.raw.headers));
		places.set(request.raw, place);
		raw.once("close", () => place.leave(callerLeft()));
	};
	return {
		onRequest,
		callerOf,
		admitting: [onRequest, admit],
		admittedStill: async ({ raw }) => {
			const caller = await ports.authenticate(authorizationOf(raw));
			checkToken(caller);
			return caller;
		},
		during: async ({ raw }, work) => {
			const place = places.get(raw);
			return place ? await place.during(work) : await work(undefined);
		},
	};
}

/** Counts a large answer that was stored, for as long as it is opened and sent to whoever asks for it. @throws {Refusal} `too_many_requests` */
export function makeRoomFor(ended: Ended, intake: Intake, caller: Caller, { raw }: Outgoing): void {
	if (raw.destroyed) throw callerLeft();
	raw.once("close", takeRoomFor(ended, intake, caller));
}

/** As {@link makeRoomFor}, until what it returns is called. */
export function takeRoomFor({ data }: Ended, intake: Intake, caller: Caller): () => void {
	const bytes = data.sealed?.length ?? data.streamed?.chars ?? 0;
	return bytes <= hereCharsMax ? () => undefined : intake.admitAnswer(caller, bytes);
}

/** By RFC 9112 section 6: a length, or chunks of which nobody knows how many will come (undefined), or no body. */
function bytesOf(headers: Incoming["raw"]["headers"]): number | undefined {
	const length = headers["content-length"];
	if (typeof length === "string" && /^\d{1,15}$/.test(length)) return Number(length);
	return headers["transfer-encoding"] === undefined ? 0 : undefined;
}
