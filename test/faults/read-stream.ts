// The stream as the checker reads it: parsed by itself, without the product's own decoder, and kept as small as the checks allow.
import { createHash } from "node:crypto";
import { importJWK, type JWK, jwtVerify } from "jose";
import type { Permission, StreamEvent } from "./evidence.ts";
import type { StoredMessage } from "./operator.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** The events of a message; undefined where it is no list of objects with an id and a type. */
export function eventsOf({ sequence, subject, at, bytes }: StoredMessage): StreamEvent[] | undefined {
	let items: unknown;
	try {
		items = JSON.parse(decoder.decode(bytes));
	} catch {
		return undefined;
	}
	if (!Array.isArray(items) || items.length === 0) return undefined;
	const [, , , writer = "", key = ""] = subject.split(".");
	const lane = /^_[0-9a-z]+$/i.test(key) ? { lane: key } : {};
	const events: StreamEvent[] = [];
	for (const [item, value] of items.entries()) {
		const { id, type, data } = value as { id?: unknown; type?: unknown; data?: unknown };
		if (typeof id !== "string" || typeof type !== "string" || typeof data !== "object" || data === null) return undefined;
		const { sealed, ...rest } = data as Record<string, unknown>;
		// The digest in an ending is made of the seals of pieces, which are small.
		const kept = type === "call.streamed" ? { ...rest, sealed } : rest;
		events.push({ sequence, item, at, id, type, writer, ...lane, data: kept });
	}
	return events;
}

/** `grant-keys.json` of a key ring. */
export type PublicKeys = Readonly<Record<"policy" | "approval", readonly JWK[]>>;

/** What the tokens in `call.granted` say, and whether their owners signed them. */
export async function permissionsIn(events: readonly StreamEvent[], keys: PublicKeys): Promise<Permission[]> {
	const found: Permission[] = [];
	for (const { sequence, type, data } of events) {
		if (type === "call.granted") found.push(await permissionOf(sequence, data, keys));
	}
	return found;
}

async function permissionOf(sequence: number, data: StreamEvent["data"], keys: PublicKeys): Promise<Permission> {
	const call = String(data.call);
	const verify = async (text: string, signers: readonly ("policy" | "approval")[]) => {
		const findKey = async ({ kid }: { kid?: string }) => {
			const jwk = signers.flatMap((signer) => keys[signer]).find((one) => one.kid === kid);
			if (!jwk) throw new Error("unknown key");
			return await importJWK(jwk, "EdDSA");
		};
		// Long ago is as good as now: whether a grant was used in time is checked against when it was used.
		return (await jwtVerify(text, findKey, { algorithms: ["EdDSA"], currentDate: new Date(0) })).payload;
	};
	try {
		const grant = await verify(String(data.grant), ["policy", "approval"]);
		const expiresAt = Number(grant.exp) * 1_000;
		if (grant.iss === "callgate/policy") {
			const isListed = Array.isArray(grant.grants) && grant.grants.includes(bindingOf(data));
			return isListed
				? { sequence, call, signer: "policy", digest: String(data.digest), expiresAt }
				: { sequence, call, fault: "it is for another call" };
		}
		if (grant.sub !== call) return { sequence, call, fault: "it is for another call" };
		const known = { sequence, call, signer: "approval", digest: String(grant.digest), expiresAt } as const;
		const hold = await verify(String(grant.hold), ["policy"]);
		if (hold.sub !== call) return { ...known, fault: "its hold is for another call" };
		return { ...known, holdDigest: String(hold.digest) };
	} catch (error) {
		return { sequence, call, fault: error instanceof Error ? error.message : "it cannot be verified" };
	}
}

/** What a token of policy's lists of each call it grants (docs/decisions/seals-in-the-main-thread.md), worked out anew. */
function bindingOf({ call, pool, connection, function: name, digest, revision, since }: StreamEvent["data"]): string {
	return createHash("sha256")
		.update(JSON.stringify([call, pool, connection, name, digest, revision, ...(since === undefined ? [] : [since])]))
		.digest("base64url");
}
