// A whole fault run: a stack, load and faults at once, quiet, and then all the evidence for the checker.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Service, services } from "#libs/contracts/define-event.ts";
import type { CrashPoint } from "#libs/service/crash-point.ts";
import { findStored } from "../../infra/local/find-stored.ts";
import { portOf, urlOf } from "../../infra/local/port-plan.ts";
import { startStack } from "../../infra/local/stack.ts";
import { check, type Report } from "./check.ts";
import { createClocks } from "./clocks.ts";
import { grantTtlMs, leaseTerms, planted, writeConfiguration } from "./configuration.ts";
import { doFault } from "./do-fault.ts";
import { noEffects } from "./effects.ts";
import type { Evidence } from "./evidence.ts";
import type { FaultParts } from "./fault-parts.ts";
import { followApprovals } from "./follow-approvals.ts";
import { type KeptStream, keepStream } from "./keep-stream.ts";
import { createLoadClient, type LoadClient } from "./load-client.ts";
import { connectOperator, type Operator, type StoredMessage } from "./operator.ts";
import { ordinary, type Path, type PlannedCall, planCall } from "./plan-calls.ts";
import { describeFault, type Fault } from "./plan-faults.ts";
import { createProcesses, type Processes } from "./processes.ts";
import { adminAccess, countRecord, readRecord } from "./read-record.ts";
import { readSlack } from "./read-slack.ts";
import { eventsOf, type PublicKeys, permissionsIn } from "./read-stream.ts";
import { findUnproven } from "./read-tree.ts";
import { type RecordingBank, sha256, startRecordingBank } from "./recording-bank.ts";
import { createVersions } from "./run-two-versions.ts";
import { createApprover, type ScriptedApprover } from "./scripted-approver.ts";
import { tokensOf } from "./tokens.ts";

export interface CampaignOptions {
	readonly seed: number;
	readonly calls: number;
	readonly faults: readonly Fault[];
	readonly replicas: number;
	readonly firstPort: number;
	/** Between two faults, at least. */
	readonly paceMs: number;
	/** After arming a moment, go on calling until it has killed. */
	readonly untilKilled?: boolean;
	readonly report: (line: string) => void;
}

export interface CampaignResult extends Report {
	/** How often each named moment killed a process. */
	readonly crashed: ReadonlyMap<string, number>;
	readonly seconds: number;
}

/** In the plan of ports, between the first replicas and the second ones. */
const bankPortAfterFirst = 15;
/** Instead of 30 s: what a dead process had in work comes back sooner. */
const ackWaitMs = 6_000;
const requestsMax = 48;
const quietWithinMs = 150_000;
const readyWithinMs = 2_000;
const killedWithinMs = 30_000;
const extraFrom = 1_000_000;
/** Copies and poison are made of these; older ones are let go. */
const seenMax = 4_000;

export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
	const { firstPort, replicas, report } = options;
	const begun = performance.now();
	const dataDir = await mkdtemp(join(tmpdir(), "callgate-faults-"));
	const configDir = join(dataDir, "configuration");
	const bankPort = portOf("ingress", firstPort) + bankPortAfterFirst;
	await writeConfiguration(configDir, { issuer: urlOf("idp", firstPort), bankUrl: `http://127.0.0.1:${bankPort}` });
	const bank = await startRecordingBank(bankPort);
	const leases = { CALLGATE_START_WITHIN_MS: `${leaseTerms.startWithinMs}`, CALLGATE_SETTLE_WITHIN_MS: `${leaseTerms.settleWithinMs}` };
	const grants = { CALLGATE_GRANT_TTL_MS: `${grantTtlMs}` };
	const processes = createProcesses({ ingress: {}, policy: grants, approval: grants, executor: leases, audit: {} });
	const clocks = await createClocks(join(dataDir, "clocks"));
	const versions = createVersions(dataDir);
	const serviceEnv = (service: Service, replica: number) => ({ ...clocks.env(service, replica), ...processes.env(service, replica) });
	const serviceRoot = versions.root;
	try {
		const stack = await startStack({ dataDir, firstPort, replicas, configDir, report, syncInterval: "2m", serviceEnv, serviceRoot });
		try {
			const { evidence, done } = await disturb(options, { stack, bank, processes, clocks, versions });
			const crashed = await processes.crashed();
			const found = check(evidence);
			const counts = {
				...found.counts,
				...done,
				"processes that ended": processes.deaths(),
				"killed at a named moment": sum(crashed.values()),
			};
			return { ...found, counts, crashed, seconds: Math.round((performance.now() - begun) / 1_000) };
		} finally {
			await stack.stop();
		}
	} finally {
		await bank.stop();
		await rm(dataDir, { recursive: true, force: true });
	}
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, one) => total + one, 0);

