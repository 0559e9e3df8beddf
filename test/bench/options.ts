// What `npm run bench` may be told.
import { parseArgs } from "node:util";
import { bankAfterFirst } from "./addresses.ts";
import { isLane, type Lane, laneNames } from "./lanes.ts";
import { type Peer, peerOf } from "./peer.ts";

export const usage = `Usage: npm run bench -- [masking] [options]

Measures Callgate against what it cannot be faster than: the same calls with nothing in between, through a bare proxy, and through
the floor (five bare processes with the same durable messages). Lanes take turns; figures are medians of the repetitions.

  masking            only masking, in process: what it finds of its corpus, what it alters, how fast (--misses shows each miss)
  --quick            a few minutes' look: 64 callers, fewer and shorter repetitions, one of each service, nothing stored before or killed
  --lane NAME        only this lane and nothing beside it (${laneNames.join(", ")}); may be given several times
  --callers LIST     how many callers at once, comma-separated (default: 1,16,64,256)
  --stored N         measure everything again with so many events stored before (default: 1000000, with --quick or --lane 0)
  --soak MINUTES     also load Callgate for so long and see whose memory grows (default: 10, with --quick or --lane 0)
  --repetitions N    how often each figure is taken (default: 5)
  --peer URL         also measure another HTTP gateway: calls are posted to this URL, and it must pass them on to the bank (needs --port)
  --peer-header NAME:VALUE  a header of the calls to the peer, shown nowhere; may be given several times
  --peer-pid PID     a process of the peer whose processor time is counted; may be given several times
  --port N           first port; the others follow it, the bank listens at N + ${bankAfterFirst} (default: ports that are free)
  --sync INTERVAL    NATS' sync_interval for every lane: "always" (default, as npm start has it) or a duration like 2m
  --json FILE        write every figure to this file, after each part of the run
  --write-docs       write the tables into docs/performance.md
  --profile DIR      write a CPU profile of each service to this folder
  --misses           with masking: the texts of the corpus in which something is left, and harmless ones that are altered
  --help             this text
`;

export interface BenchOptions {
	readonly quick: boolean;
	readonly lanes: readonly Lane[];
	readonly callers: readonly number[];
	readonly repetitions: number;
	readonly warmupMs: number;
	readonly windowMs: number;
	/** Beside lanes: bytes, clicks, lag, decisions, masking, restarts. */
	readonly beside: boolean;
	readonly preloadEvents: number;
	readonly soakMinutes: number;
	readonly peer: Peer | undefined;
	readonly firstPort: number | undefined;
	readonly syncInterval: string;
	readonly json: string | undefined;
	readonly writeDocs: boolean;
	readonly profileDir: string | undefined;
	readonly help: boolean;
	/** Nothing but masking, without a stack. */
	readonly maskingOnly: boolean;
	readonly misses: boolean;
}

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;
/** As of `npm start`: room for the ports that follow. */
const firstPortMax = 65_000;

/** @throws {Error} with one line about the first option that is not understood. */
export function readOptions(args: readonly string[]): BenchOptions {
	const { values, positionals } = parseArgs({
		args: [...args],
		allowPositionals: true,
		options: {
			...{ quick: flag, help: flag, misses: flag, lane: { type: "string", multiple: true }, callers: text, repetitions: text },
			...{ sync: text, json: text, profile: text, stored: text, soak: text, "write-docs": flag, port: text },
			...{ peer: text, "peer-header": { type: "string", multiple: true }, "peer-pid": { type: "string", multiple: true } },
		},
	});
	const unknown = positionals.find((word) => word !== "masking");
	if (unknown !== undefined) throw new Error(`there is no part "${unknown}": only masking can be measured alone`);
	const quick = values.quick ?? false;
	const beside = values.lane === undefined;
	const whole = beside && !quick;
	const pids = (values["peer-pid"] ?? []).map((pid) => integer("--peer-pid", pid, 1, 4_194_304));
	const peer = peerOf(values.peer, values["peer-header"] ?? [], pids);
	const firstPort = values.port === undefined ? undefined : integer("--port", values.port, 1_024, firstPortMax);
	if (peer && firstPort === undefined)
		throw new Error(`--peer: the peer has to find the bank, so say --port N too: the bank listens at N + ${bankAfterFirst}`);
	return {
		quick,
		lanes: lanesOf(values.lane, quick, peer),
		...{ peer, firstPort },
		callers: (values.callers ?? (quick ? "64" : "1,16,64,256")).split(",").map((part) => integer("--callers", part, 1, 2_000)),
		repetitions: integer("--repetitions", values.repetitions ?? (quick ? "2" : "5"), 1, 100),
		warmupMs: 500,
		windowMs: quick ? 1_500 : 2_000,
		beside,
		preloadEvents: integer("--stored", values.stored ?? (whole ? "1000000" : "0"), 0, 100_000_000),
		soakMinutes: integer("--soak", values.soak ?? (whole ? "10" : "0"), 0, 1_440),
		syncInterval: intervalOf(values.sync ?? "always"),
		json: values.json,
		writeDocs: values["write-docs"] ?? false,
		profileDir: values.profile,
		help: values.help ?? false,
		maskingOnly: positionals.length > 0,
		misses: values.misses ?? false,
	};
}

/** In the order in which they are measured, whatever order they were asked for in. */
function lanesOf(asked: readonly string[] | undefined, quick: boolean, peer: Peer | undefined): readonly Lane[] {
	const unknown = asked?.find((name) => !isLane(name));
	if (unknown !== undefined) throw new Error(`--lane: there is no lane "${unknown}", only ${laneNames.join(", ")}`);
	if (asked?.includes("peer") && !peer) throw new Error("--lane peer: say where the peer is with --peer");
	const leftOut: readonly Lane[] = [...(peer ? [] : (["peer"] as const)), ...(quick ? (["callgate-mcp", "callgate-two"] as const) : [])];
	return laneNames.filter((lane) => (asked === undefined ? !leftOut.includes(lane) : asked.includes(lane)));
}

function integer(option: string, value: string, min: number, max: number): number {
	const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
	if (!(number >= min && number <= max)) throw new Error(`${option}: "${value}" is not a whole number from ${min} to ${max}`);
	return number;
}

function intervalOf(value: string): string {
	if (!/^(always|\d{1,4}(ms|s|m|h))$/.test(value)) throw new Error(`--sync: "${value}" is neither "always" nor a duration like 10s or 2m`);
	return value;
}
