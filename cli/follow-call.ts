// Watches one call until it ended, and tells its steps in lines for a terminal.
import { followSteps, type Step } from "../client/steps.ts";
import type { ApiClient } from "./api-client.ts";
import { CommandFailed, exitCodes } from "./command-failed.ts";
import { listOf, reasonText, wordsOf } from "./problem.ts";
import { safeLine } from "./terminal-text.ts";

/**
 * Resolves with the step that ended the call, or undefined if `patience` ran out before.
 *
 * @param onStep hears each step once, the ending too
 * @throws {CommandFailed} a problem of the API at once; `unreachable` after several attempts
 */
export async function followCall(
	api: ApiClient,
	call: string,
	patience: AbortSignal,
	onStep: (step: Step) => void,
): Promise<Step | undefined> {
	const open = (signal: AbortSignal) => api.stream(`/v1/calls/${call}/events`, signal);
	const isFinal = (error: unknown) => error instanceof CommandFailed && error.exitCode !== exitCodes.unreachable;
	try {
		for await (const step of followSteps(open, patience, isFinal)) {
			onStep(step);
			if (step.type === "call.ended") return step;
		}
	} catch (error) {
		if (patience.aborted) return undefined;
		throw error instanceof CommandFailed ? error : lost(call);
	}
	return undefined;
}

function lost(call: string): CommandFailed {
	return new CommandFailed(`The steps of the call can no longer be followed; the call goes on. Ask later: callgate call show ${call}`, {
		exitCode: exitCodes.unreachable,
		shown: { call },
	});
}

/** A step in lines for its caller. */
export function tellStep({ type, data }: Step): string[] {
	const time = typeof data.time === "string" ? `${safeLine(data.time).replace("T", " ")}  ` : "";
	const [first = "", ...others] = stepWords(type, data);
	return [`${time}${first}`, ...others.map((line) => `${" ".repeat(time.length)}${line}`)];
}

function stepWords(type: string, data: Step["data"]): string[] {
	const rules = wordsOf(data.rules);
	const byRules = rules.length > 0 ? ` (${rules.join(", ")})` : "";
	switch (type) {
		case "call.received":
			return [`received: ${safeLine(data.connection)}.${safeLine(data.function)}`];
		case "approval.asked":
			return [waitsFor(data), ...listOf(data.reasons).map(reasonText)];
		case "approval.voted":
			return [data.verdict === "approve" ? "someone approved it" : `someone voted: ${safeLine(data.verdict)}`];
		case "approval.escalated":
			return [`${wordsOf(data.to).join(", ")} may decide as well`];
		case "call.granted":
			return [`granted${byRules}`];
		case "call.started":
			return [`started${data.attempt === undefined || data.attempt === 1 ? "" : ` again (attempt ${safeLine(data.attempt)})`}`];
		case "call.ended":
			return endingWords(data, byRules);
		default:
			return [safeLine(type)];
	}
}

/** For whom a held call waits and until when. */
export function waitsFor({ groups, expiresAt }: Step["data"]): string {
	const asked = Array.isArray(groups) ? groups.map((any) => wordsOf(any).join(" or ")).filter((any) => any !== "") : [];
	const whom = asked.length > 0 ? asked.join(", and for ") : "people";
	const until = typeof expiresAt === "string" ? `, until ${safeLine(expiresAt).replace("T", " ")}` : "";
	return `held: waits for ${whom} to approve it${until}`;
}

function endingWords(data: Step["data"], byRules: string): string[] {
	const { ending, code, detail, status, reasons, findings } = data;
	const because = typeof code === "string" ? ` (${safeLine(code)})` : "";
	const answered = typeof status === "number" ? `: the function answered ${status}` : "";
	const by = wordsOf(data.by);
	return [
		`${safeLine(ending)}${because}${answered}${byRules}`,
		...(typeof detail === "string" ? [safeLine(detail)] : []),
		...listOf(reasons).map(reasonText),
		...(by.length > 0 ? [`by ${by.join(", ")}`] : []),
		...findingLines(findings),
	];
}

/** What was masked, one line each. */
export function findingLines(findings: unknown): string[] {
	return listOf(findings).map(({ detector, path, count }) => {
		const times = typeof count === "number" && count > 1 ? ` (${count} times)` : "";
		return `masked: ${safeLine(detector)} at ${safeLine(path || "/")}${times}`;
	});
}
