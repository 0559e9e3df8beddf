// A function's answer, made fit to leave the executor: masked for the caller, cut to a view for the record. What cannot be masked stays here.
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { Answer, HttpAnswer } from "#libs/contracts/answer.ts";
import { JsonRefused, type JsonValue } from "#libs/contracts/json.ts";
import { isPlain, mergedPaths } from "#libs/masking/action.ts";
import type { MaskingContext } from "#libs/masking/keyed/session-keys.ts";
import { compileMask, type Mask } from "#libs/masking/mask.ts";
import { MaskingError } from "#libs/masking/masking-error.ts";
import { compileView, cutView, maskedView, masksAsView } from "#libs/masking/view.ts";
import { isCookie } from "#libs/outbound/header-owners.ts";
import { isHeaderValue } from "#libs/outbound/header-syntax.ts";
import { maskFor } from "#libs/policy/mask-for.ts";
import { AnswerWithheld, parseAnswer, passedOn } from "./answer-text.ts";
import { maskMcp } from "./mask-mcp.ts";
import type { FunctionAnswer, HttpFunctionAnswer } from "./ports.ts";

export interface MaskedAnswer {
	readonly result: Answer;
	readonly view: JsonValue;
	readonly findings: { detector: string; path: string; count: number }[];
}

/** How one function's answers are masked. */
export interface AnswerMasks {
	/** For the caller. */
	readonly mask: Mask;
	/** For everyone else. Undefined where the caller's looks for everything: an answer is masked once, and cut for the record. */
	readonly view: Mask | undefined;
	/** Whether the policy or the document names places of the answer: then an answer in which they cannot be found must not leave. */
	readonly byPlace: boolean;
	/** Whether something of it can only be made with the keys of the caller's session. */
	readonly isKeyed: boolean;
	/** Whether bytes that are no text pass, where the protocol has them beside its texts. */
	readonly passesMedia: boolean;
}

/** Compiled once per revision and function: a revision never changes. */
const compiled = new WeakMap<Configuration, Map<string, FunctionMasks>>();

interface FunctionMasks {
	readonly masks: AnswerMasks;
	/** Whether the function is given what tokens in its arguments stand for. */
	readonly opensTokens: boolean;
}

export function masksOf(configuration: Configuration, connection: string, name: string): FunctionMasks {
	const known = compiled.get(configuration) ?? new Map<string, FunctionMasks>();
	compiled.set(configuration, known);
	const key = `${connection} ${name}`;
	const found = known.get(key);
	if (found) return found;
	const { detokenize, response: asked } = maskFor(configuration.policy, connection, name);
	const marked = configuration.connection(connection)?.function(name)?.sensitiveAnswers ?? {};
	const response = { ...asked, paths: mergedPaths(asked.paths, marked) };
	// What places ask for is done by then: to do it again would make a hash of a hash.
	const view = masksAsView(response) ? undefined : compileView();
	const actions = Object.values(response.paths);
	const isKeyed = ![...actions, ...Object.values(response.finds ?? {})].every(isPlain);
	const transport = configuration.connection(connection)?.transport;
	const passesMedia = transport?.protocol === "mcp" && transport.passesMedia;
	const masks = { mask: compileMask(response), view, byPlace: actions.length > 0, isKeyed, passesMedia };
	const both = { masks, opensTokens: Object.keys(detokenize).length > 0 };
	known.set(key, both);
	return both;
}

/**
 * @param keys of the caller's session; needed where the masks are keyed
 * @throws {AnswerWithheld}
 */
export function maskAnswer(answer: FunctionAnswer, masks: AnswerMasks, keys?: MaskingContext): MaskedAnswer {
	try {
		const { result, shown, findings } = answer.protocol === "http" ? maskHttp(answer, masks, keys) : maskMcp(answer, masks, keys);
		const recorded = masks.view ? maskedView(shown, masks.view).view : cutView(shown);
		return { result, view: recorded, findings };
	} catch (error) {
		if (error instanceof JsonRefused) throw new AnswerWithheld(`its JSON cannot be read safely (${error.fault})`);
		if (error instanceof MaskingError) throw new AnswerWithheld(`it could not be masked (${error.name})`);
		throw error;
	}
}

