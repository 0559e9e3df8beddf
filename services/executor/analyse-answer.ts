// What no pattern finds in an answer, names and addresses of people, is found by whom its connection names, and masked. Without a good answer from there the function's answer stays here.
import type { Analyzer } from "#libs/configuration/kinds/analyzer.ts";
import type { Answer, HttpAnswer } from "#libs/contracts/answer.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { Findings, findingsMax } from "#libs/masking/findings.ts";
import { wholeToken } from "#libs/masking/keyed/token.ts";
import { isMark, markCharsMax, markEnd, redactedMark } from "#libs/masking/mark.ts";
import { cutView, maskedView } from "#libs/masking/view.ts";
import { AnswerWithheld, readJson } from "./answer-text.ts";
import type { AnswerMasks, MaskedAnswer } from "./mask-answer.ts";
import { type Recogniser, RecognitionFailed, type TextSpan } from "./ports.ts";

/** A masked answer, its result as the text that is sealed. */
export type MaskedText = Omit<MaskedAnswer, "result"> & { readonly text: string };

/** A longer one is not read here, and would keep an analyzer busy for seconds. */
export const analysedCharsMax = 256 * 1024;
/** Between two texts of one answer, which are asked about together: the end of a paragraph, over which nothing reaches. */
const between = "\n\n";
/** Room for what counts at the root, one a detector. */
const placedMax = findingsMax - 16;

/**
 * Asks about the texts of an answer that was masked already, in one question: what patterns find does not leave this process. Values are asked
 * about, and not the names of members.
 *
 * @throws {AnswerWithheld}
 */
export async function analyseAnswer(
	recogniser: Recogniser,
	analyzer: Analyzer,
	masked: MaskedText,
	{ view }: Pick<AnswerMasks, "view">,
): Promise<MaskedText> {
	if (masked.text.length > analysedCharsMax)
		throw new AnswerWithheld(`it is longer than an analyzer is asked about (${analysedCharsMax} characters)`);
	const result = JSON.parse(masked.text) as Answer;
	// Its connection names no analyzer: where one does all the same, nothing leaves unasked.
	if (result.protocol !== "http") throw new AnswerWithheld("an analyzer is asked about answers of HTTP functions alone");
	const body = readBody(result.body);
	const texts: string[] = [];
	visit(body, (text) => {
		texts.push(text);
		return undefined;
	});
	if (texts.length === 0) return masked;
	const spans = await recognised(recogniser, analyzer, texts.join(between));
	if (spans.length === 0) return masked;
	const findings = new Findings();
	let offset = 0;
	const analysed = visit(body, (text, place) => {
		const { out, count } = withoutSpans(text, spans, offset);
		offset += text.length + between.length;
		findings.at(place);
		if (count > 0) findings.add("analyzer", count);
		return out;
	});
	const own = findings.list();
	if (own.length === 0) return masked;
	const shown = { status: result.status, body: analysed };
	const isText = typeof analysed === "string" && result.body !== undefined && !("json" in result.body);
	return {
		text: JSON.stringify({ ...result, body: isText ? { text: analysed } : { json: analysed } }),
		view: view ? maskedView(shown, view).view : cutView(shown),
		findings: masked.findings.length + own.length > placedMax ? [...masked.findings, atRoot(own)] : [...masked.findings, ...own],
	};
}

function atRoot(findings: MaskedAnswer["findings"]): MaskedAnswer["findings"][number] {
	return { detector: "analyzer", path: "", count: findings.reduce((sum, { count }) => sum + count, 0) };
}

/** In order, apart from each other. */
async function recognised(recogniser: Recogniser, analyzer: Analyzer, text: string): Promise<TextSpan[]> {
	const found = await recogniser.recognise(text, analyzer).catch((error: unknown) => {
		throw error instanceof RecognitionFailed ? new AnswerWithheld(`the analyzer could not look at it: ${error.message}`) : error;
	});
	const spans: TextSpan[] = [];
	for (const { start, end } of found.toSorted((a, b) => a.start - b.start)) {
		const last = spans.at(-1);
		if (last && start <= last.end) spans[spans.length - 1] = { start: last.start, end: Math.max(last.end, end) };
		else spans.push({ start, end });
	}
	return spans;
}

/** A body as its reader reads it: JSON that was passed on as it came is JSON. */
function readBody(body: HttpAnswer["body"]): JsonValue {
	if (body === undefined) return null;
	if ("json" in body) return body.json;
	const text = "text" in body ? body.text : Buffer.from(body.base64, "base64").toString();
	return readJson(text)?.value ?? text;
}

type Change = (text: string, place: readonly (string | number)[]) => string | undefined;

/** A value with each of its texts that has a letter and is neither mark nor token as `change` returns it; always in one order. */
function visit(value: JsonValue, change: Change, place: readonly (string | number)[] = []): JsonValue {
	if (typeof value === "string")
		return isMark(value) || wholeToken(value) || !/\p{L}/u.test(value) ? value : (change(value, place) ?? value);
	if (Array.isArray(value)) return value.map((item, index) => visit(item, change, [...place, index]));
	if (!isJsonObject(value)) return value;
	const out: JsonObject = {};
	for (const [name, child] of Object.entries(value)) {
		const member = { value: visit(child, change, [...place, name]), enumerable: true, configurable: true, writable: true };
		// `__proto__` is a member like any other.
		Object.defineProperty(out, name, member);
	}
	return out;
}

/** The text without what the spans cover of it. Marks that stand there already stay whole. @param offset where the text began in what was asked about */
function withoutSpans(text: string, spans: readonly TextSpan[], offset: number): { out: string; count: number } {
	let out = "";
	let kept = 0;
	let count = 0;
	const put = (start: number, end: number): void => {
		if (!/[\p{L}\p{N}]/u.test(text.slice(start, end))) return;
		out += text.slice(kept, start) + redactedMark;
		kept = end;
		count++;
	};
	for (const span of spansWithin(spans, offset, offset + text.length)) {
		const end = Math.min(text.length, span.end - offset);
		let from = Math.max(0, span.start - offset);
		// A mark that covers the beginning begins a few characters before it.
		const near = text.slice(Math.max(0, from - markCharsMax), end);
		const offsetOfNear = Math.max(0, from - markCharsMax);
		for (let at = near.indexOf("["); at >= 0; at = near.indexOf("[", at + 1)) {
			const open = offsetOfNear + at;
			const close = markEnd(text, open);
			if (close <= from) continue;
			if (open > from) put(from, Math.min(open, end));
			from = close;
		}
		if (from < end) put(from, end);
	}
	return { out: out + text.slice(kept), count };
}

/** The spans that have a part between two places: found by halves, for an answer may have as many texts as there are spans. */
function spansWithin(spans: readonly TextSpan[], start: number, end: number): readonly TextSpan[] {
	let [low, high] = [0, spans.length];
	while (low < high) {
		const middle = (low + high) >> 1;
		if ((spans[middle] as TextSpan).end <= start) low = middle + 1;
		else high = middle;
	}
	let last = low;
	while (last < spans.length && (spans[last] as TextSpan).start < end) last++;
	return spans.slice(low, last);
}
