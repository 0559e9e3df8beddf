// A problem (RFC 9457) as the APIs answer it, in lines for whoever has to do something about it.
import { CommandFailed } from "./command-failed.ts";
import { safeLine } from "./terminal-text.ts";

/** As much of a problem as is shown. Whoever answers may be anyone, so every member is looked at before it is believed. */
export interface Problem {
	readonly status: number;
	readonly code: string;
	readonly title: string;
	readonly shown: Readonly<Record<string, unknown>>;
	readonly retryAfter: string | undefined;
}

/** The problem in an answer's body, or undefined if it holds none. */
export function readProblem(body: unknown, status: number, retryAfter?: string): Problem | undefined {
	const shown = recordOf(body);
	const { code, title } = shown;
	if (typeof code !== "string" || typeof title !== "string") return undefined;
	return { status, code, title, shown, retryAfter };
}

export function refused(problem: Problem): CommandFailed {
	return new CommandFailed(problemLines(problem).join("\n"), { shown: { problem: problem.shown } });
}

/** In an API's advice; who reads a terminal sees no header. */
const retryAfterWords = "the time in Retry-After";

/** What was found, what was expected and what to do, with everything that helps to ask about it. */
export function problemLines({ status, code, title, shown, retryAfter }: Problem): string[] {
	const { detail, call, rules, reasons, errors } = shown;
	// What a reason says with its rule is not said before it as well.
	const isNews = typeof detail === "string" && !listOf(reasons).some(({ message }) => message === detail);
	const again =
		retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter) ? `${retryAfter} second${retryAfter === "1" ? "" : "s"}` : undefined;
	const isAdvised = again !== undefined && typeof shown.advice === "string" && shown.advice.includes(retryAfterWords);
	const advice = isAdvised ? String(shown.advice).replace(retryAfterWords, again) : shown.advice;
	return [
		`${safeLine(title)}${isNews ? `: ${safeLine(detail)}` : ""} (${status} ${safeLine(code)})`,
		...(typeof call === "string" ? [`  call     ${safeLine(call)}`] : []),
		...(Array.isArray(rules) && rules.length > 0 ? [`  rules    ${rules.map(safeLine).join(", ")}`] : []),
		...listOf(reasons).map((reason) => `  reason   ${reasonText(reason)}`),
		...listOf(errors).map(({ pointer, message }) => `  ${safeLine(pointer === "" ? "/" : pointer)} ${safeLine(message)}`),
		...(typeof advice === "string" ? [`  to do    ${safeLine(advice)}`] : []),
		...(again !== undefined && !isAdvised ? [`  again    in ${again}`] : []),
	];
}

/** `denied_by_rule (never-to-blocked-countries): Transfers to this country are not permitted.` */
export function reasonText({ code, rule, message }: Readonly<Record<string, unknown>>): string {
	const of = typeof rule === "string" ? ` (${safeLine(rule)})` : "";
	return `${safeLine(code)}${of}${typeof message === "string" ? `: ${safeLine(message)}` : ""}`;
}

/** An object's members; of anything else none. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** A list's objects; of anything else none. */
export function listOf(value: unknown): Readonly<Record<string, unknown>>[] {
	return Array.isArray(value) ? value.map(recordOf) : [];
}

/** A list's texts, fit for a terminal; of anything else none. */
export function wordsOf(value: unknown): string[] {
	return Array.isArray(value) ? value.map(safeLine) : [];
}
