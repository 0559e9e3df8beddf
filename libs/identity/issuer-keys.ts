// An issuer's public keys: from a file, a URL, or found by OIDC discovery; fetched when needed, refreshed once for an unknown key id, then left in peace.
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from "jose";
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";
import { placeOfHost } from "#libs/outbound/place.ts";

/** An unknown key id asks the issuer again once, then not for this long: made-up key ids must not become a flood. */
const cooldownMs = 30_000;
const cacheMs = 600_000;
const timeoutMs = 4_000;
/** Of a discovery document and of a key set. */
const bodyBytesMax = 262_144;
/** After the issuer could not be asked, callers in the meantime are told at once. */
const retryMs = 1_000;

/** The issuer cannot be asked: the token may be good, so this is not the caller's fault. */
export class IssuerUnavailable extends Error {
	constructor(message: string, options?: ErrorOptions) {
		super(message, options);
		this.name = "IssuerUnavailable";
	}
}

/** Milliseconds of a clock that never goes back. */
type Elapsed = () => number;

/** Discovery follows OpenID Connect Discovery 1.0 section 4. */
export function issuerKeys({ issuer, keys }: Pick<Issuer, "issuer" | "keys">, elapsed: Elapsed = () => performance.now()): JWTVerifyGetKey {
	if (keys.from === "file") return createLocalJWKSet({ keys: [...keys.keys] });
	if (keys.from === "url") return remoteKeys(keys.url, elapsed);
	const rest = new Rest(issuer, elapsed);
	let found: Promise<JWTVerifyGetKey> | undefined;
	return async (header, token) => {
		found ??= rest.unlessTired(async () => remoteKeys(await discover(issuer), elapsed));
		const finding = found;
		finding.catch(() => {
			if (found === finding) found = undefined;
		});
		return await (await finding)(header, token);
	};
}

/** Asks nothing for a moment after a question that had no answer. */
class Rest {
	private readonly whom: string;
	private readonly elapsed: Elapsed;
	private failedAt = Number.NEGATIVE_INFINITY;
	constructor(whom: string, elapsed: Elapsed) {
		this.whom = whom;
		this.elapsed = elapsed;
	}

	/** @throws {IssuerUnavailable} for whatever says that there was no answer; other errors are passed on. */
	async unlessTired<T>(ask: () => Promise<T>): Promise<T> {
		if (this.elapsed() - this.failedAt < retryMs) throw new IssuerUnavailable(`${this.whom} could not be asked a moment ago`);
		try {
			return await ask();
		} catch (error) {
			if (!isUnavailable(error)) throw error;
			this.failedAt = this.elapsed();
			throw error instanceof IssuerUnavailable ? error : new IssuerUnavailable(`${this.whom} has no usable keys`, { cause: error });
		}
	}
}

/** What jose throws for an answer that is not 200 or not JSON is a plain JOSEError. A single key that is of no use is none of these. */
function isUnavailable(error: unknown): boolean {
	if (error instanceof IssuerUnavailable || error instanceof errors.JWKSInvalid) return true;
	return error instanceof errors.JOSEError && error.code === "ERR_JOSE_GENERIC";
}

function remoteKeys(url: string, elapsed: Elapsed): JWTVerifyGetKey {
	const keys = createRemoteJWKSet(new URL(url), {
		// jose would not ask again within this of the last time it fetched, and a key may be new a second after that: the cooling down is ours.
		cooldownDuration: Number.POSITIVE_INFINITY,
		cacheMaxAge: cacheMs,
		timeoutDuration: timeoutMs,
		[customFetch]: (address, options) =>
			fetch(address, options)
				.then(boundedAnswer)
				.catch((error: unknown) => {
					throw new IssuerUnavailable(`${url} cannot be read`, { cause: error });
				}),
	});
	const rest = new Rest(url, elapsed);
	let askedAgainAt = Number.NEGATIVE_INFINITY;
	return async (header, token) => {
		// Keys that are in hand need no answer: a made-up key id must not keep others from being known while the issuer is away.
		if (!keys.fresh) await rest.unlessTired(() => keys.reload());
		try {
			return await keys(header, token);
		} catch (error) {
			if (!(error instanceof errors.JWKSNoMatchingKey) || elapsed() - askedAgainAt < cooldownMs) throw error;
			askedAgainAt = elapsed();
			await rest.unlessTired(() => keys.reload());
			return await keys(header, token);
		}
	};
}

/** The same answer with a body that is known to be small. */
async function boundedAnswer(response: Response): Promise<Response> {
	const chunks: Uint8Array[] = [];
	let bytes = 0;
	for await (const chunk of response.body ?? []) {
		bytes += chunk.length;
		if (bytes > bodyBytesMax) throw new IssuerUnavailable(`an answer has more than ${bodyBytesMax} bytes`);
		chunks.push(chunk);
	}
	const { status } = response;
	return new Response(status === 204 || status === 304 ? null : Buffer.concat(chunks), { status });
}

/** @returns the address of the issuer's keys. @throws {IssuerUnavailable} */
async function discover(issuer: string): Promise<string> {
	const address = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
	const fault = (why: string, cause?: unknown) => new IssuerUnavailable(`${address}: ${why}`, { cause });
	const response = await fetch(address, { redirect: "error", signal: AbortSignal.timeout(timeoutMs) })
		.then(boundedAnswer)
		.catch((error: unknown) => {
			throw fault("cannot be read", error);
		});
	if (response.status !== 200) throw fault(`answered ${response.status}, expected 200`);
	let document: { issuer?: unknown; jwks_uri?: unknown } | null;
	try {
		document = (await response.json()) as typeof document;
	} catch (error) {
		throw fault("is not JSON", error);
	}
	// Section 4.3: the issuer in the document must be exactly the one that was asked.
	if (document?.issuer !== issuer) throw fault("names another issuer than the one it was asked for");
	if (typeof document.jwks_uri !== "string") throw fault("has no jwks_uri");
	// Keys that anyone on the way could replace are nobody's.
	const keys = URL.parse(document.jwks_uri);
	const isSafe = keys?.protocol === "https:" || (keys?.protocol === "http:" && placeOfHost(keys.hostname) === "loopback");
	if (!isSafe) throw fault("names a jwks_uri that is not https");
	return document.jwks_uri;
}
