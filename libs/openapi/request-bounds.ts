// How large a request to a function may be. One rule for ingress, which refuses a call before anyone decides about it, and for the executor.
import type { HttpDestination } from "./http-transport.ts";

/** What arguments may come to. Servers commonly take a URL of 8 KiB and a header section of 8 to 16 KiB. */
const urlBytesMax = 16 * 1024;
const argumentHeaderBytesMax = 16 * 1024;

/** What is added to a request after its arguments: by a secret of at most 8 KiB, in base64 or percent-encoded; by the caller's headers. */
export const secretBytesMax = 8 * 1024;
const credentialBytesMax = 3 * (secretBytesMax + 128) + 512;
const callerHeaderBytesMax = 32 * 1024;
const defaultHeaderBytesMax = 1024;

/** What the dialer takes: whatever {@link whyTooLarge} lets through fits, with everything that is added to it. */
export const dialBounds = {
	urlBytesMax: urlBytesMax + credentialBytesMax,
	headerBytesMax: argumentHeaderBytesMax + callerHeaderBytesMax + credentialBytesMax + defaultHeaderBytesMax,
} as const;

export interface TooLarge {
	readonly code: "invalid_arguments" | "body_too_large";
	readonly message: string;
}

/** What of a request is counted. */
export interface RequestSize {
	readonly path: string;
	readonly query: string;
	readonly headers: Readonly<Record<string, string>>;
	/** 0 where there is none. */
	readonly bodyBytes: number;
}

/** Why a request that was built from arguments is larger than what is sent, or undefined. */
export function whyTooLarge({ path, query, headers, bodyBytes }: RequestSize, { url, limits }: HttpDestination): TooLarge | undefined {
	// All of it is ASCII: what is not was percent-encoded, or refused.
	const urlBytes = url.length + path.length + (query === "" ? 0 : query.length + 1);
	if (urlBytes > urlBytesMax)
		return { code: "invalid_arguments", message: `expected arguments that make a URL of at most ${urlBytesMax} bytes, found ${urlBytes}` };
	const headerBytes = Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);
	if (headerBytes > argumentHeaderBytesMax)
		return {
			code: "invalid_arguments",
			message: `expected arguments that make at most ${argumentHeaderBytesMax} bytes of headers, found ${headerBytes}`,
		};
	const { requestBodyBytesMax } = limits;
	if (bodyBytes > requestBodyBytesMax)
		return { code: "body_too_large", message: `the function's request body may have ${requestBodyBytesMax} bytes, found ${bodyBytes}` };
	return undefined;
}
