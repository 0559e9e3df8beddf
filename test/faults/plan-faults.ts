// What will be done to the system, in which order: everything follows from the seed.
import { type Service, services } from "#libs/contracts/define-event.ts";
import { type CrashPoint, crashPoints } from "#libs/service/crash-point.ts";
import { leaseMs } from "./configuration.ts";
import type { Target } from "./processes.ts";
import { createRandom, type Random } from "./random.ts";

export type Fault =
	| { readonly kind: "kill"; readonly target: Target }
	| { readonly kind: "crash"; readonly target: Target; readonly point: CrashPoint; readonly nth: number }
	| { readonly kind: "pause"; readonly target: Target; readonly pauseMs: number }
	/** An executor is stopped in the middle of a call until another has ended it, and then wakes. */
	| { readonly kind: "overtake"; readonly behaviour: "hang" | "slow" }
	| { readonly kind: "nats"; readonly how: "kill" | "restart"; readonly awayMs: number }
	| { readonly kind: "valkey"; readonly how: "kill" | "flush"; readonly awayMs: number }
	| { readonly kind: "opensearch"; readonly how: "kill" | "read-only" | "too-busy"; readonly awayMs: number }
	| { readonly kind: "stream-full"; readonly awayMs: number }
	| {
			readonly kind: "disk-full";
			readonly how: "at-once" | "mid-record";
			/** Until a record breaks off. */
			readonly roomBytes: number;
			/** How NATS ends once there is room again; it must be started anew. */
			readonly comesBack: "stopped" | "killed";
			readonly awayMs: number;
	  }
	/** The trimmer dies before its nth kind of removal, if it is to; or comes only when the first claim may go. */
	| { readonly kind: "trim"; readonly diesBefore?: number; readonly when?: "claims-are-old" }
	| { readonly kind: "redeliver"; readonly consumer: (typeof forgetful)[number] }
	| {
			readonly kind: "clock";
			readonly target: Target;
			/** Whether its process starts with the wrong time, or the time jumps while it runs. */
			readonly restart: boolean;
			readonly startsOffMs: number;
			/** Wrong in another way, while it runs, before it is put right. */
			readonly jumpsToMs: number;
			/** At each of the two. */
			readonly stayMs: number;
	  }
	/** Valkey away while approval's clocks go ahead. */
	| { readonly kind: "valkey-later"; readonly aheadMs: number; readonly awayMs: number }
	/** Each of these is updated and later taken back, one after the other. */
	| { readonly kind: "two-versions"; readonly order: readonly Target[]; readonly stayMs: number }
	| { readonly kind: "copies"; readonly count: number; readonly pick: number }
	| { readonly kind: "poison"; readonly pick: number };

/** Whose process passes a moment. */
export const passedBy: Readonly<Record<CrashPoint, readonly [Service, ...Service[]]>> = {
	"after-accept-before-publish": ["ingress"],
	"after-publish-before-reply": ["ingress"],
	"after-decision-before-ack": ["policy"],
	"after-click-before-stored": ["approval"],
	"after-timer-before-event": ["approval"],
	"after-reading-before-writing": ["executor"],
	"after-lost-condition": ["executor"],
	"after-claim-before-first-byte": ["executor"],
	"after-first-byte-before-answer": ["executor"],
	"after-piece-before-next": ["executor"],
	"after-answer-before-ending": ["executor"],
	"after-ending-before-ack": ["executor"],
	"between-index-and-ack": ["audit"],
	"after-segment-before-tiles": ["audit"],
	"during-recovery-at-start": ["ingress", "policy", "approval", "executor", "audit"],
};

export interface FaultTerms {
	readonly seed: number;
	/** How many processes of services are killed: a moment that kills counts as the one kill that armed it. */
	readonly kills: number;
	readonly replicas: number;
}

/**
 * Consumers that may forget. Not policy's: it would decide anew what it decided long ago, and sign new grants under claims that are about to
 * be trimmed; see docs/reliability.md.
 */
const forgetful = ["executor-default", "approval", "audit"] as const;
/** Removals by kind in trim-stream.ts. */
const removals = 7;

type Kind = Fault["kind"];
const kinds: readonly (readonly [Kind, number])[] = [
	["kill", 28],
	["crash", 40],
	["pause", 8],
	["overtake", 4],
	["nats", 5],
	["valkey", 5],
	["opensearch", 4],
	["stream-full", 3],
	["disk-full", 2],
	["trim", 4],
	["redeliver", 3],
	["clock", 6],
	["valkey-later", 1],
	["two-versions", 1],
	["copies", 7],
	["poison", 7],
];