type Surroundings = Pick<FaultParts, "stack" | "processes" | "clocks" | "versions"> & { readonly bank: RecordingBank };

async function disturb(options: CampaignOptions, { bank, ...around }: Surroundings) {
	const { stack, processes } = around;
	const operator = await connectOperator(stack);
	await operator.setAckWait(ackWaitMs);
	processes.watch(stack);
	const urls = (part: "ingress" | "approval") =>
		Array.from({ length: options.replicas }, (_, replica) => urlOf(part, options.firstPort, replica));
	const token = tokensOf(stack);
	const plans = new Map<string, PlannedCall>();
	const approver = createApprover({
		...{ approval: urls("approval"), slack: stack.url("slack"), token },
		planOf: (reference) => plans.get(reference),
	});
	const stream = followStream(operator, approver);
	const over = new AbortController();
	const client = createLoadClient({ ingress: urls("ingress"), token, until: over.signal });
	const sender = createSender(options, client, plans);
	const parts: FaultParts = {
		...{ ...around, operator, seen: stream.seen, approvals: stream.approvals, send: sender.sendExtra },
		...{ poison: [], copies: [], unsettled: [], background: new Map(), kept: stream.kept, effects: noEffects() },
		refusedSince: (since) => client.log.some(({ requests }) => requests.some(({ status, at }) => status === 503 && at >= since)),
		bankSaw: (reference) => bank.log.some((request) => request.reference === reference),
		askAboutEnded: async () => {
			// Nobody answers for a call whose ending an earlier trimming removed: ingress was away when it was to be asked.
			const trimmed = trimmedCalls(stream.kept);
			await client.askAgain((call) => stream.events.ended.has(call) && !trimmed.has(call));
		},
	};
	await runRounds(options, parts, sender);
	const unfinished = await becomeQuiet(options, around, operator, approver, stream.events, over);
	const trimmed = trimmedCalls(stream.kept);
	await client.askAgain((call) => !trimmed.has(call));
	await approver.stop();
	await stream.following.stop();
	const evidence = await collect({ client, bank, parts, unfinished });
	await operator.close();
	const { redelivered, tooBusy, overtaken, leftOut } = parts.effects;
	const done = {
		"messages given out again": redelivered,
		"429 from OpenSearch": tooBusy,
		"calls ended by another while their executor was stopped": overtaken,
		"faults this machine cannot have": leftOut.length,
	};
	return { evidence, done };
}

/** What the harness sees while it runs, and keeps for the checker: the stream itself is trimmed. */
function followStream(operator: Operator, approver: ScriptedApprover) {
	const seen: StoredMessage[] = [];
	const events = { received: new Set<string>(), ended: new Set<string>() };
	const approvals = followApprovals();
	const kept = keepStream();
	const following = operator.follow((message) => {
		kept.hear(message);
		if (/^callgate\.(policy|approval|executor)\./.test(message.subject)) seen.push(message);
		if (seen.length > seenMax) seen.splice(0, seenMax / 2);
		for (const event of eventsOf(message) ?? []) {
			approver.hear(event);
			approvals.hear(event);
			if (event.type === "call.received") events.received.add(String(event.data.call));
			if (event.type === "call.ended") events.ended.add(String(event.data.call));
		}
	});
	return { seen, events, approvals, kept, following };
}

