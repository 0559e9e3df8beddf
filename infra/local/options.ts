// What `npm start` may be told.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { firstPortDefault } from "#libs/service/port-plan.ts";
import { setupError } from "./setup-error.ts";

export interface StartOptions {
	/** Another configuration instead of the demo's. */
	readonly config: string | undefined;
	/** Where keys, streams, the index and the logs are kept. */
	readonly data: string;
	/** The first of the ports. */
	readonly port: number;
	readonly replicas: number;
	/** One line of JSON once ready, nothing else on standard output. */
	readonly json: boolean;
	/** Do the tour, say what was expected and seen, stop. */
	readonly tour: boolean;
	readonly help: boolean;
}

export const usage = `Usage: npm start -- [options]

Starts everything Callgate needs on this machine, the five services, and a demo around them:
a small bank, an identity provider and a stand-in for Slack. Ctrl-C stops it; starting again keeps the data.

  --config DIR    use this configuration folder instead of the demo's
  --data DIR      keep keys, streams, index and logs here (default: .callgate in the project)
  --port N        first port; the others follow it (default: ${firstPortDefault})
  --replicas N    processes per service (default: 1)
  --json          print one line of JSON with every URL and demo credential once ready; logs go to files
  --tour          do the tour: print each step with what was expected and seen, stop; exit 1 if one differs
  --help          this text
`;

const portMax = 65_000;
const replicasMax = 8;

/** @param args without the program's name; `cwd` is where relative folders start. @throws {SetupError} */
export function readOptions(args: readonly string[], cwd: string, home: string): StartOptions {
	const { values } = parse(args);
	return {
		config: values.config === undefined ? undefined : resolve(cwd, values.config),
		data: values.data === undefined ? resolve(home, ".callgate") : resolve(cwd, values.data),
		port: integer("--port", values.port ?? String(firstPortDefault), 1_024, portMax),
		replicas: integer("--replicas", values.replicas ?? "1", 1, replicasMax),
		json: values.json ?? false,
		tour: values.tour ?? false,
		help: values.help ?? false,
	};
}

function parse(args: readonly string[]) {
	try {
		return parseArgs({
			args: [...args],
			options: {
				config: { type: "string" },
				data: { type: "string" },
				port: { type: "string" },
				replicas: { type: "string" },
				json: { type: "boolean" },
				tour: { type: "boolean" },
				help: { type: "boolean", short: "h" },
			},
		});
	} catch (error) {
		throw setupError({
			failed: error instanceof Error ? error.message : "The options cannot be read.",
			expected: "the options below.",
			todo: "Correct the command.",
			detail: usage,
		});
	}
}

function integer(name: string, text: string, min: number, max: number): number {
	const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
	if (value >= min && value <= max) return value;
	throw setupError({
		failed: `${name} is ${JSON.stringify(text)}.`,
		expected: `a whole number from ${min} to ${max}.`,
		todo: "Correct the command.",
	});
}
