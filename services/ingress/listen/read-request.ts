// What every way in reads from a request in the same manner: who is gone, how long to wait, which key, which trace.
import { randomUUID } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Refusal } from "#libs/contracts/problems.ts";

/** RFC 7240: how long the caller wants to wait, in milliseconds; undefined if it does not say. `respond-async` is a wait of nothing. */
export function readWaitMs(prefer: string | string[] | undefined, secondsMax: number): number | undefined {
	const preferences = [prefer ?? []].flat().join(",").split(",");
	for (const preference of preferences) {
		const [token = ""] = preference.split(";");
		const match = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*$/i.exec(token);
		if (match) return Math.min(Number(match[1]), secondsMax) * 1_000;
		if (/^\s*respond-async\s*$/i.test(token)) return 0;
	}
	return undefined;
}

/** The number of the last piece that the client has; 0 where it says none that could be one. */
export function readLastEventId(value: string | string[] | undefined): number {
	return typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : 0;
}

/** draft-ietf-httpapi-idempotency-key-header: one opaque string. */
export function readIdempotencyKey(value: string | string[] | undefined): string | undefined {
	if (value === undefined) return undefined;
	if (typeof value !== "string" || !/^[\x21-\x7e]{1,255}$/.test(value)) {
		throw new Refusal("malformed_request", { detail: "Idempotency-Key must be one value of 1 to 255 visible ASCII characters" });
	}
	return value;
}

/** W3C Trace Context: the caller's trace goes on; without a valid one a new trace begins here. */
export function readTraceparent(value: string | string[] | undefined): string {
	const match = typeof value === "string" ? /^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/.exec(value) : null;
	// As random as is needed to tell requests apart, and ten times as cheap as asking the system for it each time.
	const random = () => randomUUID().replaceAll("-", "");
	const trace = match?.[1] && !/^0+$/.test(match[1]) ? match[1] : random();
	return `00-${trace}-${random().slice(16)}-${match?.[2] ?? "01"}`;
}

/** Why work on a request was dropped. Nobody hears it. */
export function callerLeft(): Refusal {
	return new Refusal("not_ready", { detail: "the caller left before its request was worked on" });
}

/** Aborted when the caller closes the connection before it was answered. */
export function goneSignal(request: FastifyRequest, reply: FastifyReply): AbortSignal {
	const gone = new AbortController();
	reply.raw.once("close", () => {
		if (!reply.raw.writableFinished) gone.abort(callerLeft());
	});
	if (request.raw.socket.destroyed) gone.abort(callerLeft());
	return gone.signal;
}