/** Every named moment first, in an order of chance; then whatever comes until enough processes were killed. */
export function planFaults({ seed, kills, replicas }: FaultTerms): Fault[] {
	const random = createRandom(seed, "faults");
	const faults: Fault[] = [];
	let killed = 0;
	const moments = shuffled(crashPoints, random);
	while (killed < kills) {
		const kind = random.weighted(kinds);
		const fault = faultOf(kind, random, replicas, kind === "crash" ? moments.pop() : undefined);
		if (fault.kind === "kill" || fault.kind === "crash") killed++;
		faults.push(fault);
	}
	return faults;
}

/** One of every kind that is quick, and every moment: for a short run. */
export function planEachFault({ seed, replicas }: Pick<FaultTerms, "seed" | "replicas">): Fault[] {
	const random = createRandom(seed, "each fault");
	const moments = shuffled(crashPoints, random).map((point): Fault => {
		const target = { service: random.pick(passedBy[point]), replica: random.integer(replicas) };
		return { kind: "crash", point, target, nth: 1 };
	});
	// In the middle of a group of claims: some of its calls are dialled, one is about to be, and others are only claimed.
	const midGroup = { kind: "crash", point: "after-claim-before-first-byte", target: { service: "executor", replica: 0 }, nth: 3 } as const;
	const others: Fault[] = [
		{ kind: "two-versions", order: shuffled(services, random).map((service) => ({ service, replica: 0 })), stayMs: 2_000 },
		...quickClocks(random, replicas),
		{ kind: "valkey-later", aheadMs: tenMinutesMs, awayMs: 0 },
		faultOf("poison", random, replicas),
		{ kind: "pause", target: { service: "executor", replica: 0 }, pauseMs: leaseMs + 1_000 },
		{ kind: "overtake", behaviour: "hang" },
		{ kind: "nats", how: "kill", awayMs: 500 },
		{ kind: "valkey", how: "flush", awayMs: 0 },
		{ kind: "valkey", how: "kill", awayMs: 500 },
		{ kind: "opensearch", how: "read-only", awayMs: 2_000 },
		{ kind: "stream-full", awayMs: 1_000 },
		faultOf("copies", random, replicas),
		{ kind: "disk-full", how: "at-once", roomBytes: 0, comesBack: "killed", awayMs: 2_500 },
		{ kind: "opensearch", how: "too-busy", awayMs: 1_500 },
		{ kind: "trim", diesBefore: 1 + random.integer(removals - 1) },
		{ kind: "redeliver", consumer: "executor-default" },
		{ kind: "trim" },
		{ kind: "redeliver", consumer: "approval" },
		{ kind: "trim", when: "claims-are-old" },
		{ kind: "redeliver", consumer: "executor-default" },
	];
	return [...moments, midGroup, ...others];
}

/** Among how many passings of a moment one is drawn. */
const timesPassed: Partial<Record<CrashPoint, number>> = {
	"during-recovery-at-start": 1,
	// Claims come in groups: between a group and the dial of its last call.
	"after-claim-before-first-byte": 6,
	"after-reading-before-writing": 6,
};

function faultOf(kind: Kind, random: Random, replicas: number, moment?: CrashPoint): Fault {
	const targetOf = (service: Service): Target => ({ service, replica: random.integer(replicas) });
	switch (kind) {
		case "kill":
			return { kind, target: targetOf(random.pick(services)) };
		case "crash": {
			const point = moment ?? random.pick(crashPoints);
			return {
				kind,
				point,
				target: targetOf(random.pick(passedBy[point])),
				nth: 1 + random.integer(timesPassed[point] ?? 2),
			};
		}
		case "pause": {
			const service = random.pick(["executor", "executor", "policy", "approval", "ingress", "audit"] as const);
			return { kind, target: targetOf(service), pauseMs: leaseMs + 500 + random.integer(2_000) };
		}
		case "overtake":
			return { kind, behaviour: random.pick(["hang", "slow"] as const) };
		case "nats":
			return { kind, how: random.pick(["kill", "restart"] as const), awayMs: random.integer(2_500) };
		case "valkey":
			return { kind, how: random.pick(["kill", "flush"] as const), awayMs: random.integer(3_000) };
		case "opensearch":
			return {
				kind,
				how: random.pick(["kill", "read-only", "read-only", "too-busy", "too-busy"] as const),
				awayMs: 1_000 + random.integer(6_000),
			};
		case "stream-full":
			return { kind, awayMs: 500 + random.integer(3_000) };
		case "disk-full":
			return {
				...{ kind, how: random.pick(["at-once", "mid-record"] as const), roomBytes: random.integer(4_000) },
				...{ comesBack: random.pick(["stopped", "killed"] as const), awayMs: 1_000 + random.integer(3_000) },
			};
		case "trim":
			return { kind, ...(random.chance(0.5) && { diesBefore: random.integer(removals) }) };
		case "redeliver":
			return { kind, consumer: random.pick(forgetful) };
		case "clock":
			return clockFault(targetOf(random.pick(services)), random, 1_000 + random.integer(3_000));
		case "valkey-later":
			return { kind, aheadMs: tenMinutesMs, awayMs: random.integer(2_000) };
		case "two-versions": {
			const all = services.flatMap((service) => Array.from({ length: replicas }, (_, replica): Target => ({ service, replica })));
			const count = 1 + random.integer(all.length);
			return { kind, order: shuffled(all, random).slice(0, count), stayMs: 1_000 + random.integer(5_000) };
		}
		case "copies":
			return { kind, count: 5 + random.integer(30), pick: random.integer(2 ** 31) };
		case "poison":
			return { kind, pick: random.integer(2 ** 31) };
	}
}

