// `npm test`: every test of every suite against real servers. Arguments go to vitest: a file, or `--project fast` for what needs no server.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const vitest = join(root, "node_modules/vitest/vitest.mjs");

/**
 * Suites by their names in vitest.config.ts: a stage after the other, and those of one stage beside each other. The first is used to two cores;
 * the next two mostly wait, each for servers of its own; the last breaks things and watches what happens, and has the machine to itself.
 */
const stages: readonly (readonly string[])[] = [["fast"], ["e2e", "servers"], ["faults"]];

/** What vitest's JSON reporter writes, as far as it is read here. */
interface Report {
	readonly testResults: readonly {
		readonly name: string;
		readonly status: string;
		readonly message: string;
		readonly assertionResults: readonly {
			readonly status: string;
			readonly fullName: string;
			readonly failureMessages: readonly string[] | null;
		}[];
	}[];
}
interface Outcome {
	readonly passed: number;
	/** A few lines each. */
	readonly failures: readonly string[];
}

/** What runs now. A signal ends it, and nothing more is begun. */
const children = new Set<ChildProcess>();
let isInterrupted = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
	process.on(signal, () => {
		isInterrupted = true;
		for (const child of children) child.kill(signal);
	});
}

const folder = await mkdtemp(join(tmpdir(), "callgate-test-"));
const asked = process.argv.slice(2);
const outcomes = asked.length > 0 ? [await run("asked", asked, "now")] : await runStages();
await rm(folder, { recursive: true, force: true });

const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
const failures = outcomes.flatMap((outcome) => outcome.failures);
// Once more at the end: the suite that failed may be far above.
for (const failure of failures) process.stdout.write(`\nfailed: ${failure}\n`);
process.stdout.write(`\n${passed} passed, ${failures.length} failed\n`);
process.exit(isInterrupted || failures.length > 0 || passed === 0 ? 1 : 0);

async function runStages(): Promise<Outcome[]> {
	const all: Outcome[] = [];
	for (const suites of stages) {
		if (isInterrupted) break;
		const running = suites.map((suite, at) => run(suite, ["--project", suite], at === 0 ? "now" : "when it is done"));
		all.push(...(await Promise.all(running)));
	}
	return all;
}

/** One run of vitest. What it prints is printed as it comes, or all of it at the end where another one prints meanwhile. */
async function run(name: string, args: readonly string[], print: "now" | "when it is done"): Promise<Outcome> {
	const file = join(folder, `${name}.json`);
	const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
	const output = print === "now" ? "inherit" : "pipe";
	const child = spawn(process.execPath, [vitest, "run", "--root", root, ...reporters, ...args], {
		cwd: root,
		stdio: ["ignore", output, output],
	});
	children.add(child);
	const printed: Buffer[] = [];
	for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => printed.push(chunk));
	const code = await new Promise<number>((resolve) => child.on("close", (exit) => resolve(exit ?? 1)));
	children.delete(child);
	process.stdout.write(Buffer.concat(printed));
	const report = await readFile(file, "utf8").then(
		(text) => JSON.parse(text) as Report,
		() => undefined,
	);
	if (report === undefined) return { passed: 0, failures: [`${name}: vitest ended with ${code} and reported nothing`] };
	const outcome = outcomeOf(report);
	// vitest also fails for what is no test's: an error that nobody caught, a setup that failed.
	if (code !== 0 && outcome.failures.length === 0)
		return { ...outcome, failures: [`${name}: vitest ended with ${code}, see what it printed`] };
	return outcome;
}

/** A test that was skipped counts as failed. */
function outcomeOf({ testResults }: Report): Outcome {
	const tests = testResults.flatMap(({ name, assertionResults }) =>
		assertionResults.map((test) => ({ file: relative(root, name), ...test })),
	);
	const notPassed = tests.filter(({ status }) => status !== "passed");
	// A file that could not even be loaded has no tests, and is a failure all the same.
	const unloaded = testResults.filter(({ status, assertionResults }) => status === "failed" && assertionResults.length === 0);
	return {
		passed: tests.length - notPassed.length,
		failures: [
			...notPassed.map(({ file, fullName, status, failureMessages }) => `${file}: ${fullName}\n${excerpt(failureMessages?.[0] ?? status)}`),
			...unloaded.map(({ name, message }) => `${relative(root, name)}: it could not be loaded\n${excerpt(message)}`),
		],
	};
}

function excerpt(text: string): string {
	return text.split("\n").slice(0, 12).join("\n");
}
