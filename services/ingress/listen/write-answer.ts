// A function's answer as HTTP callers get it: in the JSON of a call, or as its own bytes.
import { type Answer, answerMark, type HttpAnswer, readAnswer } from "#libs/contracts/answer.ts";
import type { OpenedAnswer } from "../answer-call.ts";
import type { Ended } from "../pending-calls.ts";

/** A completed call as JSON text. A body that the function sent as JSON stands in it as it was sent, with every digit of every number. */
export function completedText({ data }: Ended, answer: OpenedAnswer): string {
	const { call, connection, function: name, findings = [] } = data;
	const shown = {
		call,
		state: "completed",
		connection,
		function: name,
		findings,
		result: answer.protocol === "http" ? { status: answer.status, headers: combined(answer.headers) } : answerMark(answer),
	};
	const shell = JSON.stringify(shown);
	const bodyText = bodyJsonOf(answer);
	return bodyText === undefined ? shell : `${shell.slice(0, -2)},"body":${bodyText}}}`;
}

/** One member a name: several fields of one name are one list, in their order (RFC 9110 section 5.3). */
function combined(headers: HttpAnswer["headers"]): Record<string, string> {
	const byName = Map.groupBy(headers, ([name]) => name);
	return Object.fromEntries([...byName].map(([name, fields]) => [name, fields.map(([, value]) => value).join(", ")]));
}

/** An answer's body as it stands in a JSON answer: of MCP, the server's result or error. */
export function bodyJsonOf(answer: OpenedAnswer): string | undefined {
	if (answer.bodyJson !== undefined) return answer.bodyJson;
	if (answer.protocol === "http") return jsonText(answer.headers, answer.body);
	return "json" in answer.body ? JSON.stringify(answer.body.json) : textOf(answer.body);
}

/** A body as it stands in a JSON answer. */
export function jsonText(headers: HttpAnswer["headers"], body: HttpAnswer["body"]): string | undefined {
	if (body === undefined) return undefined;
	if ("json" in body) return JSON.stringify(body.json);
	const text = textOf(body);
	const isJson = headers.some(([name, value]) => name === "content-type" && /^application\/([\w.+-]+\+)?json\b/i.test(value));
	// RFC 8259 section 8.1: a byte order mark is not part of the value.
	const bare = text.replace(/^\uFEFF/, "");
	return isJson && isWellFormed(bare) ? bare : JSON.stringify(text);
}

/** A function may call its answer JSON although it is not. */
function isWellFormed(text: string): boolean {
	try {
		JSON.parse(text);
		return true;
	} catch {
		return false;
	}
}

/** The bytes of a result as the transparent proxy sends them. */
export function rawBody({ body }: Pick<Answer, "body">): Buffer {
	if (body === undefined) return Buffer.alloc(0);
	if ("json" in body) return Buffer.from(JSON.stringify(body.json));
	return "base64" in body ? Buffer.from(body.base64, "base64") : Buffer.from(body.text);
}

function textOf(body: { readonly text: string } | { readonly base64: string }): string {
	return "text" in body ? body.text : Buffer.from(body.base64, "base64").toString();
}

/** An answer that was opened, from its text: its body as text, and as it stands in a JSON answer. Undefined: see {@link readAnswer}. */
export function writtenAnswer(text: string): OpenedAnswer | undefined {
	const answer = readAnswer(JSON.parse(text) as Answer);
	if (!answer) return undefined;
	const bodyJson = bodyJsonOf(answer);
	const json = bodyJson !== undefined && { bodyJson };
	if (answer.protocol === "mcp") return { ...answer, ...json };
	const { body } = answer;
	return { ...answer, body: body && "json" in body ? { text: JSON.stringify(body.json) } : body, ...json };
}
