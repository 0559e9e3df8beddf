// What an MCP server may ask of the client in the middle of a call (2026-07-28), and what may be answered: nothing that the connection does not name.
// https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
import { isRecord, memberOf } from "#libs/functions/schema.ts";

/** Capabilities of a client, by the request that needs each. */
const needs = { "elicitation/create": "elicitation", "sampling/createMessage": "sampling", "roots/list": "roots" } as const;
export type QuestionMethod = keyof typeof needs;

export const askables = ["elicitation", "sampling", "roots"] as const satisfies readonly (typeof needs)[QuestionMethod][];
export type Askable = (typeof askables)[number];

/** Arguments in which a call carries answers, beside those of its function. */
export const inputArguments = ["inputResponses", "requestState"] as const;

/** The name under which a call says what its client declared, beside its arguments; its value is names of {@link askables}. */
export const askableField = "mcp-client-capabilities";

const questionsMax = 16;
const keyCharsMax = 128;
const stateCharsMax = 16 * 1024;

/** Schemas of {@link inputArguments}. What an answer must be depends on the question, which the state knows. */
export const inputSchemas = {
	inputResponses: { type: "object", maxProperties: questionsMax, additionalProperties: { type: "object" } },
	requestState: { type: "string", maxLength: 64 * 1024 },
} as const;

/** What was asked, by the server's own keys, and what it wants to be told again. */
export interface Questions {
	readonly asked: Readonly<Record<string, QuestionMethod>>;
	readonly state?: string;
}

/** What a client says that it can be asked for. One that opens pages, and fills in no forms, cannot be asked for what is elicited here. */
export function declaredIn(capabilities: unknown): Askable[] {
	return askables.filter((name) => {
		const declared = memberOf(capabilities, name);
		if (!isRecord(declared)) return false;
		return name !== "elicitation" || Object.keys(declared).length === 0 || Object.hasOwn(declared, "form");
	});
}

/** Whether whoever declared so much can answer all that was asked. */
export function canAnswer({ asked }: { readonly asked: Readonly<Record<string, string>> }, declared: readonly Askable[]): boolean {
	return Object.values(asked).every((method) => Object.hasOwn(needs, method) && declared.includes(needs[method as QuestionMethod]));
}

/**
 * The questions of a result that wants input.
 *
 * @returns why they are not passed on, for everyone: never the server's own words
 */
export function questionsIn(result: Readonly<Record<string, unknown>>, may: readonly Askable[]): Questions | string {
	const { inputRequests = {}, requestState } = result;
	if (!isRecord(inputRequests) || (requestState !== undefined && typeof requestState !== "string")) return "it asks in no form of MCP";
	const entries = Object.entries(inputRequests);
	if (entries.length > questionsMax || (requestState?.length ?? 0) > stateCharsMax || entries.some(([key]) => key.length > keyCharsMax))
		return `it asks more than ${questionsMax} questions at once, or with longer keys or state than is passed on`;
	if (may.length === 0)
		return "it asks for input, and may not: asks on the Connection's function allows that, of a client that can be asked";
	const asked: [string, QuestionMethod][] = [];
	for (const [key, question] of entries) {
		const method = methodOf(question);
		if (!method) return "it asks something that is not passed on";
		if (!may.includes(needs[method])) return `it asks for ${needs[method]}, and may not ask this client for it`;
		asked.push([key, method]);
	}
	if (asked.length === 0 && requestState === undefined) return "it asks for input without a question";
	return { asked: Object.fromEntries(asked), ...(requestState !== undefined && { state: requestState }) };
}

/** A page that a server wants somebody to open is none of these: it would be opened in Callgate's name. */
function methodOf(question: unknown): QuestionMethod | undefined {
	const method = memberOf(question, "method");
	const params = memberOf(question, "params") ?? {};
	if (typeof method !== "string" || !Object.hasOwn(needs, method) || !isRecord(params)) return undefined;
	if (method === "elicitation/create" && ![undefined, "form"].includes(memberOf(params, "mode") as string | undefined)) return undefined;
	return method as QuestionMethod;
}

/**
 * The answers to questions that were asked; others are left out. The key of one that is no answer to its question, where there is one.
 */
export function answersTo(
	{ asked }: { readonly asked: Readonly<Record<string, string>> },
	answers: Readonly<Record<string, unknown>>,
): { readonly answers: Readonly<Record<string, unknown>> } | { readonly unfit: string } {
	const known = Object.entries(answers).filter(([key]) => Object.hasOwn(asked, key));
	const unfit = known.find(([key, answer]) => !isAnswer(asked[key], answer));
	return unfit ? { unfit: unfit[0] } : { answers: Object.fromEntries(known) };
}

function isAnswer(method: string | undefined, answer: unknown): boolean {
	const member = (name: string) => memberOf(answer, name);
	switch (method) {
		case "elicitation/create":
			return (
				["accept", "decline", "cancel"].includes(String(member("action"))) && (member("content") === undefined || isFlat(member("content")))
			);
		case "sampling/createMessage":
			return (
				["user", "assistant"].includes(String(member("role"))) && typeof member("model") === "string" && member("content") !== undefined
			);
		case "roots/list": {
			const roots = member("roots");
			return Array.isArray(roots) && roots.every((root) => typeof memberOf(root, "uri") === "string");
		}
		default:
			return false;
	}
}

/** What a form may be filled in with: scalars, and lists of texts. */
function isFlat(content: unknown): boolean {
	if (!isRecord(content)) return false;
	const isScalar = (value: unknown) => ["string", "number", "boolean"].includes(typeof value);
	return Object.values(content).every(
		(value) => isScalar(value) || (Array.isArray(value) && value.every((one) => typeof one === "string")),
	);
}
