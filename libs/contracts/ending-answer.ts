// A call's ending as its caller reads it: the JSON of a call that was completed, or one problem with a stable code.
import { type Answer, answerMark, type HttpAnswer } from "./answer.ts";
import type { Event } from "./events.ts";
import { isJsonText } from "./json.ts";
import { isProblemCode, type ProblemCode, type ProblemDetails } from "./problems.ts";

type Ended = Pick<Event<"call.ended">, "data">;

/** As it was opened; its body as it stands in a JSON answer, where it was written out already. */
export type WrittenAnswer = Answer & { readonly bodyJson?: string };

/** A completed call as JSON text. A body that the function sent as JSON stands in it as it was sent, with every digit of every number. */
export function completedText({ data }: Ended, answer: WrittenAnswer): string {
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
export function bodyJsonOf(answer: WrittenAnswer): string | undefined {
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
	// A function may call its answer JSON although it is not.
	return isJson && isJsonText(bare) ? bare : JSON.stringify(text);
}

function textOf(body: { readonly text: string } | { readonly base64: string }): string {
	return "text" in body ? body.text : Buffer.from(body.base64, "base64").toString();
}

/** An ending without an answer. */
export function refusedAs({ data }: Ended): { readonly code: ProblemCode; readonly details: ProblemDetails } {
	return { code: codeOf(data), details: detailsOf(data) };
}

function codeOf({ ending, code }: Ended["data"]): ProblemCode {
	if (code !== undefined && isProblemCode(code)) return code;
	switch (ending) {
		case "denied":
		case "rejected":
		case "expired":
		case "cancelled":
			return ending;
		case "unknown":
			return "outcome_unknown";
		case "completed":
		case "failed":
			return "internal";
	}
}

function detailsOf({ call, detail, rules, reasons, by }: Ended["data"]): ProblemDetails {
	const said = detail ?? (by === undefined ? undefined : `by ${by.join(", ")}`);
	return { call, rules, reasons, ...(said !== undefined && { detail: said }) };
}
