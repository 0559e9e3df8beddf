// Who is calling: one bearer token, verified against the configured issuers, and remembered for a moment (RFC 6750, RFC 7519, RFC 8725, RFC 9068).
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { type AuthenticationFailure, NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { bearerToken } from "./authorization-header.ts";
import { callerFrom } from "./caller-from-claims.ts";
import { type IssuerKeys, IssuerUnavailable, issuerKeys } from "./issuer-keys.ts";
import type { KeySet } from "./key-set.ts";
import { refused } from "./refused.ts";
import { scopesIn, TokenScopes } from "./token-scopes.ts";
import { VerifiedTokens } from "./verified-tokens.ts";
import { refuseType, whichIssuer } from "./which-issuer.ts";

export interface Authenticator {
	/**
	 * @param authorization every value of the `Authorization` header, as it came.
	 * @throws {NotAuthenticated} `unauthenticated`, or `not_ready` where the issuer cannot be asked for its keys.
	 */
	authenticate(authorization: readonly string[]): Promise<Caller>;
}

interface Trusted extends Issuer {
	readonly issuerKeys: IssuerKeys;
}

export function createAuthenticator(
	issuers: readonly Issuer[],
	now: () => Date = () => new Date(),
	elapsed: () => number = () => performance.now(),
	scopes: Pick<TokenScopes, "note"> = new TokenScopes(),
): Authenticator {
	const trusted = Map.groupBy(
		issuers.map((issuer): Trusted => ({ ...issuer, issuerKeys: issuerKeys(issuer, elapsed) })),
		({ issuer }) => issuer,
	);
	const memory = new VerifiedTokens(elapsed);
	return {
		async authenticate(authorization) {
			const token = bearerToken(authorization);
			const known = memory.recall(token, now());
			if (known) return known;
			const issuer = whichIssuer(token, trusted);
			try {
				const at = now();
				const { payload, set } = await verified(token, issuer, at);
				const caller = callerFrom(payload, issuer);
				scopes.note(caller, { issuer: issuer.name, scopes: scopesIn(payload) });
				memory.remember(token, { caller, keys: issuer.issuerKeys, set, at, endMs: endMsOf(payload, issuer) });
				return caller;
			} catch (error) {
				throw refusalOf(error, issuer.name);
			}
		},
	};
}

async function verified(token: string, issuer: Trusted, now: Date): Promise<{ readonly payload: JWTPayload; readonly set: KeySet }> {
	let set: KeySet | undefined;
	const findKey: JWTVerifyGetKey = async (header, input) => {
		const found = await issuer.issuerKeys.find(header, input);
		set = found.set;
		return found.key;
	};
	const { payload, protectedHeader } = await jwtVerify(token, findKey, {
		algorithms: [...issuer.algorithms],
		issuer: issuer.issuer,
		audience: [...issuer.audience],
		requiredClaims: ["exp", "iss", "aud"],
		clockTolerance: issuer.clockToleranceSeconds,
		...(issuer.maxTokenAgeSeconds !== undefined && { maxTokenAge: issuer.maxTokenAgeSeconds }),
		currentDate: now,
	});
	refuseType(issuer, protectedHeader.typ);
	if (!Number.isSafeInteger(Math.trunc(payload.exp ?? Number.NaN))) throw refused("claim_malformed", "its end is not a time");
	if (set === undefined) throw new Error("a token was verified without a key");
	return { payload, set };
}

/** The first moment at which the token's claims alone would refuse it, without any tolerance for clocks. */
function endMsOf({ exp = 0, iat = 0 }: JWTPayload, { maxTokenAgeSeconds }: Issuer): number {
	return Math.min(exp, maxTokenAgeSeconds === undefined ? exp : iat + maxTokenAgeSeconds) * 1_000;
}

/** Each fault by the library's code: no message is compared, none is passed on. */
function refusalOf(error: unknown, issuer: string): NotAuthenticated {
	if (error instanceof NotAuthenticated) return new NotAuthenticated(error.reason, { issuer, detail: error.message });
	if (error instanceof errors.JWTClaimValidationFailed) {
		const detail = `the token is refused: its claim ${error.claim} is not as required`;
		return new NotAuthenticated(claimFailureOf(error), { issuer, detail });
	}
	if (error instanceof IssuerUnavailable) return new NotAuthenticated("issuer_unavailable", { issuer, inLog: error.message });
	// Not as the cause: the library's errors hold the token's payload.
	return new NotAuthenticated(failureOf(error), { issuer });
}

function claimFailureOf({ claim, reason }: errors.JWTClaimValidationFailed): AuthenticationFailure {
	if (claim === "aud") return "audience_not_allowed";
	return reason === "check_failed" && (claim === "nbf" || claim === "iat") ? "not_yet_valid" : "claim_malformed";
}

function failureOf(error: unknown): AuthenticationFailure {
	if (!(error instanceof errors.JOSEError)) return "key_unusable";
	if (error instanceof errors.JWTExpired) return error.claim === "iat" ? "too_old" : "expired";
	if (error instanceof errors.JOSEAlgNotAllowed) return "algorithm_not_allowed";
	if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) return "key_unknown";
	return "signature_invalid";
}
