// What a caller's token may be used for, as its issuer says in it: kept beside the caller, because policy, people and record know callers, not tokens.
import type { JWTPayload } from "jose";
import type { Caller } from "#libs/contracts/call.ts";

export interface Vouched {
	/** The name of the Issuer document by which the token was verified. */
	readonly issuer: string;
	readonly scopes: ReadonlySet<string>;
}

/** Of callers that were authenticated here. A caller is known as the very object: an equal one was not, and nothing is known of its token. */
export class TokenScopes {
	private readonly vouched = new WeakMap<Caller, Vouched>();

	note(caller: Caller, vouched: Vouched): void {
		this.vouched.set(caller, vouched);
	}

	of(caller: Caller): Vouched | undefined {
		return this.vouched.get(caller);
	}
}

/** `scope`, a text with spaces (RFC 9068 section 2.2.3, RFC 8693 section 4.2), and `scp`, a text or a list, as Entra and Okta have it. What is neither names none. */
export function scopesIn({ scope, scp }: JWTPayload): ReadonlySet<string> {
	const texts = [scope, ...(Array.isArray(scp) ? scp : [scp])].filter((text) => typeof text === "string");
	return new Set(texts.flatMap((text) => text.split(" ")).filter((name) => name !== ""));
}
