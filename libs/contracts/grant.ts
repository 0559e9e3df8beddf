// The signed permission to run one call once, and the signed hold without which approval can grant nothing: JWTs (RFC 7519) under Ed25519.
import { type CryptoKey, decodeJwt, type JWTPayload, jwtVerify, SignJWT } from "jose";
import type { Static } from "typebox";
import { emailKey, isEmail } from "./email.ts";
import type { Requirement } from "./events.ts";

/** What both kinds of permission bind: this exact call. */
export interface GrantedCall {
	readonly call: string;
	readonly pool: string;
	readonly connection: string;
	readonly function: string;
	readonly digest: string;
	readonly revision: string;
}

/** Who may sign: policy grants and holds; approval grants what policy held. */
export type Signer = "policy" | "approval";
export interface SigningKey {
	readonly id: string;
	readonly key: CryptoKey;
}
/** Public keys by signer and key id. */
export type VerifyingKeys = Readonly<Record<Signer, ReadonlyMap<string, CryptoKey>>>;

/** A permission that must not be used; `fault` is from a closed list. */
export class GrantRefused extends Error {
	readonly fault: "signature" | "expired" | "other_call" | "no_hold" | "unmet";
	constructor(fault: GrantRefused["fault"], message: string) {
		super(message);
		this.name = "GrantRefused";
		this.fault = fault;
	}
}

const holdType = "callgate-hold+jwt";
const grantType = "callgate-grant+jwt";
type Requirements = Static<typeof Requirement>[];

/** Policy's word that people must decide, and which. `expiresAt` ends the approval, not the call that it permits. */
export async function signHold(key: SigningKey, held: GrantedCall, requirements: Requirements, expiresAt: Date): Promise<string> {
	return await new SignJWT({ ...claimsOf(held), requirements })
		.setProtectedHeader({ alg: "EdDSA", kid: key.id, typ: holdType })
		.setIssuer("callgate/policy")
		.setAudience("callgate/approval")
		.setSubject(held.call)
		.setExpirationTime(expiresAt)
		.sign(key.key);
}

export interface GrantTerms {
	readonly grantId: string;
	readonly expiresAt: Date;
	/** Approval's grants carry the hold they answer and who voted for it. */
	readonly hold?: string;
	readonly approvedBy?: readonly string[];
}

export async function signGrant(signer: Signer, key: SigningKey, granted: GrantedCall, terms: GrantTerms): Promise<string> {
	const { grantId, expiresAt, hold, approvedBy } = terms;
	return await new SignJWT({ ...claimsOf(granted), ...(hold && { hold, approvedBy }) })
		.setProtectedHeader({ alg: "EdDSA", kid: key.id, typ: grantType })
		.setIssuer(`callgate/${signer}`)
		.setAudience(`callgate/executor/${granted.pool}`)
		.setSubject(granted.call)
		.setJti(grantId)
		.setExpirationTime(expiresAt)
		.sign(key.key);
}

export interface VerifiedGrant {
	readonly grantId: string;
	readonly signer: Signer;
	readonly expiresAt: Date;
}

/**
 * Verifies that a grant permits exactly `expected` now. One of approval's counts only with policy's hold of the same call inside it, and as
 * many approvers as that hold demands: approval alone can permit nothing.
 *
 * @throws {GrantRefused}
 */
export async function verifyGrant(token: string, keys: VerifyingKeys, expected: GrantedCall, now: Date): Promise<VerifiedGrant> {
	const audience = `callgate/executor/${expected.pool}`;
	const payload = await verify(token, keys, { typ: grantType, audience, now, signers: ["policy", "approval"] });
	refuseOtherCall(payload, expected);
	if (typeof payload.jti !== "string") throw new GrantRefused("signature", "the permission has no id");
	const signer = payload.iss === "callgate/policy" ? "policy" : "approval";
	if (signer === "approval") await verifyHold(payload, keys, expected);
	return { grantId: payload.jti, signer, expiresAt: new Date(Number(payload.exp) * 1000) };
}

/** The longest a grant may be made to live (`CALLGATE_GRANT_TTL_MS`): one given at the last moment of its hold ends this long after it. */
const grantLifeSecondsMax = 3_600;

async function verifyHold(grant: JWTPayload, keys: VerifyingKeys, expected: GrantedCall): Promise<void> {
	if (typeof grant.hold !== "string") throw new GrantRefused("no_hold", "approval granted a call that policy did not hold");
	// An approval just in time may be executed just after the hold's own end: what counts is that the grant itself is in time.
	const hold = await verify(grant.hold, keys, { typ: holdType, audience: "callgate/approval", signers: ["policy"], now: undefined });
	refuseOtherCall(hold, expected);
	// Nor may one with approval's key alone answer a hold that nobody could answer any more.
	if (!(Number(grant.exp) <= Number(hold.exp) + grantLifeSecondsMax))
		throw new GrantRefused("expired", "the hold ended before it was granted");
	const approvers = peopleOf(grant.approvedBy);
	const needed = Math.max(0, ...((hold.requirements as Requirements | undefined) ?? []).map((one) => one.quorum));
	// Asked this way round, a quorum that is no number is not met.
	if (!(needed > 0 && approvers.size >= needed)) {
		throw new GrantRefused("unmet", `the hold demands ${needed} approvers, the grant names ${approvers.size}`);
	}
}

/** People are known by their e-mail address, and an address written in two ways is one person. */
function peopleOf(approvedBy: unknown): Set<string> {
	const names = Array.isArray(approvedBy) ? approvedBy.filter((one) => typeof one === "string") : [];
	return new Set(names.filter(isEmail).map(emailKey));
}

interface Expectation {
	readonly typ: string;
	readonly audience: string;
	readonly signers: readonly Signer[];
	/** Undefined where the end of the token's life does not matter. */
	readonly now: Date | undefined;
}

async function verify(token: string, keys: VerifyingKeys, { typ, audience, signers, now }: Expectation): Promise<JWTPayload> {
	// Key and issuer belong together: a token is verified with the keys of whom it claims to be from, and with no other's.
	const findKey = (header: { kid?: string | undefined }) => {
		const claimed = decodeJwt(token).iss;
		const signer = signers.find((one) => claimed === `callgate/${one}`);
		const key = signer && keys[signer].get(header.kid ?? "");
		if (key) return key;
		throw new GrantRefused("signature", "the permission is not signed with a known key of its issuer");
	};
	const options = { algorithms: ["EdDSA"], typ, audience, requiredClaims: ["exp", "sub", "iss"], currentDate: now ?? new Date(0) };
	const { payload } = await jwtVerify(token, findKey, options).catch((error: unknown) => {
		if (error instanceof GrantRefused) throw error;
		const code = error instanceof Error && "code" in error ? error.code : undefined;
		if (code === "ERR_JWT_EXPIRED") throw new GrantRefused("expired", "the permission has expired");
		throw new GrantRefused("signature", "the permission's signature or claims are not valid");
	});
	return payload;
}

function claimsOf({ connection, function: name, digest, revision, pool }: GrantedCall) {
	return { connection, function: name, digest, revision, pool };
}

function refuseOtherCall(payload: JWTPayload, expected: GrantedCall): void {
	const same =
		payload.sub === expected.call &&
		payload.pool === expected.pool &&
		payload.connection === expected.connection &&
		payload.function === expected.function &&
		payload.digest === expected.digest &&
		payload.revision === expected.revision;
	if (!same) throw new GrantRefused("other_call", "the permission is for another call");
}
