// The keys of one caller's session, derived from the executors' own: the same at every executor that holds that key, and nowhere else.
import { createHash, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";

/** 256 random bits that only executors hold. */
export interface MaskingKey {
	readonly id: string;
	readonly secret: KeyObject;
}

/** Whose session it is. `session` is what the issuer calls it, where its documents map a claim for that. */
export interface SessionOwner {
	readonly issuer: string;
	readonly subject: string;
	readonly session?: string | undefined;
}

/** It can be sent to the thread that masks a large answer. 256 bits each; prepared once, which costs more than what each value costs then. */
export interface SessionKeys {
	/** Of the gateway, not of the session: equal values are equal for every caller. */
	readonly hash: KeyObject;
	readonly surrogate: KeyObject;
	/** The first makes tokens; all of them open some. */
	readonly tokens: readonly [TokenKey, ...TokenKey[]];
}

/** For the nonce, which also proves a token, and for its value. */
export interface TokenKey {
	readonly nonce: KeyObject;
	readonly value: KeyObject;
}

/** What one call's masks need beside its values. */
export interface MaskingContext extends SessionKeys {
	/** Values that the function was given in place of tokens: neither its caller nor the record may see them. */
	readonly revealed?: readonly (readonly [value: string, token: string])[];
	/** Surrogates that were made for this call: they look like what they stand for, and are not masked again. Added to, and bounded. */
	readonly made?: Set<string>;
}

/** So many surrogates of one call are remembered; what would need one more is redacted. */
export const madeMax = 100_000;

/** The text with each of the values as its token again, longer ones first, and how many there were. */
export function withoutRevealed(text: string, revealed: NonNullable<MaskingContext["revealed"]>): { text: string; count: number } {
	let count = 0;
	let hidden = text;
	for (const [value, token] of revealed) {
		if (!hidden.includes(value)) continue;
		const parts = hidden.split(value);
		count += parts.length - 1;
		hidden = parts.join(token);
	}
	return { text: hidden, count };
}

/** How long a token can be used at least; at most twice as long. */
export const tokenWindowMs = { min: 60_000, max: 86_400_000, byDefault: 3_600_000 } as const;
/** Sessions whose keys are kept at hand; the keys of others are derived anew. */
const sessionsMax = 1_024;

/** The masking keys that an executor holds: the first makes, all of them open, so that a key can be replaced without a pause. */
export class MaskingKeys {
	private readonly keys: readonly MaskingKey[];
	private readonly windowMs: number;
	private readonly sessions = new Map<string, SessionKeys>();

	constructor(keys: readonly MaskingKey[], windowMs: number = tokenWindowMs.byDefault) {
		this.keys = keys;
		this.windowMs = windowMs;
	}

	/** Undefined where no key is held: then nothing that needs one may be released. */
	sessionOf({ issuer, subject, session }: SessionOwner, now: Date): SessionKeys | undefined {
		const [first] = this.keys;
		if (!first) return undefined;
		const window = Math.floor(now.getTime() / this.windowMs);
		const owner = JSON.stringify([issuer, subject, session ?? null]);
		const name = `${window} ${owner}`;
		const known = this.sessions.get(name) ?? this.derive(first, owner, window);
		this.sessions.delete(name);
		this.sessions.set(name, known);
		for (const oldest of this.sessions.keys()) {
			if (this.sessions.size <= sessionsMax) break;
			this.sessions.delete(oldest);
		}
		return known;
	}

	private derive(first: MaskingKey, owner: string, window: number): SessionKeys {
		const ofWindow = (key: MaskingKey, at: number): TokenKey => {
			const [nonce, value] = derived(key, "token", `${at} ${owner}`);
			return { nonce, value };
		};
		// What was made in the last window still opens; so does what an executor made whose clock is ahead of this one's.
		const others = [window, window - 1, window + 1].flatMap((at) =>
			this.keys.filter((key) => key !== first || at !== window).map((key) => ofWindow(key, at)),
		);
		return {
			hash: derived(first, "hash", "")[0],
			surrogate: derived(first, "surrogate", `${window} ${owner}`)[0],
			tokens: [ofWindow(first, window), ...others],
		};
	}
}

/** HKDF-SHA-256 (RFC 5869), as two keys of 256 bits; the context is digested, because `info` is bounded. */
function derived({ secret }: MaskingKey, use: string, context: string): readonly [KeyObject, KeyObject] {
	const info = `callgate/masking/${use} ${createHash("sha256").update(context).digest("hex")}`;
	const bytes = new Uint8Array(hkdfSync("sha256", secret, "", info, 64));
	return [createSecretKey(bytes.subarray(0, 32)), createSecretKey(bytes.subarray(32))];
}
