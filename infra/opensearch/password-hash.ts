// Password hashes that OpenSearch's security plugin accepts, made without its own tool, which would start a JVM for each.
import { pbkdf2, randomBytes } from "node:crypto";
import { promisify } from "node:util";

/** The plugin's defaults (`plugins.security.password.hashing.pbkdf2.*`); the hash carries them, and the node's settings must name PBKDF2. */
const iterations = 600_000;
const lengthBits = 256;
const digest = "sha256";
/** How the plugin's library (password4j) numbers PBKDF2 with HMAC-SHA-256 in a hash. */
const digestId = 3;
const saltBytes = 64;

/** Node settings under which the plugin checks such hashes. */
export const passwordHashSettings = { "plugins.security.password.hashing.algorithm": "pbkdf2" } as const;

/**
 * PBKDF2-HMAC-SHA-256 (RFC 8018) of the password in the plugin's form `$3$<iterations * 2^32 + bits>$<salt>$<hash>`, both in base64.
 * About 0.1 s, off the event loop's thread.
 */
export async function hashPassword(password: string, salt: Uint8Array = randomBytes(saltBytes)): Promise<string> {
	const hash = await promisify(pbkdf2)(password, salt, iterations, lengthBits / 8, digest);
	const cost = (BigInt(iterations) << 32n) + BigInt(lengthBits);
	return `$${digestId}$${cost}$${Buffer.from(salt).toString("base64")}$${hash.toString("base64")}`;
}
