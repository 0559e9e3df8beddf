// The one kind of error that getting or starting the local servers throws: it is written for the person at the terminal.

/** What went wrong while providing or starting a local server; `message` says what failed, what was expected and what to do. */
export class SetupError extends Error {
	override readonly name = "SetupError";
}

/** Builds the message in its fixed order. `detail` is the tail of a tool's or server's own output, shown indented below. */
export function setupError(part: { failed: string; expected: string; todo: string; detail?: string; cause?: unknown }): SetupError {
	const detail = part.detail?.trim();
	const shown = detail
		? `\n${detail
				.split("\n")
				.map((line) => `    ${line}`)
				.join("\n")}`
		: "";
	return new SetupError(`${part.failed}\n  Expected: ${part.expected}\n  What to do: ${part.todo}${shown}`, { cause: part.cause });
}

/** Whether `error` is a Node system error with this code (`ENOENT`, `EADDRINUSE`, …). */
export function hasCode(error: unknown, code: string): boolean {
	return error instanceof Error && "code" in error && error.code === code;
}
