// `npm run bench`: how fast Callgate is, beside what it cannot be faster than. Progress on stderr, tables on stdout, everything in a JSON file. Exits 1 where it could not measure.
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg, totalmem } from "node:os";
import { resolve } from "node:path";
import { createProgress } from "../../infra/local/progress.ts";
import { SetupError } from "../../infra/local/setup-error.ts";
import { findPortBase } from "../support/port-base.ts";
import { type BenchStack, startBenchStack } from "./bench-stack.ts";
import { BenchFailed, type Load, measure } from "./measure-lane.ts";
import { type BenchOptions, readOptions, usage } from "./options.ts";
import { type Report, tablesOf } from "./report.ts";
import { takeTurns } from "./throughput.ts";

const progress = createProgress(process.stderr, performance.now());
/** Before anything counts, every lane's code is compiled and its connections are made. */
const warmUp: Load = { kind: "closed", callers: 32, warmupMs: 0, windowMs: 2_500 };

async function main(): Promise<number> {
	const options = readOptions(process.argv.slice(2));
	if (options.help) {
		process.stdout.write(usage);
		return 0;
	}
	const cwd = process.env.INIT_CWD ?? process.cwd();
	const profileDir = options.profileDir === undefined ? undefined : resolve(cwd, options.profileDir);
	if (profileDir !== undefined) await mkdir(profileDir, { recursive: true });
	const [loadBefore = 0] = loadavg();
	const bench = await startBenchStack({
		...{ profileDir, report: progress, syncInterval: options.syncInterval },
		firstPort: await findPortBase(),
		callersMax: Math.max(...options.callers),
	});
	const stop = stopOnSignal(bench);
	try {
		const report = { ...headOf(options, loadBefore), ...(await figures(bench, options)) };
		if (options.json !== undefined) await writeFile(resolve(cwd, options.json), `${JSON.stringify(report, null, "\t")}\n`);
		process.stdout.write(`${tablesOf(report)}\n`);
	} finally {
		await stop();
	}
	if (profileDir !== undefined) progress(`CPU profiles are in ${profileDir}`);
	return 0;
}

/** Ctrl-C and SIGTERM stop what was started. */
function stopOnSignal(bench: BenchStack): () => Promise<void> {
	let stopping: Promise<void> | undefined;
	const stop = () => {
		stopping ??= bench.stop();
		return stopping;
	};
	for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop().then(() => process.exit(130)));
	return stop;
}

function headOf({ syncInterval, repetitions, windowMs }: BenchOptions, loadBefore: number) {
	const [first] = cpus();
	return {
		at: new Date().toISOString(),
		machine: { processor: first?.model.trim() ?? "unknown", cores: cpus().length, memoryBytes: totalmem(), loadBefore },
		node: process.versions.node,
		...{ syncInterval, repetitions, windowMs },
	};
}

async function figures(bench: BenchStack, options: BenchOptions): Promise<Pick<Report, "throughput">> {
	const { lanes, repetitions, callers, warmupMs, windowMs } = options;
	for (const lane of lanes) {
		await measure(bench, lane, warmUp);
		progress(`warmed up: ${lane}`);
	}
	const loads = callers.map((count): Load => ({ kind: "closed", callers: count, warmupMs, windowMs }));
	const throughput = await takeTurns(bench, { lanes, loads, repetitions, report: progress });
	return { throughput };
}

main().then(
	(code) => process.exit(code),
	(error: unknown) => {
		const known = error instanceof BenchFailed || error instanceof SetupError;
		process.stderr.write(`bench: ${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
		process.exit(1);
	},
);
