// `npm run check`: the fast gate before each commit: types, style, what is unused, the rules of the house, and pages that must follow the code.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const node = process.execPath;
const bin = (name: string) => join(root, "node_modules/.bin", name);

/** Each check: a name, a program and its arguments. */
const checks: [name: string, command: string, args: string[]][] = [
	["types", bin("tsc"), ["-p", "."]],
	["style", bin("biome"), ["check", "--error-on-warnings", "."]],
	["unused", bin("knip"), []],
	["architecture", bin("vitest"), ["run", "--project", "fast", "test/architecture.test.ts", "test/catalogue.test.ts"]],
	["reference", node, ["infra/reference.ts", "--check"]],
];

interface Result {
	readonly ok: boolean;
	readonly output: string;
	readonly seconds: number;
}

function run(command: string, args: string[]): Promise<Result> {
	const begun = performance.now();
	return new Promise((resolve) => {
		const env = { ...process.env, PATH: `${join(node, "..")}:${process.env.PATH}` };
		const child = spawn(command, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
		let output = "";
		const keep = (chunk: Buffer) => {
			output += chunk;
		};
		child.stdout.on("data", keep);
		child.stderr.on("data", keep);
		child.on("error", (error) => resolve({ ok: false, output: error.message, seconds: 0 }));
		child.on("close", (code) => resolve({ ok: code === 0, output, seconds: (performance.now() - begun) / 1_000 }));
	});
}

const results = await Promise.all(checks.map(async ([name, command, args]) => ({ name, ...(await run(command, args)) })));
for (const { name, ok, output, seconds } of results) {
	process.stdout.write(`${ok ? "ok  " : "FAIL"} ${name.padEnd(14)} ${seconds.toFixed(1)}s\n`);
	if (!ok) process.stdout.write(`${output.trim()}\n\n`);
}
process.exit(results.every(({ ok }) => ok) ? 0 : 1);