/** Sends calls by number, not too many at once. */
function createSender({ calls, seed }: CampaignOptions, client: LoadClient, plans: Map<string, PlannedCall>) {
	const inWork = new Set<Promise<void>>();
	let number = 0;
	let extra = extraFrom;
	const send = async (plan: PlannedCall) => {
		plans.set(plan.reference, plan);
		const sending = client.send(plan).finally(() => inWork.delete(sending));
		inWork.add(sending);
		// What waits long, for people or for a function that hangs, does not hold up the rest for ever.
		while (inWork.size >= requestsMax) await Promise.race([...inWork, delay(1_000)]);
	};
	return {
		/** One more than was planned, on this path, as it is called for. */
		sendExtra: async (path: Path, more: Partial<PlannedCall> = {}) => {
			const plan = { ...planCall({ seed, calls }, extra++, path), ...more };
			await send(plan);
			return plan;
		},
		sendUpTo: async (last: number) => {
			while (number < last) await send(planCall({ seed, calls }, number++));
		},
		finish: async () => void (await Promise.all(inWork)),
	};
}

/** Spreads the calls evenly over the faults. */
async function runRounds(options: CampaignOptions, parts: FaultParts, sender: ReturnType<typeof createSender>): Promise<void> {
	const { calls, faults, paceMs, report } = options;
	for (const [round, fault] of faults.entries()) {
		report(`${round + 1}/${faults.length} ${describeFault(fault)}`);
		const pace = delay(paceMs);
		const sending = sender.sendUpTo(Math.ceil((calls * (round + 1)) / faults.length));
		const killed = fault.kind === "crash" ? await timesCrashed(parts.processes, fault.point) : 0;
		await doFault(parts, fault);
		await sending;
		if (options.untilKilled && fault.kind === "crash") await callUntilKilled(parts.processes, fault.point, killed, sender.sendExtra);
		await pace;
	}
	await sender.sendUpTo(calls);
	await Promise.all(parts.background.values());
	report("waiting for the last answers");
	await sender.finish();
}

async function timesCrashed({ crashed }: Processes, point: CrashPoint): Promise<number> {
	return (await crashed()).get(point) ?? 0;
}

/** Calls that lead through a moment, until one was the last thing that a process did. */
async function callUntilKilled(
	processes: Processes,
	point: CrashPoint,
	before: number,
	sendExtra: (path: Path, more?: Partial<PlannedCall>) => Promise<unknown>,
): Promise<void> {
	const until = performance.now() + killedWithinMs;
	while (performance.now() < until) {
		if ((await timesCrashed(processes, point)) > before) return;
		const isBurst = inLedger.has(point);
		for (let nth = 0; nth < (isBurst ? burst : 1); nth++) {
			await sendExtra(leadsThrough[point] ?? "allow", isBurst ? { ...ordinary, via: "calls" } : {});
		}
		await delay(isBurst ? 1_000 : 250);
	}
}

/** Moments that ordinary calls pass, several at once. */
const inLedger: ReadonlySet<CrashPoint> = new Set([
	"after-reading-before-writing",
	"after-lost-condition",
	"after-claim-before-first-byte",
]);
const burst = 12;

/** Where not every call passes. */
const leadsThrough: Partial<Record<CrashPoint, Path>> = {
	"after-click-before-stored": "approve",
	// More people are asked of what waits for a while.
	"after-timer-before-event": "cancel",
};

