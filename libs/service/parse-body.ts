// A request's body as the JSON that it must be.
import { type JsonLimits, JsonRefused, parseJsonStrictly } from "#libs/contracts/json.ts";
import { Refusal } from "#libs/contracts/problems.ts";

/** RFC 8259 section 8.1: JSON is UTF-8. */
export function parseBody(body: Uint8Array, limits?: JsonLimits): unknown {
	if (body.length === 0) throw new Refusal("malformed_request", { detail: "the body is empty, expected a JSON object" });
	let text: string;
	try {
		text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
	} catch {
		throw new Refusal("malformed_request", { detail: "the body is not UTF-8" });
	}
	try {
		return parseJsonStrictly(text, limits);
	} catch (error) {
		if (error instanceof JsonRefused)
			throw new Refusal("malformed_request", { detail: `${error.message} (${error.fault}, near ${error.offset})` });
		throw error;
	}
}
