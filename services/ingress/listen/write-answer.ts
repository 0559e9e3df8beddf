// A function's answer as HTTP callers get it: in the JSON of a call, or as its own bytes.
import { type Answer, readAnswer } from "#libs/contracts/answer.ts";
import type { OpenedAnswer } from "../answer-call.ts";
import type { Ended } from "../pending-calls.ts";

/** A completed call as JSON text. A body that the function sent as JSON stands in it as it was sent, with every digit of every number. */
export function completedText({ data }: Ended, { status, headers, body, bodyJson }: OpenedAnswer): string {
	const { call, connection, function: name, findings = [] } = data;
	const shown = {
		call,
		state: "completed",
		connection,
		function: name,
		findings,
		result: { status, headers: combined(headers) },
	};
	const shell = JSON.stringify(shown);
	const bodyText = bodyJson ?? jsonText(headers, body);
	return bodyText === undefined ? shell : `${shell.slice(0, -2)},"body":${bodyText}}}`;
}

/** One member a name: several fields of one name are one list, in their order (RFC 9110 section 5.3). */
function combined(headers: Answer["headers"]): Record<string, string> {
	const byName = Map.groupBy(headers, ([name]) => name);
	return Object.fromEntries([...byName].map(([name, fields]) => [name, fields.map(([, value]) => value).join(", ")]));
}

/** A body as it stands in a JSON answer. */
export function jsonText(headers: Answer["headers"], body: Answer["body"]): string | undefined {
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
export function rawBody({ body }: Answer): Buffer {
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
	const { headers, body } = answer;
	const bodyJson = jsonText(headers, body);
	const written = body && "json" in body ? { text: JSON.stringify(body.json) } : body;
	return { ...answer, body: written, ...(bodyJson !== undefined && { bodyJson }) };
}
