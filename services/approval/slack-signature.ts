// Whether a request comes from Slack, just now and for the first time: https://docs.slack.dev/authentication/verifying-requests-from-slack
import { createHmac, timingSafeEqual } from "node:crypto";

/** Older or newer than this is refused, as Slack advises. */
const skewSecondsMax = 5 * 60;

export interface SignedRequest {
	/** `X-Slack-Request-Timestamp`: seconds since 1970. */
	readonly timestamp: string | undefined;
	/** `X-Slack-Signature`: `v0=` and 64 hexadecimal digits. */
	readonly signature: string | undefined;
	/** The body exactly as it came. */
	readonly body: Uint8Array;
}

/** HMAC-SHA256 over version, time and raw body, compared in constant time. */
export function isSignedBySlack(secret: string, { timestamp, signature, body }: SignedRequest, now: Date): boolean {
	if (timestamp === undefined || signature === undefined) return false;
	if (!/^\d{1,12}$/.test(timestamp) || !/^v0=[0-9a-f]{64}$/.test(signature)) return false;
	if (Math.abs(now.getTime() / 1000 - Number(timestamp)) > skewSecondsMax) return false;
	const expected = createHmac("sha256", secret).update(`v0:${timestamp}:`).update(body).digest();
	return timingSafeEqual(expected, Buffer.from(signature.slice("v0=".length), "hex"));
}

/** Remembers requests for as long as their signature would be accepted, so that none is accepted twice. */
export class ReplayGuard {
	private readonly seen = new Map<string, number>();
	private readonly seenMax: number;
	constructor(seenMax = 20_000) {
		this.seenMax = seenMax;
	}

	/** Whether this is the first time. False also when it cannot remember any more: then nothing new is accepted. */
	admit(signature: string, now: Date): boolean {
		const at = now.getTime();
		for (const [oldest, until] of this.seen) {
			if (until > at) break;
			this.seen.delete(oldest);
		}
		if (this.seen.has(signature) || this.seen.size >= this.seenMax) return false;
		// A timestamp may lie five minutes ahead, and is then good for ten.
		this.seen.set(signature, at + 2 * skewSecondsMax * 1000);
		return true;
	}
}
