// Who is calling: one bearer token, verified on every request against the configured issuers (RFC 6750, RFC 7519, RFC 8725, RFC 9068).
import { decodeJwt, errors, type JWTPayload, jwtVerify } from "jose";
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { emailKey, isEmail } from "#libs/contracts/email.ts";
import { type AuthenticationFailure, NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { IssuerUnavailable, issuerKeys } from "./issuer-keys.ts";

export interface Authenticator {
	/**
	 * @param authorization every value of the `Authorization` header, as it came.
	 * @throws {NotAuthenticated} `unauthenticated`, or `not_ready` where the issuer cannot be asked for its keys.
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
			let refusal: NotAuthenticated | undefined;
			// One issuer may be configured several times, for several audiences: the first that accepts the token counts.
			for (const issuer of trusted.get(claimedIssuer(token)) ?? []) {
				try {
					return callerFrom(await verified(token, issuer, now()), issuer);
				} catch (error) {
					// One that could not be asked might have accepted it: that is not the caller's fault, whatever the others say.
					if (refusal?.reason !== "issuer_unavailable") refusal = refusalOf(error, issuer.name);
				}
			}
			throw refusal ?? new NotAuthenticated("issuer_unknown");
		},
	};
}

/** RFC 6750 section 2.1: exactly one header, exactly one token. Tokens in the query or the body are not accepted. */
function bearerToken(authorization: readonly string[]): string {
	if (authorization.length === 0) throw new NotAuthenticated("no_token");
	if (authorization.length > 1) throw new NotAuthenticated("several_tokens");
	const [header = ""] = authorization;
	if (header.length > tokenBytesMax)
		throw new NotAuthenticated("token_too_large", { detail: `the token is larger than ${tokenBytesMax} bytes` });
	const match = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i.exec(header);
	if (!match?.[1]) throw new NotAuthenticated("not_a_token");
	return match[1];
}

function claimedIssuer(token: string): string {
	try {
		return decodeJwt(token).iss ?? "";
	} catch {
		throw new NotAuthenticated("not_a_token");
	}
}

async function verified(token: string, issuer: Trusted, now: Date): Promise<JWTPayload> {
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
	if (!issuer.tokenTypes.includes(type)) throw refused("type_not_allowed", `its type is not one of ${issuer.tokenTypes.join(", ")}`);
	if (!Number.isSafeInteger(Math.trunc(payload.exp ?? Number.NaN))) throw refused("claim_malformed", "its end is not a time");
	return payload;
}

/** Each fault by the library's code: no message is compared, none is passed on. */
function refusalOf(error: unknown, issuer: string): NotAuthenticated {
	if (error instanceof NotAuthenticated) return new NotAuthenticated(error.reason, { issuer, detail: error.message });
	if (error instanceof errors.JWTClaimValidationFailed) {
		const detail = `the token is refused: its claim ${error.claim} is not as required`;
		return new NotAuthenticated(claimFailureOf(error), { issuer, detail });
	}
	return new NotAuthenticated(failureOf(error), { issuer });
}

function claimFailureOf({ claim, reason }: errors.JWTClaimValidationFailed): AuthenticationFailure {
	if (claim === "aud") return "audience_not_allowed";
	return reason === "check_failed" && (claim === "nbf" || claim === "iat") ? "not_yet_valid" : "claim_malformed";
}

function failureOf(error: unknown): AuthenticationFailure {
	if (error instanceof IssuerUnavailable) return "issuer_unavailable";
	if (!(error instanceof errors.JOSEError)) return "key_unusable";
	if (error instanceof errors.JWTExpired) return error.claim === "iat" ? "too_old" : "expired";
	if (error instanceof errors.JOSEAlgNotAllowed) return "algorithm_not_allowed";
	if (error instanceof errors.JWKSNoMatchingKey) return "key_unknown";
	return "signature_invalid";
}

function refused(reason: AuthenticationFailure, why: string): NotAuthenticated {
	return new NotAuthenticated(reason, { detail: `the token is refused: ${why}` });
}

/** Claims become a caller only where they are what they should be: a number is not a subject, a string is not a list of groups. */
function callerFrom(payload: JWTPayload, { issuer, claims }: Issuer): Caller {
	const subject = payload[claims.subject];
	// Half a character would not survive being digested, stored and indexed; what has control characters cannot be searched for.
	if (typeof subject !== "string" || subject.trim() === "" || subject.length > 256 || !isName(subject))
		throw refused("claim_malformed", `its claim ${claims.subject} is not a subject`);
	const groups = (claims.groups === undefined ? undefined : payload[claims.groups]) ?? [];
	const isGroups =
		Array.isArray(groups) &&
		groups.length <= groupsMax &&
		groups.every((group) => typeof group === "string" && group.length <= 128 && isName(group));
	if (!isGroups) throw refused("claim_malformed", `its claim ${claims.groups} is not a list of at most ${groupsMax} strings`);
	const email = claims.email === undefined ? undefined : emailFrom(payload, claims.email);
	return { issuer, subject, groups: groups as string[], ...(email && { email }) };
}

function isName(text: string): boolean {
	return text.isWellFormed() && !/\p{Cc}/u.test(text);
}

/** An address the issuer says it did not verify (OpenID Connect Core section 5.1) is no address: approvers are known by theirs. */
function emailFrom(payload: JWTPayload, claim: string): string | undefined {
	const email = payload[claim];
	if (email === undefined) return undefined;
	if (typeof email !== "string" || !isEmail(email)) throw refused("claim_malformed", `its claim ${claim} is not an e-mail address`);
	if (payload.email_verified !== undefined && payload.email_verified !== true) return undefined;
	return emailKey(email);
}
