// `callgate start`: the same as `npm start`, for whoever has the command at hand.
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import type { Io } from "./io.ts";

const startScript = fileURLToPath(new URL("../infra/local/start.ts", import.meta.url));

/** The other program has said everything; this one ends as it did. */
export class ProgramEnded extends Error {
	readonly exitCode: number;
	constructor(exitCode: number) {
		super(`ended with ${exitCode}`);
		this.name = "ProgramEnded";
		this.exitCode = exitCode;
	}
}

export function registerStart(program: Command, io: Io): void {
	program
		.command("start")
		.description("Start Callgate on this machine, with a demo around it: the same as `npm start`")
		.argument("[options...]", "what `npm start` may be told; `callgate start --help` lists it")
		// Its options are its own business, `--help` and `--json` too.
		.helpOption(false)
		.allowUnknownOption()
		.passThroughOptions()
		.action(async (options: string[]) => {
			throw new ProgramEnded(await io.run(startScript, options));
		});
}
