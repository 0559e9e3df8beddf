// `npm test`: every test of every suite against real servers. Arguments go to vitest: a file, or `--project fast` for what needs no server.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const vitest = join(root, "node_modules/vitest/vitest.mjs");

interface Report {
	readonly numPassedTests: number;
	readonly numFailedTests: number;
	readonly numPendingTests: number;
	readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

const folder = await mkdtemp(join(tmpdir(), "callgate-test-"));
const file = join(folder, "report.json");
const args = [
	vitest,
	"run",
	"--root",
	root,
	"--reporter=default",
	"--reporter=json",
	`--outputFile.json=${file}`,
	...process.argv.slice(2),
];
const code = await new Promise<number>((resolve) => {
	const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
	for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
	child.on("exit", (exit) => resolve(exit ?? 1));
});
const report = await readFile(file, "utf8").then(
	(text) => JSON.parse(text) as Report,
	() => undefined,
);
await rm(folder, { recursive: true, force: true });

// A file that could not even be loaded has no tests, and is a failure all the same.
const unloaded =
	report?.testResults.filter(({ status, assertionResults }) => status === "failed" && assertionResults.length === 0).length ?? 1;
const passed = report?.numPassedTests ?? 0;
const failed = (report?.numFailedTests ?? 0) + (report?.numPendingTests ?? 0) + unloaded;
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exit(code !== 0 || failed > 0 || passed === 0 ? 1 : 0);