/** Resolves when nothing is left to do: with what is, if that takes too long. */
async function becomeQuiet(
	options: CampaignOptions,
	{ stack, processes }: Pick<Surroundings, "stack" | "processes">,
	operator: Operator,
	approver: ScriptedApprover,
	events: { readonly received: ReadonlySet<string>; readonly ended: ReadonlySet<string> },
	over: AbortController,
): Promise<string[]> {
	const access = await adminAccess(stack);
	const until = performance.now() + quietWithinMs;
	let documents = -1;
	for (;;) {
		const busy = await operator.busy().catch((error: unknown) => [`NATS: ${error instanceof Error ? error.message : "failed"}`]);
		const open = [...events.received].filter((call) => !events.ended.has(call));
		const left = [...busy, ...(open.length > 0 ? [`calls without an ending: ${open.length}`] : [])];
		const undecided = approver.waiting();
		if (undecided.length > 0) left.push(`votes to be given: ${undecided.length}`);
		left.push(...(await unready(options)));
		// The index settles last.
		const now = await countRecord(access).catch(() => -2);
		if (left.length === 0 && now === documents) break;
		documents = now;
		if (performance.now() > until) {
			over.abort();
			for (const { call, tried } of undecided) left.push(`${call}: ${tried}`, ...(await processes.linesAbout(call, "approval")));
			return left.length > 0 ? left : ["the index still changes"];
		}
		await delay(500);
	}
	over.abort();
	return [];
}

/** Replicas that could do no work now. */
async function unready({ firstPort, replicas }: CampaignOptions): Promise<string[]> {
	const all = services.flatMap((service) => Array.from({ length: replicas }, (_, replica) => ({ service, replica })));
	const answers = await Promise.all(
		all.map(async ({ service, replica }) => {
			const signal = AbortSignal.timeout(readyWithinMs);
			const isReady = await fetch(`${urlOf(service, firstPort, replica)}/readyz`, { signal }).then(
				async (answer) => {
					await answer.arrayBuffer();
					return answer.ok;
				},
				() => false,
			);
			return isReady ? [] : [`${service}-${replica + 1} is not ready`];
		}),
	);
	return answers.flat();
}

/** Calls of which something is no longer on the stream. */
function trimmedCalls({ events, removals }: KeptStream): Set<string> {
	const removed = new Set(removals.map(({ sequence }) => sequence));
	return new Set(events.filter(({ sequence }) => removed.has(sequence)).map(({ data }) => String(data.call)));
}

interface Sources {
	readonly client: LoadClient;
	readonly bank: RecordingBank;
	readonly parts: FaultParts;
	readonly unfinished: readonly string[];
}

async function collect({ client, bank, parts, unfinished }: Sources): Promise<Evidence> {
	const { stack, processes, operator, clocks, kept, effects } = parts;
	const { events: stream, unreadable, removals } = kept;
	const stillThere: StoredMessage[] = [];
	const reading = operator.follow((message) => stillThere.push(message));
	await reading.caughtUp;
	await reading.stop();
	const unproven = await findUnproven(stack, kept.heard, kept.reached());
	await processes.learnFromLogs();
	const keys = JSON.parse(await readFile(stack.keys.file("grant-keys.json"), "utf8")) as PublicKeys;
	const key = stack.keys.value("bank-api.key");
	const token = await tokensOf(stack)("ci");
	const secrets = { "the card": planted.card, "the e-mail": planted.email, "the answer's card": planted.answerCard };
	const leaks = await findStored(stack, { ...secrets, "the bank's key": key, "a caller's token": token });
	return {
		...{ calls: client.log, bank: bank.log, stream, unreadable, unfinished },
		permissions: await permissionsIn(stream, keys),
		...(await readSlack(stack)),
		...{ removals, changed: kept.compare(stillThere), unproven, outages: effects.outages, effectless: effects.none },
		alarms: await processes.alarms(),
		clocks: clocks.wrong,
		unsettled: parts.unsettled,
		documents: await readRecord(await adminAccess(stack)),
		poison: parts.poison,
		copies: parts.copies,
		gone: processes.gone,
		bankCredential: sha256(key),
		approvers: new Set(["dana@example.com", "frank@example.com"]),
		leaks: leaks.map(({ name, place, file }) => `${name} in ${place}: ${file}`),
		crashes: await processes.uncaught(),
	};
}
