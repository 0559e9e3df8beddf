// Who is calling: one bearer token, verified on every request against the configured issuers (RFC 6750, RFC 7519, RFC 8725, RFC 9068).
import { decodeJwt, errors, type JWTPayload, jwtVerify } from "jose";
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { IssuerUnavailable, issuerKeys } from "./issuer-keys.ts";

export interface Authenticator {
	/**
	 * @param authorization every value of the `Authorization` header, as it came.
	 * @throws {Refusal} `unauthenticated`, or `not_ready` where the issuer cannot be asked for its keys.
	 */
	authenticate(authorization: readonly string[]): Promise<Caller>;
}

const tokenBytesMax = 16_384;
const groupsMax = 256;

type Trusted = Issuer & { readonly find: ReturnType<typeof issuerKeys> };

export function createAuthenticator(
	issuers: readonly Issuer[],
	now: () => Date = () => new Date(),
	elapsed: () => number = () => performance.now(),
): Authenticator {
	const trusted = Map.groupBy(
		issuers.map((issuer): Trusted => ({ ...issuer, find: issuerKeys(issuer, elapsed) })),
		({ issuer }) => issuer,
	);
	return {
		async authenticate(authorization) {
			const token = bearerToken(authorization);
			let refusal: unknown;
			// One issuer may be configured several times, for several audiences: the first that accepts the token counts.
			for (const issuer of trusted.get(claimedIssuer(token)) ?? []) {
				try {
					return callerFrom(await verified(token, issuer, now()), issuer);
				} catch (error) {
					// One that could not be asked might have accepted it: that is not the caller's fault, whatever the others say.
					if (!isUnanswered(refusal)) refusal = error;
				}
			}
			throw refusal ?? refused("its issuer is not trusted here");
		},
	};
}

function isUnanswered(refusal: unknown): boolean {
	return refusal instanceof Refusal && refusal.code === "not_ready";
}

/** RFC 6750 section 2.1: exactly one header, exactly one token. Tokens in the query or the body are not accepted. */
function bearerToken(authorization: readonly string[]): string {
	if (authorization.length === 0) throw new Refusal("unauthenticated", { detail: "no Authorization header was sent" });
	if (authorization.length > 1) throw new Refusal("unauthenticated", { detail: "more than one Authorization header was sent" });
	const [header = ""] = authorization;
	if (header.length > tokenBytesMax) throw new Refusal("unauthenticated", { detail: `the token is larger than ${tokenBytesMax} bytes` });
	const match = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i.exec(header);
	if (!match?.[1]) throw new Refusal("unauthenticated", { detail: "expected `Authorization: Bearer` and one signed JWT" });
	return match[1];
}

function claimedIssuer(token: string): string {
	try {
		return decodeJwt(token).iss ?? "";
	} catch {
		throw refused("it is not a JWT");
	}
}

async function verified(token: string, issuer: Trusted, now: Date): Promise<JWTPayload> {
	try {
		const { payload, protectedHeader } = await jwtVerify(token, issuer.find, {
			algorithms: [...issuer.algorithms],
			issuer: issuer.issuer,
			audience: [...issuer.audience],
			requiredClaims: ["exp", "iss", "aud"],
			clockTolerance: issuer.clockToleranceSeconds,
			...(issuer.maxTokenAgeSeconds !== undefined && { maxTokenAge: issuer.maxTokenAgeSeconds }),
			currentDate: now,
		});
		const type = (protectedHeader.typ ?? "").toLowerCase().replace(/^application\//, "");
		if (!issuer.tokenTypes.includes(type)) throw refused(`its type is not one of ${issuer.tokenTypes.join(", ")}`);
		if (!Number.isSafeInteger(Math.trunc(payload.exp ?? Number.NaN))) throw refused("its end is not a time");
		return payload;
	} catch (error) {
		throw refusalOf(error);
	}
}

/** Each fault by the library's code: no message is compared, none is passed on. */
function refusalOf(error: unknown): Refusal {
	if (error instanceof Refusal) return error;
	if (error instanceof IssuerUnavailable)
		return new Refusal("not_ready", { detail: "the token's issuer cannot be asked for its keys now" });
	if (!(error instanceof errors.JOSEError)) return refused("its key cannot be used");
	if (error instanceof errors.JWTExpired) return refused("it has expired");
	if (error instanceof errors.JWTClaimValidationFailed) return refused(`its claim ${error.claim} is not as required`);
	if (error instanceof errors.JOSEAlgNotAllowed) return refused("its algorithm is not allowed");
	if (error instanceof errors.JWKSNoMatchingKey) return refused("its key is not one of the issuer's");
	return refused("its signature or form is not valid");
}

function refused(why: string): Refusal {
	return new Refusal("unauthenticated", { detail: `the token is refused: ${why}` });
}

/** Claims become a caller only where they are what they should be: a number is not a subject, a string is not a list of groups. */
function callerFrom(payload: JWTPayload, { issuer, claims }: Issuer): Caller {
	const subject = payload[claims.subject];
	// Half a character would not survive being digested, stored and indexed.
	if (typeof subject !== "string" || subject.trim() === "" || subject.length > 256 || !subject.isWellFormed())
		throw refused(`its claim ${claims.subject} is not a subject`);
	const groups = (claims.groups === undefined ? undefined : payload[claims.groups]) ?? [];
	const isGroups =
		Array.isArray(groups) &&
		groups.length <= groupsMax &&
		groups.every((group) => typeof group === "string" && group.length <= 128 && group.isWellFormed());
	if (!isGroups) throw refused(`its claim ${claims.groups} is not a list of at most ${groupsMax} strings`);
	const email = claims.email === undefined ? undefined : emailFrom(payload, claims.email);
	return { issuer, subject, groups: groups as string[], ...(email && { email }) };
}

/** An address the issuer says it did not verify (OpenID Connect Core section 5.1) is no address: approvers are known by theirs. */
function emailFrom(payload: JWTPayload, claim: string): string | undefined {
	const email = payload[claim];
	if (email === undefined) return undefined;
	if (typeof email !== "string" || email.length > 254 || !/^[^\s@]+@[^\s@]+$/.test(email) || !email.isWellFormed())
		throw refused(`its claim ${claim} is not an e-mail address`);
	if (payload.email_verified !== undefined && payload.email_verified !== true) return undefined;
	return email.toLowerCase();
}
