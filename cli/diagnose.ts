// What an operator should know of an installation, told from what its processes say of themselves (pure): each check with what was found, expected and to do.
import type { Durability, Readiness } from "./ask-readiness.ts";

/** `warn`: it works, and survives less than it could; docs/operations.md says what. `FAIL`: it does not work, or promises that it cannot keep. */
export type Verdict = "ok" | "warn" | "FAIL";

export interface Finding {
	readonly check: string;
	readonly verdict: Verdict;
	readonly found: string;
	readonly expected: string;
	readonly todo: string;
}

/** A clock that is wrong by more than this breaks expiries and tokens; by less, it is worth a look. */
const clockFailMs = 60_000;
const clockWarnMs = 3_000;
const fullWarn = 0.8;
const fullFail = 0.95;
const pendingWarn = 10_000;

export function diagnose(processes: readonly Readiness[]): Finding[] {
	const told = processes.flatMap(({ process, durability }) => (durability ? [{ process, ...durability }] : []));
	return [
		...processes.flatMap(processFindings),
		...clockFindings(processes),
		...(told.length === 0 ? [] : [identityFinding(told), syncFinding(told)]),
		...told.slice(0, 1).flatMap(({ stream }) => (stream ? streamFindings(stream) : [])),
		...told.flatMap(({ process, consumer }) => (consumer ? [consumerFinding(process, consumer)] : [])),
		...told.flatMap(({ redis }) => (redis ? redisFindings(redis) : [])).slice(0, 3),
		...told.flatMap(({ index }) => (index ? indexFindings(index) : [])).slice(0, 2),
	];
}

type Told = Durability & { readonly process: string };
type Facts = Readonly<Record<string, unknown>>;

function finding(check: string, verdict: Verdict, found: string, expected: string, todo: string): Finding {
	return { check, verdict, found, expected, todo };
}

function processFindings({ process, url, unreachable, isReady, checks = {}, warnings = {} }: Readiness): Finding[] {
	if (unreachable !== undefined) {
		const todo = "start it, or say where it listens (callgate doctor --help)";
		return [finding(process, "FAIL", `${unreachable} at ${url}`, "a process that is ready", todo)];
	}
	const faults = Object.entries(checks).filter(([, state]) => state !== "ok");
	const found = isReady ? "ready" : faults.map(([name, state]) => `${name}: ${state}`).join("; ") || "not ready";
	const lookAt = 'look at its log, and at "What to do when" in docs/operations.md';
	return [
		finding(process, isReady ? "ok" : "FAIL", found, "ready", lookAt),
		// A rule that was written and decides nothing is a promise that is not kept, although calls go on.
		...Object.entries(warnings).map(([name, text]) => finding(`${process}'s ${name}`, "FAIL", text, "nothing to warn of", lookAt)),
	];
}

function clockFindings(processes: readonly Readiness[]): Finding[] {
	const known = processes.flatMap(({ process, clockAheadMs }) => (clockAheadMs === undefined ? [] : [{ process, clockAheadMs }]));
	const worst = known.toSorted((one, other) => Math.abs(other.clockAheadMs) - Math.abs(one.clockAheadMs))[0];
	if (!worst) return [];
	const off = Math.abs(worst.clockAheadMs);
	const verdict = off > clockFailMs ? "FAIL" : off > clockWarnMs ? "warn" : "ok";
	const way = worst.clockAheadMs > 0 ? "ahead of" : "behind";
	const found = verdict === "ok" ? "within 3 s of this machine's" : `${worst.process} is ${Math.round(off / 1_000)} s ${way} this machine`;
	return [finding("clocks", verdict, found, "at most 3 s from this machine's", "synchronise the machines' clocks (NTP), this one's too")];
}

function identityFinding(told: readonly Told[]): Finding {
	const identities = Map.groupBy(told, ({ stream }) => text(stream?.identity));
	const found = [...identities].map(([identity, those]) => `${identity} (${those.map(({ process }) => process).join(", ")})`).join("; ");
	const same = identities.size === 1;
	const todo = "stop all of them, and give them one CALLGATE_NATS_SERVERS and CALLGATE_STREAM_IDENTITY";
	return finding("stream", same ? "ok" : "FAIL", same ? text([...identities.keys()][0]) : found, "one stream for all", todo);
}

