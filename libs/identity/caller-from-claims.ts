// A verified token's claims → the caller they name. A claim of the wrong form refuses the token: a deny rule must not miss its caller for it.
import { createHash } from "node:crypto";
import type { JWTPayload } from "jose";
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";
import { type Caller, callerBounds } from "#libs/contracts/call.ts";
import { emailCharactersMax, emailKey, isEmail } from "#libs/contracts/email.ts";
import { claimAt, isAbsent, isMembers, kindOf, type Members } from "./claim-path.ts";
import { refused } from "./refused.ts";

/** @throws {NotAuthenticated} `claim_malformed`, `claim_too_large` or `claim_elsewhere`; its detail names the claim, never a value. */
export function callerFrom(payload: JWTPayload, { issuer, claims }: Pick<Issuer, "issuer" | "claims">): Caller {
	for (const path of [claims.groups, claims.email, claims.subject, claims.session]) if (path !== undefined) refuseElsewhere(payload, path);
	const subject = subjectFrom(payload, claims.subject);
	const groups = claims.groups === undefined ? [] : groupsFrom(payload, claims.groups);
	const email = claims.email === undefined ? undefined : emailFrom(payload, claims.email);
	const session = claims.session === undefined ? undefined : sessionFrom(payload, claims.session, issuer);
	return { issuer, subject, groups, ...(email !== undefined && { email }), ...(session !== undefined && { session }) };
}

/** A token without the claim is of no session; one whose claim is no text is refused, or its session would be everybody's. */
function sessionFrom(payload: JWTPayload, path: string, issuer: string): string | undefined {
	const found = claimAt(payload, path);
	if (found === undefined || isAbsent(found.value)) return undefined;
	const { value } = found;
	if (typeof value !== "string" || value === "") throw malformed(path, value, "a text that names the session");
	if (value.length > sessionCharactersMax) throw tooLarge(path, `${value.length} characters`, sessionCharactersMax);
	return createHash("sha256")
		.update(JSON.stringify([issuer, value]))
		.digest("base64url")
		.slice(0, 22);
}

const sessionCharactersMax = 512;

/**
 * A token may say that a claim is to be asked for elsewhere (OpenID Connect Core section 5.6.2). Microsoft Entra does so for users in more
 * groups than fit, or says no more than `hasgroups`. To read such a token as one without groups would be wrong, and we ask nobody.
 */
function refuseElsewhere(payload: JWTPayload, path: string): void {
	const names = membersOf(payload, "_claim_names");
	const sources = membersOf(payload, "_claim_sources");
	const isNamed = Object.keys(names ?? {}).some((name) => path === name || path.startsWith(`${name}.`));
	const hasMore = path === "groups" && ![undefined, null, false, "false"].includes(payload.hasgroups as never);
	if (!isNamed && !hasMore && !(names === undefined && sources !== undefined)) return;
	const advice = "let the issuer put it into the token, in Entra with only the groups assigned to the application, or with its roles";
	throw refused("claim_elsewhere", `it says that its claim ${path} is to be asked for elsewhere, which is not done here: ${advice}`);
}

function membersOf(payload: JWTPayload, name: string): Members | undefined {
	const value = payload[name];
	if (isAbsent(value)) return undefined;
	if (!isMembers(value)) throw malformed(name, value, "an object");
	return Object.keys(value).length > 0 ? value : undefined;
}

function subjectFrom(payload: JWTPayload, path: string): string {
	const subject = claimAt(payload, path)?.value;
	if (typeof subject !== "string") throw malformed(path, subject, "a text that names the caller");
	if (subject.length > callerBounds.subjectCharacters) throw tooLarge(path, `${subject.length} characters`, callerBounds.subjectCharacters);
	if (subject.trim() === "") throw refused("claim_malformed", `its claim ${path} is blank, expected a text that names the caller`);
	refuseUnsearchable(path, subject);
	return subject;
}

function groupsFrom(payload: JWTPayload, path: string): string[] {
	const groups = claimAt(payload, path)?.value ?? [];
	if (!Array.isArray(groups)) throw malformed(path, groups, "a list of texts");
	if (groups.length > callerBounds.groups) throw tooLarge(path, `${groups.length} groups`, callerBounds.groups);
	for (const group of groups as readonly unknown[]) {
		if (typeof group !== "string") throw malformed(path, group, "nothing but texts", "has ");
		if (group.length > callerBounds.groupCharacters)
			throw tooLarge(path, `a group of ${group.length} characters`, callerBounds.groupCharacters);
		refuseUnsearchable(path, group);
	}
	return groups as string[];
}

/** An address the issuer says it did not verify (OpenID Connect Core section 5.1) is no address: approvers are known by theirs. */
function emailFrom(payload: JWTPayload, path: string): string | undefined {
	const found = claimAt(payload, path);
	if (found === undefined) return undefined;
	const { value: email, beside } = found;
	if (typeof email !== "string") throw malformed(path, email, "a text with an e-mail address");
	if (email.length > emailCharactersMax) throw tooLarge(path, `${email.length} characters`, emailCharactersMax);
	if (!isEmail(email)) throw refused("claim_malformed", `its claim ${path} is a text that is no e-mail address`);
	return [beside, payload].every(isVerified) ? emailKey(email) : undefined;
}

function isVerified(members: Members): boolean {
	const { email_verified: verified } = members;
	if (isAbsent(verified)) return true;
	if (typeof verified === "boolean") return verified;
	// Apple documents it as "a string or Boolean value".
	if (verified !== "true" && verified !== "false") throw malformed("email_verified", verified, "true or false");
	return verified === "true";
}

/** Half a character does not survive being digested, stored and indexed; what has control characters cannot be searched for. */
function refuseUnsearchable(path: string, text: string): void {
	if (!text.isWellFormed() || /\p{Cc}/u.test(text))
		throw refused("claim_malformed", `its claim ${path} has a control character or half a character in a name`);
}

function malformed(path: string, found: unknown, expected: string, is = "is ") {
	return refused("claim_malformed", `its claim ${path} ${is}${kindOf(found)}, expected ${expected}`);
}

function tooLarge(path: string, found: string, max: number) {
	return refused("claim_too_large", `its claim ${path} has ${found}, at most ${max} are taken`);
}
