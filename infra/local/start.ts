// `npm start`: brings everything up, says what to do with it, and takes it down again.
import { fileURLToPath } from "node:url";
import { compileFolder } from "#libs/configuration/compile-folder.ts";
import { refusalLines } from "#libs/configuration/configuration-error.ts";
import { safeLine } from "../../cli/terminal-text.ts";
import { describeStack, jsonOf } from "./describe-stack.ts";
import { readOptions, usage } from "./options.ts";
import { createProgress } from "./progress.ts";
import { SetupError } from "./setup-error.ts";
import { startStack } from "./stack.ts";
import { takeTour } from "./tour.ts";

const home = fileURLToPath(new URL("../..", import.meta.url));
const begun = performance.now();

async function main(): Promise<number> {
	const options = readOptions(process.argv.slice(2), process.env.INIT_CWD ?? process.cwd(), home);
	if (options.help) {
		process.stdout.write(usage);
		return 0;
	}
	if (options.config !== undefined && !(await isRight(options.config))) return 1;
	const progress = createProgress(process.stderr, begun);
	const interrupted = Promise.withResolvers<number>();
	let signals = 0;
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
		process.on(signal, () => {
			// A second Ctrl-C does not wait: the servers are killed with this process and keep what they acknowledged.
			if (++signals > 1) process.exit(130);
			progress("stopping… (again to stop at once)");
			interrupted.resolve(signal === "SIGINT" ? 130 : 143);
		});
	}
	const stack = await startStack({
		dataDir: options.data,
		firstPort: options.port,
		replicas: options.replicas,
		configDir: options.config,
		livesFor: options.tour ? "minutes" : "days",
		report: progress,
	});
	progress("ready");
	try {
		if (signals > 0) return await interrupted.promise;
		if (options.tour) return await Promise.race([takeTour(stack, (line) => process.stdout.write(`${line}\n`)), interrupted.promise]);
		process.stdout.write(options.json ? `${JSON.stringify(jsonOf(stack))}\n` : describeStack(stack, options));
		await interrupted.promise;
		return 0;
	} finally {
		await stack.stop();
		progress("stopped");
	}
}

/** Looks at the folder as `callgate check` does, and says the same, before anything is started for it. */
async function isRight(folder: string): Promise<boolean> {
	const compiled = await compileFolder(folder);
	if (compiled.ok) return true;
	const { mistakes, verdict } = refusalLines(compiled.errors);
	process.stderr.write(`${[...mistakes, `callgate: ${verdict}`].map(safeLine).join("\n")}\nNothing was started.\n`);
	return false;
}

main().then(
	(code) => process.exit(code),
	(error: unknown) => {
		process.stderr.write(
			`\ncallgate: ${error instanceof SetupError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
		);
		process.exit(1);
	},
);
