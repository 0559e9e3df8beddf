// What the tool calls of all model APIs have in common: names, arguments, an id of the model's own, and what is said back of each.
import { isJsonObject, type JsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { Refusal } from "#libs/contracts/problems.ts";

/** A model's answer may ask for several calls at once. */
const toolCallsMax = 64;

/** One call as the model wrote it. */
export interface ToolCall {
	/** The model's own, by which its result is found; Gemini may leave it out. */
	readonly id: string | undefined;
	/** As `GET /v1/functions?format=` lists it. */
	readonly name: string;
	/** Most APIs give the arguments as text. */
	readonly arguments: { readonly value: JsonObject } | { readonly text: string };
}

/** What the model is told of one of its calls. */
export interface Told {
	readonly toolCall: ToolCall;
	/** `pending`: it may still run. */
	readonly kind: "answered" | "failed" | "pending";
	/** For the model to read: the function's own answer as it sent it, else JSON. */
	readonly text: string;
	/** The call it became, if it became one. */
	readonly call: string | undefined;
}

/** One model API's way of asking for calls and of hearing of them. */
export interface ModelFormat {
	/** The way in, on the record. */
	readonly via: string;
	readonly path: string;
	/** What the body is, for readers of the API's description and of refusals. */
	readonly takes: string;
	/** @throws {Refusal} `malformed_request` */
	read(body: JsonValue): ToolCall[];
	/** What is to be appended to the conversation, in the order of the calls. */
	write(told: readonly Told[]): Record<string, JsonValue>;
}

/** @throws {Refusal} `malformed_request` where it is not what the format takes, or asks for too much at once. */
export function toolCallsIn(format: ModelFormat, body: JsonValue): ToolCall[] {
	const calls = format.read(body);
	if (calls.length > toolCallsMax) throw malformed(`it asks for ${calls.length} calls, expected at most ${toolCallsMax}`);
	const ids = calls.flatMap(({ id }) => id ?? []);
	if (new Set(ids).size < ids.length) throw malformed("two of its calls have one id");
	return calls;
}

export function malformed(detail: string): Refusal {
	return new Refusal("malformed_request", { detail });
}

/** The parts of one kind among a message's parts. Parts of other kinds are the conversation's business. */
export function partsOf(parts: JsonValue | undefined, takes: string, isOne: (part: JsonObject) => boolean): JsonObject[] {
	if (parts === undefined || parts === null || typeof parts === "string") return [];
	if (!Array.isArray(parts)) throw malformed(`expected ${takes}`);
	return parts.filter((part): part is JsonObject => isJsonObject(part) && isOne(part));
}

export function textIn(part: JsonObject, name: string): string {
	const value = part[name];
	if (typeof value !== "string" || value === "") throw malformed(`a tool call has no \`${name}\`, expected a text`);
	return value;
}

/** Arguments that stand there as text; a function without parameters is called with none. */
export function textualArguments(part: JsonObject): { readonly text: string } {
	const { arguments: text } = part;
	if (typeof text !== "string") throw malformed("the `arguments` of a tool call are not a text, expected JSON as a text");
	return { text: text.trim() === "" ? "{}" : text };
}

/** What went wrong, for a model that may do better: what it can read in a problem, without what only HTTP clients read. */
export function failureText(problem: Readonly<Record<string, unknown>>): string {
	const { type: _, status: __, ...shown } = problem;
	return JSON.stringify({ error: shown });
}
