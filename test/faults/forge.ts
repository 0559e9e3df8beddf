// Forged calls that only one check stands against each: arguments that can be opened, grants that are right in all but one point.
import { generateKeyPairSync } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import { digestOf } from "#libs/contracts/digest.ts";
import { type GrantTerms, signGrant } from "#libs/contracts/grant.ts";
import type { SigningKey } from "#libs/contracts/jws.ts";
import { readSealingKeys, readSigningKey } from "#libs/service/service-keys.ts";
import { type KeyRing, localPool } from "../../infra/local/key-ring.ts";

type Json = Record<string, unknown>;

export interface Forgery {
	readonly kind: string;
	readonly call: string;
	readonly event: Json;
}

/** What the bank would be told if a forgery ran: no plan has such a reference. */
const forgedArguments = (amount: number) => ({ reference: "ref-forged", amount, behaviour: "ok", note: "forged" });
const salt = "0".repeat(32);
const minuteMs = 60_000;

/** Grants made from a real one, whose signatures or digests do not hold. */
export function forgeGrants(keys: KeyRing, granted: Json): Forgery[] {
	const policy = readSigningKey(keys.value("policy-signing.jwk"));
	const approval = readSigningKey(keys.value("approval-signing.jwk"));
	// Policy's name, another's key.
	const stranger: SigningKey = { id: policy.id, key: generateKeyPairSync("ed25519").privateKey };
	const soon = new Date(Date.now() + minuteMs);
	const forge = (kind: string, how: Partial<Forging>) =>
		forgeGrant(keys, granted, { ...honest, kind, key: policy, expiresAt: soon, ...how });
	return [
		forge("grant under a stranger's signature", { key: stranger }),
		forge("grant of other arguments than its own", { sealedAmount: 999 }),
		forge("grant that has expired", { expiresAt: new Date(Date.now() - minuteMs) }),
		forge("approval's grant without policy's hold", { key: approval, signer: "approval" }),
	];
}

interface Forging {
	readonly kind: string;
	readonly key: SigningKey;
	readonly signer: "policy" | "approval";
	readonly expiresAt: Date;
	readonly sealedAmount: number;
}
const honest = { signer: "policy", sealedAmount: 1 } as const;

function forgeGrant(keys: KeyRing, real: Json, { kind, key, signer, expiresAt, sealedAmount }: Forging): Forgery {
	const call = uuidv7();
	const data = {
		...(real.data as Json & Omit<GrantedData, "call" | "digest">),
		call,
		...sealedFor(keys, real, call, sealedAmount),
	};
	const terms: GrantTerms = { grantId: `forged-${call}`, expiresAt };
	const grant = signGrant(signer, key, data, terms);
	const event = { ...real, subject: call, id: `${call}.call.granted.policy`, data: { ...data, grant, expiresAt: expiresAt.toISOString() } };
	return { kind, call, event };
}

interface GrantedData {
	readonly call: string;
	readonly pool: string;
	readonly connection: string;
	readonly function: string;
	readonly digest: string;
	readonly revision: string;
}

/** Arguments that can be opened under this call's name, and the digest of arguments with amount 1. */
function sealedFor(keys: KeyRing, { data }: Json, call: string, amount: number) {
	const {
		caller,
		connection,
		function: name,
	} = data as { caller: { issuer: string; subject: string }; connection: string; function: string };
	const sealed = readSealingKeys(keys.value("sealing-keys.json")).seal(localPool, call, "arguments", {
		...{ arguments: forgedArguments(amount), salt, headers: [] },
	});
	return { sealed, digest: digestOf({ caller, connection, function: name, arguments: forgedArguments(1), salt }) };
}

/** A call whose sealed arguments are not those of its digest: policy would decide on one and the executor run another. */
export function forgeReceived(keys: KeyRing, received: Json): Forgery {
	const call = uuidv7();
	const data = { ...(received.data as Json), call, ...sealedFor(keys, received, call, 999) };
	return {
		kind: "call of other arguments than its digest",
		call,
		event: { ...received, subject: call, id: `${call}.call.received.ingress`, data },
	};
}
