// A command that cannot do what it was asked: its message is for the person who typed it, so no stack is shown.

/** What `callgate` exits with; the help tells the same. */
export const exitCodes = {
	ok: 0,
	/** Refused, or it failed. */
	failed: 1,
	wrongUsage: 2,
	/** Nobody answered, or somebody who is not Callgate. */
	unreachable: 3,
	/** Accepted and not ended yet: neither a success nor a failure. */
	pending: 4,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export interface FailureOptions extends ErrorOptions {
	/** Default: `failed`. */
	readonly exitCode?: ExitCode;
	/** What `--json` shows beside the message, such as the problem that the API answered. */
	readonly shown?: Readonly<Record<string, unknown>>;
}

export class CommandFailed extends Error {
	readonly exitCode: ExitCode;
	readonly shown: Readonly<Record<string, unknown>>;
	constructor(message: string, { exitCode = exitCodes.failed, shown = {}, ...options }: FailureOptions = {}) {
		super(message, options);
		this.name = "CommandFailed";
		this.exitCode = exitCode;
		this.shown = shown;
	}
}

/** What was typed cannot be meant. The message names options and never repeats a value. */
export function wrongUsage(message: string): CommandFailed {
	return new CommandFailed(message, { exitCode: exitCodes.wrongUsage });
}
