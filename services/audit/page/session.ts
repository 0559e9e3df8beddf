// What a browser keeps for the audit page: sealed cookies, so that no server has sessions, and one that was made elsewhere or is old opens to nothing.
import { CompactEncrypt, compactDecrypt } from "jose";

export interface Sealer {
	/** A `Set-Cookie` value. @throws {TooLargeForCookie} */
	seal(content: object): Promise<string>;
	/** What a request's `Cookie` has of it; undefined for none, an old one, or one that this key did not seal. */
	open(cookies: string | undefined): Promise<Readonly<Record<string, unknown>> | undefined>;
	/** A `Set-Cookie` value that takes it away. */
	readonly remove: string;
}

/** Browsers keep cookies of up to 4,096 bytes, name and attributes included (RFC 6265 section 6.1). */
const cookieCharactersMax = 3_900;

export class TooLargeForCookie extends Error {}

/**
 * @param key 32 bytes
 * @param isLoopback plain http to this machine: the one place where cookies go without TLS, and so without the prefix that ties them to it
 */
export function createSealer(
	name: string,
	{ key, isLoopback, maxAgeS }: { key: Uint8Array; isLoopback: boolean; maxAgeS: number },
): Sealer {
	const cookie = isLoopback ? name : `__Host-${name}`;
	// Lax: it must come along when the issuer, another site, sends the browser back.
	const attributes = `Path=/; HttpOnly; SameSite=Lax${isLoopback ? "" : "; Secure"}`;
	return {
		async seal(content) {
			const sealed = await new CompactEncrypt(Buffer.from(JSON.stringify({ ...content, for: name, at: Date.now() })))
				.setProtectedHeader({ alg: "dir", enc: "A256GCM" })
				.encrypt(key);
			if (sealed.length > cookieCharactersMax) throw new TooLargeForCookie();
			return `${cookie}=${sealed}; Max-Age=${maxAgeS}; ${attributes}`;
		},
		async open(cookies = "") {
			const [only, ...others] = cookies
				.split(/;\s*/)
				.flatMap((pair) => (pair.startsWith(`${cookie}=`) ? [pair.slice(cookie.length + 1)] : []));
			if (only === undefined || others.length > 0) return undefined;
			try {
				const { plaintext } = await compactDecrypt(only, key, {
					keyManagementAlgorithms: ["dir"],
					contentEncryptionAlgorithms: ["A256GCM"],
				});
				const content = JSON.parse(Buffer.from(plaintext).toString()) as Record<string, unknown>;
				const ageMs = Date.now() - Number(content.at);
				return content.for === name && ageMs >= 0 && ageMs < maxAgeS * 1_000 ? content : undefined;
			} catch {
				return undefined;
			}
		},
		remove: `${cookie}=; Max-Age=0; ${attributes}`,
	};
}
