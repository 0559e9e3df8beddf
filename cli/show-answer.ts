// A call's answer in lines: the function's own body for standard output, everything about it for standard error.
import { type Answer, callIdOf } from "./api-client.ts";
import { CommandFailed, exitCodes } from "./command-failed.ts";
import { findingLines } from "./follow-call.ts";
import type { Io } from "./io.ts";
import { listOf, problemLines, readProblem, recordOf, refused, wordsOf } from "./problem.ts";
import { parseExactly, safeJson, safeLine, safeLines, showJson } from "./terminal-text.ts";

/**
 * Shows how a call ended, for whoever wanted its result.
 *
 * @throws {CommandFailed} if it ended otherwise than `completed`, or the function itself answered with an error
 */
export function showEnding(answer: Answer, isJson: boolean, io: Io): void {
	const about = recordOf(answer.value);
	const problem = problemIn(about);
	if (problem) throw refused(problem);
	if (about.state !== "completed")
		throw new CommandFailed("What the API answered is no ending of a call.", { exitCode: exitCodes.unreachable });
	const { words, isRefusal } = answered(about.result);
	const call = safeLine(about.call);
	const what = `${safeLine(about.connection)}.${safeLine(about.function)} answered ${words}`;
	if (isJson) io.print(safeJson(answer.text));
	else {
		for (const line of [`completed: ${what} (call ${call})`, ...findingLines(about.findings)]) io.tell(line);
		for (const line of bodyLines(answer.text)) io.print(line);
	}
	if (isRefusal) {
		const { status } = recordOf(about.result);
		throw new CommandFailed(`The function ran and refused: ${what}. Its answer is above.`, { shown: { call: about.call, status } });
	}
}

/** By protocol: HTTP's status, or what an MCP server says of its answer. */
function answered(result: unknown): { readonly words: string; readonly isRefusal: boolean } {
	const { status, mcp } = recordOf(result);
	if (mcp === undefined) return { words: safeLine(status), isRefusal: typeof status === "number" && status >= 400 };
	const { isError, code } = recordOf(mcp);
	return {
		words: code === undefined ? (isError === true ? "that it failed" : "well") : `error ${safeLine(code)}`,
		isRefusal: isError === true,
	};
}

/** Where a call stands, whatever that is. */
export function showStanding(answer: Answer, isJson: boolean, io: Io): void {
	if (isJson) {
		io.print(safeJson(answer.text));
		return;
	}
	const about = recordOf(answer.value);
	const { call, state, connection, function: name, receivedAt, findings } = about;
	io.print(`call      ${safeLine(call)}`);
	io.print(`function  ${safeLine(connection)}.${safeLine(name)}`);
	io.print(`state     ${safeLine(state)}`);
	if (receivedAt !== undefined) io.print(`received  ${safeLine(receivedAt).replace("T", " ")}`);
	for (const line of waitsForLines(about.waitsFor)) io.print(line);
	const problem = problemIn(about);
	if (problem) for (const line of ["", ...problemLines(problem)]) io.print(line);
	if (about.result === undefined) return;
	io.print(`answered  ${answered(about.result).words}`);
	for (const line of [...findingLines(findings), "", ...bodyLines(answer.text)]) io.print(line);
}

/** For whom a held call waits, with how many votes, and until when. */
function waitsForLines(waitsFor: unknown): string[] {
	const { requirements, expiresAt } = recordOf(waitsFor);
	const whom = listOf(requirements).map(({ groups, quorum, votes }) => {
		const needed = quorum === 1 ? "1 approval" : `${safeLine(quorum)} approvals`;
		return `waits     for ${wordsOf(groups).join(" or ")}: ${safeLine(votes)} of ${needed}`;
	});
	return [...whom, ...(typeof expiresAt === "string" ? [`until     ${safeLine(expiresAt).replace("T", " ")}`] : [])];
}

function problemIn({ problem }: Readonly<Record<string, unknown>>) {
	const { status } = recordOf(problem);
	return readProblem(problem, typeof status === "number" ? status : 0);
}

/** The function's own answer, every digit of its numbers as it sent them. */
function bodyLines(text: string): string[] {
	const { body } = recordOf(recordOf(parseExactly(text)).result);
	if (body === undefined) return [];
	return typeof body === "string" ? safeLines(body.replace(/\r?\n$/, "")) : showJson(body);
}

/** The id in a `202`. @throws {CommandFailed} */
export function acceptedCall({ value }: Answer): string {
	const { call } = recordOf(value);
	return callIdOf(typeof call === "string" ? call : "");
}
