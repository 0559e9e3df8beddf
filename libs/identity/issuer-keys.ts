// An issuer's public keys: from a file, a URL, or found by OIDC discovery; fetched when needed, refreshed once for an unknown key id, then left in peace.
import { type CryptoKey, errors, type JWTVerifyGetKey } from "jose";
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import { type CheckedFetch, createCheckedFetch } from "#libs/outbound/checked-fetch.ts";
import { placeOfHost } from "#libs/outbound/place.ts";
import { KeySet } from "./key-set.ts";

/** An unknown key id asks the issuer again once, then not for this long: made-up key ids must not become a flood. */
const cooldownMs = 30_000;
const cacheMs = 600_000;
/** Of one question, the connection included. */
const timeoutMs = 4_000;
/** Of a discovery document and of a key set. */
const bodyBytesMax = 262_144;
/** After the issuer could not be asked, callers in the meantime are told at once. */
const retryMs = 1_000;

/** The issuer cannot be asked: the token may be good, so this is not the caller's fault. The message is for the operator. */
export class IssuerUnavailable extends ExpectedError {
	constructor(address: string, why: string, cause?: unknown) {
		super(`${address.slice(0, 200)}: ${why}`, { cause });
	}
}

/** Milliseconds of a clock that never goes back. */
type Elapsed = () => number;
type Header = Parameters<JWTVerifyGetKey>[0];
type Token = Parameters<JWTVerifyGetKey>[1];

export interface IssuerKeys {
	/**
	 * The key that a token names, and the set it is in.
	 * @throws {IssuerUnavailable}, jose's errors where no key fits, {NotAuthenticated} `key_weak`
	 */
	find(header: Header, token: Token): Promise<{ readonly key: CryptoKey; readonly set: KeySet }>;
	/** The keys that count now: another object as soon as they are others, undefined where the issuer has to be asked. */
	current(): KeySet | undefined;
}

type Source = Pick<Issuer, "issuer" | "keys" | "addresses">;

export function issuerKeys({ issuer, keys, addresses }: Source, elapsed: Elapsed = () => performance.now()): IssuerKeys {
	if (keys.from === "file") {
		const set = new KeySet({ keys: [...keys.keys] });
		return { current: () => set, find: async (header, token) => ({ key: await set.find(header, token), set }) };
	}
	const fetchChecked = createCheckedFetch({ addresses, connectTimeoutMs: timeoutMs, bodyBytesMax });
	const where = keys.from === "url" ? async () => keys.url : () => discover(issuer, fetchChecked);
	return new RemoteKeys(where, fetchChecked, elapsed);
}

class RemoteKeys implements IssuerKeys {
	private readonly where: () => Promise<string>;
	private readonly fetchChecked: CheckedFetch;
	private readonly elapsed: Elapsed;
	/** Where the keys are, until they are not found there. */
	private url: string | undefined;
	private held: { readonly set: KeySet; readonly atMs: number } | undefined;
	private asking: Promise<KeySet> | undefined;
	private failed: { readonly error: IssuerUnavailable; readonly atMs: number } | undefined;
	private askedAgainAt = Number.NEGATIVE_INFINITY;
	constructor(where: () => Promise<string>, fetchChecked: CheckedFetch, elapsed: Elapsed) {
		this.where = where;
		this.fetchChecked = fetchChecked;
		this.elapsed = elapsed;
	}

	current(): KeySet | undefined {
		return this.held && this.elapsed() - this.held.atMs < cacheMs ? this.held.set : undefined;
	}

	async find(header: Header, token: Token): Promise<{ key: CryptoKey; set: KeySet }> {
		const set = this.current() ?? (await this.ask());
		try {
			return { key: await set.find(header, token), set };
		} catch (error) {
			if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
			// Whoever comes with a new key while another's question about it is under way waits for the same answer.
			if (this.asking === undefined) {
				if (this.elapsed() - this.askedAgainAt < cooldownMs) throw error;
				this.askedAgainAt = this.elapsed();
			}
			const again = await this.ask();
			return { key: await again.find(header, token), set: again };
		}
	}

	/** One question at a time, and none for a moment after one that had no answer. @throws {IssuerUnavailable} */
	private ask(): Promise<KeySet> {
		if (this.asking) return this.asking;
		if (this.failed && this.elapsed() - this.failed.atMs < retryMs) return Promise.reject(this.failed.error);
		const asking = this.load().finally(() => {
			this.asking = undefined;
		});
		this.asking = asking;
		return asking;
	}

	private async load(): Promise<KeySet> {
		try {
			this.url ??= await this.where();
			const fetched = KeySet.parse(await textAt(this.url, this.fetchChecked));
			// The same keys stay the same object, so that what was verified with them stays verified.
			const set = this.held?.set.equals(fetched) ? this.held.set : fetched;
			this.held = { set, atMs: this.elapsed() };
			return set;
		} catch (error) {
			const unavailable = error instanceof IssuerUnavailable ? error : new IssuerUnavailable(this.url ?? "", "has no usable keys", error);
			this.failed = { error: unavailable, atMs: this.elapsed() };
			this.url = undefined;
			throw unavailable;
		}
	}
}

/** @throws {IssuerUnavailable} */
async function textAt(address: string, fetchChecked: CheckedFetch): Promise<string> {
	const headers = new Headers({ accept: "application/json, application/jwk-set+json" });
	const response = await fetchChecked(address, { headers, signal: AbortSignal.timeout(timeoutMs) }).catch((error: unknown) => {
		throw new IssuerUnavailable(address, `cannot be read (${codeOf(error)})`, error);
	});
	if (response.status !== 200) throw new IssuerUnavailable(address, `answered ${response.status}, expected 200`);
	return await response.text();
}

/** `address_forbidden`, `UND_ERR_RES_EXCEEDED_MAX_SIZE`, `TimeoutError`: never a message, which may quote what was read. */
function codeOf(error: unknown): string {
	const { code, name } = error as { readonly code?: unknown; readonly name?: unknown };
	return typeof code === "string" ? code : String(name);
}

/** OpenID Connect Discovery 1.0 section 4. @returns the address of the issuer's keys. @throws {IssuerUnavailable} */
async function discover(issuer: string, fetchChecked: CheckedFetch): Promise<string> {
	const address = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
	const fault = (why: string, cause?: unknown) => new IssuerUnavailable(address, why, cause);
	const text = await textAt(address, fetchChecked);
	let document: { issuer?: unknown; jwks_uri?: unknown } | null;
	try {
		document = JSON.parse(text) as typeof document;
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