function syncFinding(told: readonly Told[]): Finding {
	const weakest = told.map(({ syncInterval }) => text(syncInterval)).toSorted((one, other) => weakness(other) - weakness(one))[0] ?? "";
	const found = weakest === "unknown" ? "NATS does not say its sync_interval" : `NATS sync_interval is ${weakest}`;
	const todo =
		weakest === "unknown"
			? "let services ask it (infra/nats/server-config.ts), or make sure of it yourself"
			: "sync_interval: always, or copies on machines that lose power separately";
	return finding("power cut", weakest === "always" ? "ok" : "warn", found, "always: acknowledged is on the disk", todo);
}

function weakness(syncInterval: string): number {
	return syncInterval === "always" ? 0 : syncInterval === "unknown" ? 1 : 2 + (Number.parseFloat(syncInterval) || 0);
}

function streamFindings({ storage, retention, discard, copies, bytes, bytesMax, last }: Facts): Finding[] {
	const terms = `${text(storage)}, ${text(retention)} retention, discard ${text(discard)}`;
	const expected = "file, limits retention, discard new";
	const full = typeof bytes === "number" && typeof bytesMax === "number" && bytesMax > 0 ? bytes / bytesMax : Number.NaN;
	const size = Number.isNaN(full) ? "unknown" : `${Math.round(full * 100)} % of ${bytesMax} bytes, ${text(last)} positions`;
	const verdict = !(full <= fullFail) ? "FAIL" : full > fullWarn ? "warn" : "ok";
	return [
		finding("stream's terms", terms === expected ? "ok" : "FAIL", terms, expected, "provision"),
		finding(
			"disk loss",
			typeof copies === "number" && copies >= 3 ? "ok" : "warn",
			copies === 1 ? "one copy of the stream" : `${text(copies)} copies of the stream`,
			"3 or 5 copies in a cluster",
			"a NATS cluster and CALLGATE_STREAM_REPLICAS, or backups and what they cannot bring back",
		),
		finding("stream's size", verdict, size, `below ${fullWarn * 100} %`, 'trim; see "The stream is full" in docs/operations.md'),
	];
}

function consumerFinding(process: string, { name, pending }: Facts): Finding {
	const verdict = typeof pending === "number" && pending <= pendingWarn ? "ok" : "warn";
	const found = `consumer ${text(name)} has ${text(pending)} messages to go`;
	return finding(`${process}'s work`, verdict, found, `at most ${pendingWarn}`, "look why it is behind, or run more of it");
}

function redisFindings(redis: Facts): Finding[] {
	const [appendOnly, sync, policy] = [redis.appendonly, redis.appendfsync, redis["maxmemory-policy"]].map(text);
	const judge = (value: string | undefined, right: readonly string[], wrong: Verdict): Verdict =>
		value === "unknown" ? "warn" : right.includes(value ?? "") ? "ok" : wrong;
	const todo = "configure Redis; until then people may be asked late, and nothing is lost";
	return [
		finding("Redis appendonly", judge(appendOnly, ["yes"], "FAIL"), text(appendOnly), "yes", todo),
		finding("Redis appendfsync", judge(sync, ["always", "everysec"], "warn"), text(sync), "everysec or always", todo),
		finding("Redis maxmemory-policy", judge(policy, ["noeviction"], "FAIL"), text(policy), "noeviction", todo),
	];
}

function indexFindings({ replicas, translog }: Facts): Finding[] {
	const copied = typeof replicas === "number" && replicas >= 1;
	return [
		finding(
			"record's copies",
			copied ? "ok" : "warn",
			`number_of_replicas is ${text(replicas)}`,
			"1 or more",
			"a second OpenSearch node, or snapshots: what the stream no longer has cannot be indexed again",
		),
		finding("record's disk", translog === "request" ? "ok" : "warn", `translog durability is ${text(translog)}`, "request", "set it back"),
	];
}

function text(value: unknown): string {
	return typeof value === "string" || typeof value === "number" ? String(value) : "unknown";
}