const tenMinutesMs = 600_000;
const minutesMs = 5 * 60_000;
const hourMs = 3_600_000;
const offsets = [-hourMs, -minutesMs, minutesMs, hourMs] as const;

function clockFault(target: Target, random: Random, stayMs: number): Fault {
	const startsOffMs = random.pick(offsets);
	return { kind: "clock", target, restart: random.chance(0.5), startsOffMs, jumpsToMs: random.pick(offsets), stayMs };
}

/** An hour and minutes, forward and back, for those who sign, decide and verify. */
function quickClocks(random: Random, replicas: number): Fault[] {
	const target = (service: Service): Target => ({ service, replica: random.integer(replicas) });
	const terms = { kind: "clock", restart: false, stayMs: 700 } as const;
	return [
		{ ...terms, target: target("policy"), startsOffMs: -hourMs, jumpsToMs: minutesMs },
		{ ...terms, target: target("executor"), startsOffMs: hourMs, jumpsToMs: -minutesMs },
		// Connected while it is an hour ahead: the connection is lost later, when the clock is right again.
		{ ...terms, target: target("approval"), startsOffMs: hourMs, jumpsToMs: -hourMs, restart: true },
		{ ...terms, target: target("ingress"), startsOffMs: hourMs, jumpsToMs: -hourMs },
	];
}

function shuffled<T>(all: readonly T[], random: Random): T[] {
	return all
		.map((one) => [random.integer(2 ** 31), one] as const)
		.sort(([one], [other]) => one - other)
		.map(([, one]) => one);
}

/** One line for the log of a run. */
export function describeFault(fault: Fault): string {
	const at = "target" in fault ? ` ${fault.target.service}-${fault.target.replica + 1}` : "";
	switch (fault.kind) {
		case "kill":
			return `kill -9${at}`;
		case "crash":
			return `crash${at} ${fault.point}:${fault.nth}`;
		case "pause":
			return `pause${at} ${fault.pauseMs} ms`;
		case "overtake":
			return `an executor overtaken, the bank is to ${fault.behaviour === "hang" ? "hang" : "be slow"}`;
		case "nats":
		case "valkey":
		case "opensearch":
			return `${fault.kind} ${fault.how} ${fault.awayMs} ms`;
		case "stream-full":
			return `stream full ${fault.awayMs} ms`;
		case "disk-full":
			return `disk of NATS full ${fault.how} ${fault.awayMs} ms, then ${fault.comesBack}`;
		case "trim":
			return `trim${fault.when === undefined ? "" : " when the first claims may go"}${fault.diesBefore === undefined ? "" : `, dies before removal ${fault.diesBefore + 1}`}`;
		case "redeliver":
			return `everything again for ${fault.consumer}`;
		case "clock":
			return `clock${at} ${fault.startsOffMs / 60_000} min${fault.restart ? " from its start" : ""}, then ${fault.jumpsToMs / 60_000} min`;
		case "valkey-later":
			return `valkey away, approval ${fault.aheadMs / 60_000} min ahead`;
		case "two-versions":
			return `two versions: ${fault.order.map(({ service, replica }) => `${service}-${replica + 1}`).join(", ")}`;
		case "copies":
			return `${fault.count} copies`;
		case "poison":
			return "poison";
	}
}
