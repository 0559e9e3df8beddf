// Runs one of the tools that bring the servers (pip, mvn, a server's --version) to its end, within a bound, and keeps what it said.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { hasCode, setupError } from "./setup-error.ts";

/** How much of a tool's output is kept for an error message. Its end is where tools say why they failed. */
const outputBytesMax = 16 * 1024;

/** One tool to run. */
export interface Command {
	readonly command: string;
	readonly args: readonly string[];
	/** Added to this process's environment. */
	readonly env?: Readonly<Record<string, string>>;
	readonly cwd?: string;
	readonly timeoutMs: number;
	/** What the tool is for, in the error: "pip could not …". */
	readonly purpose: string;
	/** What to do when the tool is not installed. */
	readonly missing: string;
	/** What to do when the tool fails. */
	readonly failing: string;
	/** Told each line of its standard output, to show progress. */
	onLine?(line: string): void;
}

/**
 * Runs the command and resolves with its whole output (standard output and error as they came, the last 16 KiB).
 * @throws SetupError when it is missing, ends with another code than 0, or takes longer than `timeoutMs`.
 */
export function runCommand(run: Command): Promise<string> {
	return new Promise((resolve, reject) => {
		let output = "";
		const child = spawn(run.command, [...run.args], {
			stdio: ["ignore", "pipe", "pipe"],
			env: { ...process.env, ...run.env },
			...(run.cwd === undefined ? {} : { cwd: run.cwd }),
		});
		const keep = (chunk: Buffer): void => {
			output = (output + chunk.toString("utf8")).slice(-outputBytesMax);
		};
		child.stdout.on("data", keep);
		child.stderr.on("data", keep);
		if (run.onLine) createInterface({ input: child.stdout }).on("line", run.onLine);
		let timedOut = false;
		const timer = setTimeout(() => {
			timedOut = true;
			child.kill("SIGKILL");
		}, run.timeoutMs);
		child.on("error", (cause) => {
			clearTimeout(timer);
			const missing = hasCode(cause, "ENOENT");
			reject(
				setupError({
					failed: `${run.purpose}: ${missing ? `\`${run.command}\` is not installed` : `\`${run.command}\` could not be run (${cause.message})`}.`,
					expected: `the command \`${run.command}\` on the PATH.`,
					todo: run.missing,
					cause,
				}),
			);
		});
		child.on("close", (code, signal) => {
			clearTimeout(timer);
			if (code === 0) return resolve(output);
			const how = timedOut ? `took longer than ${run.timeoutMs / 1000} s` : `ended with ${code === null ? signal : `code ${code}`}`;
			reject(
				setupError({
					failed: `${run.purpose}: \`${run.command}\` ${how}.`,
					expected: "the tool to end with code 0.",
					todo: run.failing,
					detail: output.trim().split("\n").slice(-12).join("\n"),
				}),
			);
		});
	});
}
