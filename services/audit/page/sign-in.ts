// Signing in to the audit page: OpenID Connect with a code and PKCE (RFC 6749, 7636, 9207). What comes of it is an access token, which is checked as every other one.
import {
	allowInsecureRequests,
	authorizationCodeGrant,
	buildAuthorizationUrl,
	type Configuration,
	calculatePKCECodeChallenge,
	discovery,
	None,
	randomNonce,
	randomPKCECodeVerifier,
	randomState,
} from "openid-client";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import { ConfigurationInvalid } from "#libs/service/config.ts";
import { createSealer, TooLargeForCookie } from "./session.ts";

interface SignInTerms {
	/** Of the audit service as browsers see it, without a slash at the end. */
	readonly url: string;
	readonly issuer: string;
	readonly client: string;
	/** Of a confidential client; a public one has PKCE alone. */
	readonly clientSecret?: string | undefined;
	readonly scope: string;
	/** RFC 8707: for whom the token is to be, where the issuer must be told. */
	readonly resource?: string | undefined;
	/** 32 bytes. */
	readonly sessionKey: Uint8Array;
}

export interface SignIn {
	readonly url: string;
	/** Where the browser goes, and what it keeps until it comes back. @throws {SignInFailed} */
	begin(back: string): Promise<{ readonly location: string; readonly cookies: readonly string[] }>;
	/** @param asked path and query of the request with which it came back @throws {SignInFailed} */
	finish(
		asked: string,
		cookies: string | undefined,
	): Promise<{ readonly token: string; readonly back: string; readonly cookies: readonly string[] }>;
	/** The access token of who has signed in. */
	token(cookies: string | undefined): Promise<string | undefined>;
	readonly signOut: readonly string[];
}

/** Why it failed, in words that are ours. */
export class SignInFailed extends ExpectedError {}

export const signedInPath = "/audit/signed-in";
const loginMaxAgeS = 600;
/** A working day; a token ends it sooner. */
const sessionMaxAgeS = 8 * 3_600;
const timeoutS = 10;

export function createSignIn(terms: SignInTerms): SignIn {
	const { url, issuer, client, clientSecret, scope, resource, sessionKey: key } = terms;
	const isLoopback = isOnThisMachine(url);
	const login = createSealer("callgate-audit-login", { key, isLoopback, maxAgeS: loginMaxAgeS });
	const session = createSealer("callgate-audit", { key, isLoopback, maxAgeS: sessionMaxAgeS });
	let known: Promise<Configuration> | undefined;
	/** Asked for when it is needed, and again where the issuer did not answer. */
	const configuration = (): Promise<Configuration> => {
		known ??= discovery(new URL(issuer), client, clientSecret, clientSecret === undefined ? None() : undefined, {
			execute: isOnThisMachine(issuer) ? [allowInsecureRequests] : [],
			timeout: timeoutS,
		}).catch(() => {
			known = undefined;
			throw new SignInFailed("the identity provider does not answer");
		});
		return known;
	};
	const target = resource === undefined ? {} : { resource };

	return {
		url,
		async begin(back) {
			const [verifier, state, nonce] = [randomPKCECodeVerifier(), randomState(), randomNonce()];
			const location = buildAuthorizationUrl(await configuration(), {
				...{ redirect_uri: `${url}${signedInPath}`, scope, state, nonce, ...target },
				...{ code_challenge: await calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" },
			});
			return { location: location.href, cookies: [await login.seal({ verifier, state, nonce, back })] };
		},
		async finish(asked, cookies) {
			const kept = await login.open(cookies);
			if (!kept) throw new SignInFailed("this sign-in was not begun in this browser, or too long ago");
			const checks = { pkceCodeVerifier: String(kept.verifier), expectedState: String(kept.state), expectedNonce: String(kept.nonce) };
			// Its errors quote what came with the address.
			const { access_token: token } = await authorizationCodeGrant(await configuration(), new URL(asked, url), checks, target).catch(() => {
				throw new SignInFailed("the identity provider did not confirm it");
			});
			const sealed = await session.seal({ token }).catch((error: unknown) => {
				throw error instanceof TooLargeForCookie
					? new SignInFailed("the token is larger than a browser keeps: it has too many claims")
					: error;
			});
			return { token, back: String(kept.back), cookies: [sealed, login.remove] };
		},
		async token(cookies) {
			const kept = await session.open(cookies);
			return typeof kept?.token === "string" ? kept.token : undefined;
		},
		signOut: [session.remove, login.remove],
	};
}

export interface PageConfig {
	readonly pageUrl?: string;
	readonly pageIssuer?: string;
	readonly pageClient?: string;
	readonly pageClientSecret?: string;
	readonly pageScope: string;
	readonly pageResource?: string;
	readonly pageSessionKey?: string;
}

/** Undefined where no page is wanted. @throws {ConfigurationInvalid} where one is, and not all that it needs is told */
export function openSignIn(config: PageConfig): SignIn | undefined {
	const { pageUrl: url, pageIssuer: issuer, pageClient: client, pageSessionKey: key } = config;
	if (url === undefined) return undefined;
	if (issuer === undefined || client === undefined || key === undefined)
		throw new ConfigurationInvalid(["CALLGATE_PAGE_URL needs CALLGATE_PAGE_ISSUER, CALLGATE_PAGE_CLIENT and CALLGATE_PAGE_SESSION_KEY"]);
	if (!URL.canParse(issuer) || !(issuer.startsWith("https://") || isOnThisMachine(issuer)))
		throw new ConfigurationInvalid(["CALLGATE_PAGE_ISSUER is no https URL, nor http to this machine"]);
	const { pageClientSecret: clientSecret, pageScope: scope, pageResource: resource } = config;
	return createSignIn({ url, issuer, client, clientSecret, scope, resource, sessionKey: Buffer.from(key, "base64url") });
}

/** Plain http is for this machine alone, as in the demo. */
export function isOnThisMachine(url: string): boolean {
	const { protocol, hostname } = new URL(url);
	return protocol === "http:" && (hostname === "127.0.0.1" || hostname === "[::1]" || hostname === "localhost");
}
