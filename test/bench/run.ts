// `npm run bench`: how fast Callgate is, beside what it cannot be faster than. Progress on stderr, tables on stdout, everything in a JSON file. Exits 1 where it could not measure.
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg, totalmem } from "node:os";
import { resolve } from "node:path";
import { createProgress } from "../../infra/local/progress.ts";
import { SetupError } from "../../infra/local/setup-error.ts";
import { findPortBase } from "../support/port-base.ts";
import { type BenchStack, startBenchStack } from "./bench-stack.ts";
import { corpusTable, measureCorpus } from "./measure-corpus.ts";
import { BenchFailed } from "./measure-lane.ts";
import { measureMasking } from "./measure-masking.ts";
import { measureSlowest, slowestTable } from "./measure-slowest.ts";
import { type BenchOptions, readOptions, usage } from "./options.ts";
import { monotonicMicroseconds, profileTables } from "./read-profile.ts";
import { maskingTable, type Report, tablesOf } from "./report.ts";
import { measureAll, type Sections } from "./sections.ts";
import { checkDocs, writeDocs } from "./write-docs.ts";

const progress = createProgress(process.stderr, performance.now());
async function main(): Promise<number> {
	const options = readOptions(process.argv.slice(2));
	if (options.help) {
		process.stdout.write(usage);
		return 0;
	}
	if (options.maskingOnly) {
		process.stdout.write(`${maskingReport(options)}\n`);
		return 0;
	}
	const cwd = process.env.INIT_CWD ?? process.cwd();
	const profileDir = options.profileDir === undefined ? undefined : resolve(cwd, options.profileDir);
	if (profileDir !== undefined) await mkdir(profileDir, { recursive: true });
	if (options.writeDocs) await checkDocs();
	const [loadBefore = 0] = loadavg();
	const bench = await startBenchStack({
		...{ profileDir, report: progress, syncInterval: options.syncInterval, peer: options.peer },
		firstPort: options.firstPort ?? (await findPortBase()),
		callersMax: Math.max(...options.callers),
	});
	const stop = stopOnSignal(bench);
	const span = { from: 0, to: Number.POSITIVE_INFINITY };
	try {
		span.from = monotonicMicroseconds();
		const head = headOf(options, loadBefore);
		const keep = async (sections: Sections) => {
			const report: Report = { ...head, ...sections };
			if (options.json !== undefined) await writeFile(resolve(cwd, options.json), `${JSON.stringify(report, null, "\t")}\n`);
		};
		const report: Report = { ...head, ...(await measureAll(bench, options, progress, keep)) };
		span.to = monotonicMicroseconds();
		await keep(report);
		if (options.writeDocs) await writeDocs(report);
		process.stdout.write(`${tablesOf(report)}\n`);
	} finally {
		await stop();
	}
	if (profileDir !== undefined) process.stdout.write(`\n${await profileTables(profileDir, span)}\n`);
	return 0;
}

function maskingReport({ quick, misses }: BenchOptions): string {
	const rounds = quick ? 2 : 10;
	const figures = measureCorpus(rounds, (kind, { text }, masked) => {
		if (misses) process.stderr.write(`${kind}: ${JSON.stringify(text)} became ${JSON.stringify(masked)}\n`);
	});
	const slowest = slowestTable(measureSlowest(quick ? 10 : 100));
	return [corpusTable(figures), maskingTable(measureMasking(rounds)), slowest].join("\n\n");
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

main().then(
	(code) => process.exit(code),
	(error: unknown) => {
		const known = error instanceof BenchFailed || error instanceof SetupError;
		process.stderr.write(`bench: ${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
		process.exit(1);
	},
);
