// One version of an issuer's public keys, as it published them together (RFC 7517). Weak ones verify nothing.
import { KeyObject } from "node:crypto";
import { type CryptoKey, createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { weaknessOf } from "./key-strength.ts";
import { refused } from "./refused.ts";

export class KeySet {
	private readonly text: string;
	private readonly local: ReturnType<typeof createLocalJWKSet>;
	/** The library imports each key once; each is judged once too. */
	private readonly judged = new WeakMap<CryptoKey, { readonly weakness: string | undefined }>();
	/** @throws jose's `JWKSInvalid` */
	constructor(keys: object) {
		this.text = JSON.stringify(keys);
		this.local = createLocalJWKSet(keys as JSONWebKeySet);
	}

	/** @throws SyntaxError, jose's `JWKSInvalid` */
	static parse(text: string): KeySet {
		return new KeySet(JSON.parse(text) as object);
	}

	equals(other: KeySet): boolean {
		return this.text === other.text;
	}

	/** @throws jose's errors where not exactly one key fits, {NotAuthenticated} `key_weak` */
	async find(...[header, token]: Parameters<JWTVerifyGetKey>): Promise<CryptoKey> {
		const key = await this.local(header, token);
		const weakness = this.weaknessOf(key);
		if (weakness !== undefined)
			throw refused("key_weak", `its issuer's key ${JSON.stringify(header?.kid?.slice(0, 64) ?? "")} is ${weakness}`);
		return key;
	}

	private weaknessOf(key: CryptoKey): string | undefined {
		const judged = this.judged.get(key) ?? { weakness: weaknessOf(KeyObject.from(key).export({ format: "jwk" })) };
		this.judged.set(key, judged);
		return judged.weakness;
	}
}
