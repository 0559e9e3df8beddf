// Forwards to a webhook, signed as https://www.standardwebhooks.com says.
import { createHmac } from "node:crypto";
import { createPoster, isRefusal } from "./post.ts";
import { bodyOf, NotDelivered, type Target } from "./target.ts";

export interface Webhook {
	readonly url: string;
	/** 24 to 64 bytes. */
	readonly secret: Uint8Array;
	readonly ca?: string | undefined;
}

/** One POST a batch (version 1, symmetric): a receiver may know it again by `webhook-id`. What is signed goes to the named address or nowhere. */
export function webhookTarget({ url, secret, ca }: Webhook, now: () => Date): Target {
	const { post, close } = createPoster("the webhook", ca);
	return {
		async send(batch) {
			const { format, id } = batch;
			const body = bodyOf(batch);
			const timestamp = String(Math.floor(now().getTime() / 1_000));
			const headers = {
				"content-type": format.contentType.replace("cloudevents+json", "cloudevents-batch+json"),
				...{ "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": webhookSignature(secret, id, timestamp, body) },
			};
			const { status, afterMs } = await post(url, headers, body);
			if (status >= 200 && status < 300) return;
			throw new NotDelivered(`the webhook answered ${status}`, { isFinal: isRefusal(status), afterMs });
		},
		close,
	};
}

/** Version 1: HMAC-SHA-256 over id, seconds since 1970 and body. */
export function webhookSignature(secret: Uint8Array, id: string, timestamp: string, body: string): string {
	return `v1,${createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}
