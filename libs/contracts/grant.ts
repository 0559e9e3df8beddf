// The signed permission to run one call once, and the signed hold without which approval can grant nothing: JWTs (RFC 7519) under Ed25519.
import { createHash, type KeyObject, randomUUID } from "node:crypto";
import type { Static } from "typebox";
import { emailKey, isEmail } from "./email.ts";
import type { Requirement } from "./events.ts";
import { ExpectedError } from "./expected-error.ts";
import { type Claims, type SigningKey, signCompact, verifyCompact } from "./jws.ts";

/** What both kinds of permission bind: this exact call. */
export interface GrantedCall {
	readonly call: string;
	readonly pool: string;
	readonly connection: string;
	readonly function: string;
	readonly digest: string;
	readonly revision: string;
	/** What `since` of `call.granted` says: a call that would be claimed in two places could run twice. */
	readonly since?: number | undefined;
}

/** Who may sign: policy grants and holds; approval grants what policy held. */
export type Signer = "policy" | "approval";
/** Public keys by signer and key id. */
export type VerifyingKeys = Readonly<Record<Signer, ReadonlyMap<string, KeyObject>>>;

/** A permission that must not be used; `fault` is from a closed list. */
export class GrantRefused extends ExpectedError {
	readonly fault: "signature" | "expired" | "other_call" | "no_hold" | "unmet";
	constructor(fault: GrantRefused["fault"], message: string) {
		super(message);
		this.fault = fault;
	}
}

const holdType = "callgate-hold+jwt";
const grantType = "callgate-grant+jwt";
type Requirements = Static<typeof Requirement>[];

/** Policy's word that people must decide, and which. `expiresAt` ends the approval, not the call that it permits. */
export function signHold(key: SigningKey, held: GrantedCall, requirements: Requirements, expiresAt: Date): string {
	// What people granted is claimed on subjects of its own, wherever it would have been without them.
	const binding = { ...claimsOf({ ...held, since: undefined }), requirements };
	return signCompact(key, holdType, { ...binding, iss: "callgate/policy", aud: "callgate/approval", exp: secondsOf(expiresAt) });
}

export interface GrantTerms {
	readonly grantId: string;
	readonly expiresAt: Date;
	/** Approval's grants carry the hold they answer and who voted for it. */
	readonly hold?: string;
	readonly approvedBy?: readonly string[];
}

/** Policy's grant is a list of bindings, here of one; approval's names its call, and carries what allows it to grant at all. */
export function signGrant(signer: Signer, key: SigningKey, granted: GrantedCall, terms: GrantTerms): string {
	const { grantId, expiresAt, hold, approvedBy } = terms;
	const binding = signer === "policy" ? { grants: [bindingOf(granted)] } : { ...claimsOf(granted), hold, approvedBy };
	return signCompact(key, grantType, { ...binding, ...termsOf(signer, granted.pool, grantId, expiresAt) });
}

/** More in one token would make each of their events carry the bindings of all. */
const groupMax = 16;

interface Group {
	readonly pool: string;
	readonly expiresAt: Date;
	readonly bindings: string[];
	readonly token: PromiseWithResolvers<string>;
}

/** Policy's grants: those of one turn of the event loop, for one pool and until the same second, stand under one signature. */
export class GrantSigner {
	private readonly key: SigningKey;
	private readonly groups = new Map<string, Group>();

	constructor(key: SigningKey) {
		this.key = key;
	}

	async sign(granted: GrantedCall, expiresAt: Date): Promise<string> {
		const name = `${granted.pool} ${secondsOf(expiresAt)}`;
		const group = this.groups.get(name) ?? this.begin(name, granted.pool, expiresAt);
		group.bindings.push(bindingOf(granted));
		if (group.bindings.length >= groupMax) this.finish(name, group);
		return await group.token.promise;
	}

	private begin(name: string, pool: string, expiresAt: Date): Group {
		const group: Group = { pool, expiresAt, bindings: [], token: Promise.withResolvers() };
		this.groups.set(name, group);
		setImmediate(() => this.finish(name, group));
		return group;
	}

	private finish(name: string, group: Group): void {
		if (this.groups.get(name) !== group) return;
		this.groups.delete(name);
		const terms = termsOf("policy", group.pool, randomUUID(), group.expiresAt);
		group.token.resolve(signCompact(this.key, grantType, { grants: group.bindings, ...terms }));
	}
}

function termsOf(signer: Signer, pool: string, grantId: string, expiresAt: Date): Claims {
	return { iss: `callgate/${signer}`, aud: `callgate/executor/${pool}`, jti: grantId, exp: secondsOf(expiresAt) };
}

