// Asks Presidio's analyzer (https://microsoft.github.io/presidio/api-docs/api-docs.html), behind the recogniser port: POST /analyze, a text, finds by place.
import { addressPolicy } from "#libs/configuration/kinds/addresses.ts";
import { type CheckedFetch, createCheckedFetch } from "#libs/outbound/checked-fetch.ts";
import { ConnectError } from "#libs/outbound/connect-error.ts";
import type { Lookup } from "#libs/outbound/resolve-address.ts";
import { type Recogniser, RecognitionFailed, type TextSpan } from "./ports.ts";

/** Of its answer: some ten thousand finds, with what it says about each. */
const bodyBytesMax = 4 * 1024 * 1024;
const findsMax = 10_000;
const connectTimeoutMs = 2_000;

export function createPresidioRecogniser({ lookup }: { readonly lookup?: Lookup } = {}): Recogniser {
	const reaching = (allowPrivateAddresses: boolean): CheckedFetch =>
		createCheckedFetch({
			addresses: addressPolicy({ allowPrivateAddresses }),
			...{ connectTimeoutMs, bodyBytesMax },
			...(lookup && { lookup }),
		});
	const [outside, anywhere] = [reaching(false), reaching(true)];
	return {
		async recognise(text, { url, allowPrivateAddresses, language, entities, score, timeoutMs }) {
			// A lone surrogate has no UTF-8; what stands in its place is one code unit as well.
			const body = JSON.stringify({ text: text.toWellFormed(), language, entities, score_threshold: score });
			const fetched = allowPrivateAddresses ? anywhere : outside;
			let found: unknown;
			try {
				const answer = await fetched(`${url}/analyze`, { body, signal: AbortSignal.timeout(timeoutMs) });
				if (answer.status !== 200) throw new RecognitionFailed(`it answered ${answer.status}, expected 200`);
				found = await answer.json();
			} catch (error) {
				throw error instanceof RecognitionFailed ? error : new RecognitionFailed(whyOf(error));
			}
			return spansOf(found, text);
		},
	};
}

/** Never its words: they may repeat the text. */
function whyOf(error: unknown): string {
	if (error instanceof ConnectError) return `it cannot be reached (${error.code})`;
	if (error instanceof SyntaxError) return "what it answered is not JSON";
	return error instanceof Error && error.name === "TimeoutError" ? "it did not answer in time" : "its answer broke off or broke a bound";
}

/** Presidio counts characters as Python does, in code points. */
function spansOf(found: unknown, text: string): TextSpan[] {
	if (!Array.isArray(found) || found.length > findsMax)
		throw new RecognitionFailed(`what it answered is no list of at most ${findsMax} finds`);
	const units = unitsOfPoints(text);
	const unitAt = (point: unknown): number | undefined => (typeof point === "number" ? (units ? units[point] : point) : undefined);
	return found.map((one: { readonly start?: unknown; readonly end?: unknown } | null) => {
		const start = unitAt(one?.start);
		const end = unitAt(one?.end);
		if (start === undefined || end === undefined || !Number.isInteger(start) || !Number.isInteger(end))
			throw new RecognitionFailed("a find of it has no place in the text");
		if (start < 0 || start >= end || end > text.length) throw new RecognitionFailed("a find of it lies outside the text");
		return { start, end };
	});
}

/** Where each code point begins, and the end of the text; undefined where code points are code units. */
function unitsOfPoints(text: string): Uint32Array | undefined {
	if (!/[\ud800-\udfff]/.test(text)) return undefined;
	const units = new Uint32Array(text.length + 1);
	let points = 0;
	for (let at = 0; at < text.length; at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1) units[points++] = at;
	units[points++] = text.length;
	return units.subarray(0, points);
}
