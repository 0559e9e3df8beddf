// The real program in the test's own process, with a world of the test's making.
import { Readable } from "node:stream";
import type { Input, Io } from "./io.ts";
import { runCommand } from "./program.ts";

export interface Ran {
	readonly exitCode: number;
	/** Standard output, standard error: lines. */
	readonly out: string;
	readonly err: string;
}

export interface World {
	readonly environment?: Readonly<Record<string, string>>;
	readonly input?: string | Input;
	readonly run?: Io["run"];
	readonly isTerminal?: boolean;
	/** Hears each line of standard output as it is written. */
	readonly onPrint?: (line: string) => void;
	/** Hears each line of standard error as it is written. */
	readonly onTell?: (line: string) => void;
}

export async function runProgram(args: readonly string[], world: World = {}): Promise<Ran> {
	const [out, err]: [string[], string[]] = [[], []];
	const { input = "" } = world;
	const exitCode = await runCommand(args, {
		environment: world.environment ?? {},
		print: (line) => {
			out.push(line);
			world.onPrint?.(line);
		},
		tell: (line) => {
			err.push(line);
			world.onTell?.(line);
		},
		input: typeof input === "string" ? Readable.from(input === "" ? [] : [Buffer.from(input)]) : input,
		isTerminal: world.isTerminal ?? false,
		run: world.run ?? (() => Promise.reject(new Error("nothing is to be run"))),
	});
	return { exitCode, out: out.join("\n"), err: err.join("\n") };
}
