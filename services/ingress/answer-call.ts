// A call's ending as what its caller reads: the function's own answer, or one problem with a stable code.
import { type Answer, readAnswer } from "#libs/contracts/answer.ts";
import { isProblemCode, type ProblemCode, type ProblemDetails, Refusal } from "#libs/contracts/problems.ts";
import { hereCharsMax, turnOf } from "#libs/service/work-aside.ts";
import type { Ended } from "./pending-calls.ts";
import type { IngressPorts } from "./ports.ts";

/** As it was opened. */
export type OpenedAnswer = Answer & {
	/** The body as it stands in a JSON answer, where it was written out already. */
	readonly bodyJson?: string;
};

export type CallAnswer =
	| { readonly ok: true; readonly result: OpenedAnswer }
	| { readonly ok: false; readonly code: ProblemCode; readonly details: ProblemDetails };

/**
 * @param gone aborted when nobody waits for it any more
 * @throws {SealBroken} where the result was tampered with, which is an internal failure.
 */
export async function answerOf(
	ports: Pick<IngressPorts, "sealingKeys" | "configuration" | "aside">,
	{ data }: Ended,
	gone: AbortSignal,
): Promise<CallAnswer> {
	const { ending, sealed } = data;
	if (ending === "completed" && sealed !== undefined) return { ok: true, result: await resultOf(ports, data, sealed, gone) };
	return { ok: false, code: codeOf(data), details: detailsOf(data) };
}

async function resultOf(
	{ sealingKeys, configuration, aside }: Pick<IngressPorts, "sealingKeys" | "configuration" | "aside">,
	{ call, pool, caller }: Ended["data"],
	sealed: string,
	gone: AbortSignal,
): Promise<OpenedAnswer> {
	if (sealed.length <= hereCharsMax) return known(readAnswer(sealingKeys.open(pool, call, "result", sealed)));
	const text = sealingKeys.openText(pool, call, "result", sealed);
	return known(await aside.run<string, OpenedAnswer | undefined>("readResult", turnOf(configuration.current(), caller, gone), text));
}

/** While replicas are updated an executor may be newer than this one. */
function known(answer: OpenedAnswer | undefined): OpenedAnswer {
	if (!answer) throw new Refusal("not_ready", { detail: "the answer is of a protocol that this replica is too old for; ask again" });
	return answer;
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
