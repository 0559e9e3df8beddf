// The texts of an answer, read as whoever gets them will read them, and written as they are sealed.
import type { AnswerBody } from "#libs/contracts/answer.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import { JsonRefused, type JsonValue, parseJsonStrictly } from "#libs/contracts/json.ts";
import { answerBytesMax } from "#libs/contracts/message-size.ts";

/** The answer cannot be masked, so it does not leave. */
export class AnswerWithheld extends ExpectedError {
	constructor(why: string) {
		super(why);
	}
}

/** No answer within its bound has more nodes: each takes two bytes at least. */
const nodesMax = answerBytesMax / 2 + 1;
/** A function may send more, and longer numbers, than a caller; a number that is masked or beside one that is becomes a string with all its digits. */
export const answerLimits = { depthMax: 64, nodesMax, longNumbersAsText: true };

/** Of a shorter text it does not matter in which writing it is passed on. */
const longTextChars = 262_144;

/** Text as it is sealed: never more than 4/3 of its UTF-8, whatever a JSON string has to escape in it. */
export function passedOn(text: string): AnswerBody {
	if (text.length < longTextChars) return { text };
	const base64 = Buffer.from(text).toString("base64");
	return Buffer.byteLength(JSON.stringify(text)) <= base64.length ? { text } : { base64 };
}

/** The JSON of a body that was masked already; undefined where it is text. */
export function readJson(text: string): { readonly value: JsonValue } | undefined {
	return parseAnswer(text, false, false);
}

/**
 * `exact` says that every reader of the text sees the same value that was masked. Undefined: it is not JSON. What a body is called counts for
 * little: JSON that comes as text, or with a byte order mark, is read as JSON by whoever gets it, so it is masked as JSON too.
 *
 * @throws {AnswerWithheld | JsonRefused}
 */
export function parseAnswer(text: string, isCalledJson: boolean, byPlace: boolean): { value: JsonValue; exact: boolean } | undefined {
	const bare = text.replace(/^\uFEFF/, "");
	const looksLikeJson = /^\s*[{[]/.test(bare);
	if (!isCalledJson && !looksLikeJson) return undefined;
	try {
		return { value: parseJsonStrictly(bare, answerLimits), exact: true };
	} catch (error) {
		if (!(error instanceof JsonRefused)) throw error;
		// A duplicate member has two readings: what is passed on is the one that was masked, written anew.
		if (error.fault === "duplicate_member" || error.fault === "forbidden_member")
			return { value: parseJsonStrictly(bare, { ...answerLimits, anyMembers: true }), exact: false };
		// Text that only begins like JSON is text (`[DONE]`), unless places were to be masked that may well be in it: lines of JSON, JSON that is cut off.
		if (error.fault === "not_json" && !(byPlace && (isCalledJson || /^[[\s]*\{/.test(bare)))) return undefined;
		throw new AnswerWithheld(`its JSON cannot be read safely (${error.fault})`);
	}
}
