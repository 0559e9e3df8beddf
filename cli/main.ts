// `callgate`: the command line for callers, approvers, auditors, policy authors and operators. Here: which commands there are, and how one ends.
import { spawn } from "node:child_process";
import { runCommand } from "./program.ts";

// `callgate … | head` closes the pipe early: nobody reads on, so there is nothing left to do.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

process.exitCode = await runCommand(process.argv.slice(2), {
	environment: process.env,
	print: (line) => void process.stdout.write(`${line}\n`),
	tell: (line) => void process.stderr.write(`${line}\n`),
	input: process.stdin,
	isTerminal: process.stdout.isTTY === true,
	run: (script, args) =>
		new Promise((resolve, reject) => {
			const child = spawn(process.execPath, [script, ...args], { stdio: "inherit" });
			// Ctrl-C reaches the child by itself; what is sent to this process alone is passed on.
			process.on("SIGINT", () => undefined);
			for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
			child.on("error", reject);
			child.on("exit", (code) => resolve(code ?? 1));
		}),
});