function maskHttp(answer: HttpFunctionAnswer, masks: AnswerMasks, keys: MaskingContext | undefined) {
	const { status } = answer;
	const { body, shown, findings } = maskBody(answer, masks, keys);
	const headers = answer.headers.flatMap((field) => maskHeader(field, masks.mask, keys));
	const result = { protocol: "http" as const, status, headers, body };
	return { result, shown: { status, ...(shown !== undefined && { body: shown }) }, findings };
}

export interface LargeAnswer {
	readonly connection: string;
	readonly function: string;
	readonly answer: FunctionAnswer;
	readonly keys?: MaskingContext | undefined;
}

/** The result as the text that is sealed, or why it must not leave. */
export type LargeMasked = (Omit<MaskedAnswer, "result"> & { readonly text: string }) | { readonly withheld: string };

/** As {@link maskAnswer}, where nothing but values comes in and goes out: in another thread. */
export function maskNamed(configuration: Configuration, { connection, function: name, answer, keys }: LargeAnswer): LargeMasked {
	try {
		const { result, view, findings } = maskAnswer(answer, masksOf(configuration, connection, name).masks, keys);
		return { text: JSON.stringify(result), view, findings };
	} catch (error) {
		if (error instanceof AnswerWithheld) return { withheld: error.message };
		throw error;
	}
}

/** Most types say nothing that could be masked, and each answer has one. */
const plainType = /^[a-z]{1,20}\/[a-z][a-z.+-]{0,63}(?:; ?charset="?[a-z]{1,8}-?[0-9-]{0,6}"?)?$/i;

export function maskHeader([name, value]: HttpFunctionAnswer["headers"][number], mask: Mask, keys?: MaskingContext): [string, string][] {
	if (isCookie(name)) return [];
	// A number of bytes is no secret, and none of a card's.
	if (name === "content-length") return /^\d{1,12}$/.test(value) ? [[name, value]] : [];
	// Header fields are Latin-1, which has no ellipsis.
	const masked = name === "content-type" && plainType.test(value) ? value : mask.maskText(value, keys).text.replaceAll("…", "...");
	// Text bodies leave as UTF-8, whatever they came in.
	const written = name === "content-type" ? masked.replace(/(charset=)"?[\w-]+"?/i, "$1utf-8") : masked;
	return isHeaderValue(written) ? [[name, written]] : [];
}

interface MaskedBody {
	readonly body: HttpAnswer["body"];
	readonly shown: JsonValue | undefined;
	readonly findings: MaskedAnswer["findings"];
}

function maskBody({ body, headers }: HttpFunctionAnswer, { mask, byPlace }: AnswerMasks, keys: MaskingContext | undefined): MaskedBody {
	if (body.length === 0) return { body: undefined, shown: undefined, findings: [] };
	const type = headers.find(([name]) => name === "content-type")?.[1] ?? "";
	const text = decodeText(body, type);
	const json = parseAnswer(text, /json/i.test(type), byPlace);
	if (json === undefined) {
		const masked = mask.maskText(text, keys);
		return { body: passedOn(masked.text), shown: masked.text, findings: masked.findings };
	}
	const { value, findings } = mask.mask(json.value, keys);
	// Untouched and unambiguous: the caller gets the function's own bytes, with every digit of every number.
	if (findings.length === 0 && json.exact) return { body: passedOn(text), shown: value, findings };
	return { body: { json: value }, shown: value, findings };
}

/** Bytes that are not text cannot be searched for what must not leave. */
function decodeText(body: Uint8Array, type: string): string {
	const charset = /charset="?([\w-]+)"?/i.exec(type)?.[1] ?? "utf-8";
	try {
		return new TextDecoder(charset, { fatal: true, ignoreBOM: true }).decode(body);
	} catch {
		throw new AnswerWithheld("its body is not text, so it cannot be masked");
	}
}