/** RFC 7519 counts time in whole seconds. */
function secondsOf(at: Date): number {
	return Math.floor(at.getTime() / 1_000);
}

/** SHA-256 over all that names the call: the same only for this exact call. */
function bindingOf({ call, pool, connection, function: name, digest, revision, since }: GrantedCall): string {
	return createHash("sha256")
		.update(JSON.stringify([call, pool, connection, name, digest, revision, ...(since === undefined ? [] : [since])]))
		.digest("base64url");
}

export interface VerifiedGrant {
	readonly grantId: string;
	readonly signer: Signer;
	readonly expiresAt: Date;
}

/** Tokens whose signature was verified: the calls of one group follow each other closely. */
const verifiedMax = 256;

/** Verifies grants; the signature of one token once, everything else each time. */
export class GrantVerifier {
	private readonly keys: VerifyingKeys;
	private readonly verified = new Map<string, Claims>();

	constructor(keys: VerifyingKeys) {
		this.keys = keys;
	}

	/**
	 * Verifies that a grant permits exactly `expected` now. One of approval's counts only with policy's hold of the same call inside it, and as
	 * many approvers as that hold demands: approval alone can permit nothing.
	 *
	 * @throws {GrantRefused}
	 */
	verify(token: string, expected: GrantedCall, now: Date): VerifiedGrant {
		const claims = this.signed(token);
		refuseOtherTerms(claims, `callgate/executor/${expected.pool}`, now);
		if (typeof claims.jti !== "string") throw new GrantRefused("signature", "the permission has no id");
		const expiresAt = new Date(Number(claims.exp) * 1_000);
		if (claims.iss === "callgate/policy") {
			const at = Array.isArray(claims.grants) ? claims.grants.indexOf(bindingOf(expected)) : -1;
			if (at === -1) throw new GrantRefused("other_call", "the permission is for another call");
			return { grantId: `${claims.jti}.${at}`, signer: "policy", expiresAt };
		}
		refuseOtherCall(claims, expected);
		verifyHold(claims, this.keys, expected);
		return { grantId: claims.jti, signer: "approval", expiresAt };
	}

	private signed(token: string): Claims {
		const known = this.verified.get(token);
		if (known) return known;
		const claims = signedClaims(token, this.keys, grantType, ["policy", "approval"]);
		this.verified.set(token, claims);
		for (const oldest of this.verified.keys()) {
			if (this.verified.size <= verifiedMax) break;
			this.verified.delete(oldest);
		}
		return claims;
	}
}

/** The longest a grant may be made to live (`CALLGATE_GRANT_TTL_MS`): one given at the last moment of its hold ends this long after it. */
const grantLifeSecondsMax = 3_600;

function verifyHold(grant: Claims, keys: VerifyingKeys, expected: GrantedCall): void {
	if (typeof grant.hold !== "string") throw new GrantRefused("no_hold", "approval granted a call that policy did not hold");
	const hold = signedClaims(grant.hold, keys, holdType, ["policy"]);
	// An approval just in time may be executed just after the hold's own end: what counts is that the grant itself is in time.
	refuseOtherTerms(hold, "callgate/approval", undefined);
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

/** Key and issuer belong together: a token is verified with the keys of whom it claims to be from, and with no other's. */
function signedClaims(token: string, keys: VerifyingKeys, typ: string, signers: readonly Signer[]): Claims {
	const claims = verifyCompact(token, typ, (kid, { iss }) => {
		const signer = signers.find((one) => iss === `callgate/${one}`);
		return signer && keys[signer].get(kid);
	});
	if (!claims) throw new GrantRefused("signature", "the permission is not signed with a known key of its issuer");
	return claims;
}

/** @param now undefined where the end of the token's life does not matter. */
function refuseOtherTerms({ aud, exp }: Claims, audience: string, now: Date | undefined): void {
	if (aud !== audience || typeof exp !== "number") throw new GrantRefused("signature", "the permission's claims are not valid");
	if (now && !(secondsOf(now) < exp)) throw new GrantRefused("expired", "the permission has expired");
}

function claimsOf({ call, connection, function: name, digest, revision, pool, since }: GrantedCall): Claims {
	return { sub: call, connection, function: name, digest, revision, pool, since };
}

function refuseOtherCall(claims: Claims, expected: GrantedCall): void {
	const wanted = claimsOf(expected);
	const isSame = Object.keys(wanted).every((name) => claims[name] === wanted[name]);
	if (!isSame) throw new GrantRefused("other_call", "the permission is for another call");
}
