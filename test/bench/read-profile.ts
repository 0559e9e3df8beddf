// CPU profiles as tables: where each service's processor time went, by function. `node test/bench/read-profile.ts DIR`, and at the end of a run with --profile.
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { markdownTable, shown } from "./table.ts";

/** https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile, as far as it is used. */
export interface CpuProfile {
	readonly nodes: readonly {
		readonly id: number;
		readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
	}[];
	/** The node that ran at each sample, and the microseconds since the sample before. */
	readonly samples: readonly number[];
	/** Microseconds of the monotonic clock, which all processes of a machine share. */
	readonly startTime: number;
	readonly timeDeltas: readonly number[];
}

export interface SelfTime {
	/** `function file:line`, or V8's own word such as `(garbage collector)`. */
	readonly where: string;
	readonly ms: number;
	/** Of the time in which the process did anything. */
	readonly share: number;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const rowsMax = 15;

/** From when to when calls were made, in microseconds of the monotonic clock: before are start and compilation, afterwards the stop. */
export interface Span {
	readonly from: number;
	readonly to: number;
}

export const monotonicMicroseconds = (): number => Number(process.hrtime.bigint() / 1_000n);

/** Functions by their own time within the span, the most first; idle time does not count. */
export function selfTimes(
	{ nodes, samples, timeDeltas, startTime }: CpuProfile,
	span: Span = { from: 0, to: Number.POSITIVE_INFINITY },
): SelfTime[] {
	const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
	const byPlace = new Map<string, number>();
	let now = startTime;
	for (const [at, id] of samples.entries()) {
		now += timeDeltas[at] ?? 0;
		const frame = frames.get(id);
		if (!frame || frame.functionName === "(idle)" || now < span.from || now > span.to) continue;
		const file = frame.url.replace("file://", "").replace(root, "");
		const where = `${frame.functionName || "(anonymous)"}${file === "" ? "" : ` ${file}:${frame.lineNumber + 1}`}`;
		// The time until a sample was spent in the sample before it: V8 counts it to this one's node, which over many is the same.
		byPlace.set(where, (byPlace.get(where) ?? 0) + (timeDeltas[at] ?? 0) / 1_000);
	}
	const total = [...byPlace.values()].reduce((sum, ms) => sum + ms, 0);
	return [...byPlace].map(([where, ms]) => ({ where, ms, share: ms / total })).sort((one, other) => other.ms - one.ms);
}

/** A table for each profile in the folders below `dir`. Without a span, start and compilation are part of it. */
export async function profileTables(dir: string, span?: Span): Promise<string> {
	const entries = await readdir(dir, { recursive: true });
	const tables: string[] = [];
	for (const entry of entries.filter((name) => name.endsWith(".cpuprofile")).toSorted()) {
		const file = join(dir, entry);
		const rows = selfTimes(JSON.parse(await readFile(file, "utf8")) as CpuProfile, span)
			.slice(0, rowsMax)
			.map(({ where, ms, share }) => [`\`${where}\``, shown(ms), `${shown(share * 100)} %`]);
		tables.push(`### ${basename(dirname(file))}: ${file}\n\n${markdownTable([["own time", "ms", "share"], ...rows])}`);
	}
	return tables.join("\n\n");
}

const [, script = "", dir] = process.argv;
if (resolve(script) === fileURLToPath(import.meta.url)) {
	if (dir === undefined) throw new Error("say which folder `npm run bench -- --profile DIR` wrote");
	process.stdout.write(`${await profileTables(resolve(dir))}\n`);
}
