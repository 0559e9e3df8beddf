// Tokens that were verified a moment ago: their callers' next requests need no signature verified again. Each is known by its SHA-256 alone.
import { hash } from "node:crypto";
import type { Caller } from "#libs/contracts/call.ts";
import type { IssuerKeys } from "./issuer-keys.ts";
import type { KeySet } from "./key-set.ts";

/** How long a token is remembered: what its issuer revokes, or a key that it withdraws, may count for this much longer, never more. */
const rememberMs = 60_000;

export interface Verification {
	readonly caller: Caller;
	/** The issuer's keys, and those of them that the signature was verified with. */
	readonly keys: IssuerKeys;
	readonly set: KeySet;
	/** By the time of day: when it was verified, and when its claims end. */
	readonly at: Date;
	readonly endMs: number;
}

export interface VerifiedTokensBounds {
	readonly tokensMax: number;
	/** Of all tokens together: a caller with its groups takes no more than the token that names them. */
	readonly charactersMax: number;
}

const boundsDefault: VerifiedTokensBounds = { tokensMax: 10_000, charactersMax: 16 * 1_048_576 };

interface Entry extends Verification {
	readonly characters: number;
	/** By the clock that never goes back. */
	readonly forgetAtMs: number;
}

export class VerifiedTokens {
	/** In the order in which they were verified. */
	private readonly entries = new Map<string, Entry>();
	private characters = 0;
	private readonly elapsed: () => number;
	private readonly bounds: VerifiedTokensBounds;
	constructor(elapsed: () => number, bounds = boundsDefault) {
		this.elapsed = elapsed;
		this.bounds = bounds;
	}

	/**
	 * The caller, if verifying the token again would find the same: its claims have not ended, the time of day was not set back to before it
	 * was verified (it may not have begun then), and the issuer's keys are the ones it was verified with.
	 */
	recall(token: string, now: Date): Caller | undefined {
		const key = keyOf(token);
		const entry = this.entries.get(key);
		if (entry === undefined) return undefined;
		const { caller, keys, set, at, endMs, forgetAtMs } = entry;
		const isGood = now >= at && now.getTime() < endMs && this.elapsed() < forgetAtMs && keys.current() === set;
		if (isGood) return caller;
		this.forget(key, entry);
		return undefined;
	}

	remember(token: string, verification: Verification): void {
		const key = keyOf(token);
		const known = this.entries.get(key);
		if (known) this.forget(key, known);
		// Many requests are given the same object: none may change it under the others.
		Object.freeze(verification.caller.groups);
		Object.freeze(verification.caller);
		this.entries.set(key, { ...verification, characters: token.length, forgetAtMs: this.elapsed() + rememberMs });
		this.characters += token.length;
		for (const [oldest, entry] of this.entries) {
			if (this.entries.size <= this.bounds.tokensMax && this.characters <= this.bounds.charactersMax) break;
			this.forget(oldest, entry);
		}
	}

	private forget(key: string, { characters }: Entry): void {
		this.entries.delete(key);
		this.characters -= characters;
	}
}

function keyOf(token: string): string {
	return hash("sha256", token, "base64");
}
