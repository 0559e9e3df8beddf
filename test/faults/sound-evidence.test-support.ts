// Evidence of a small run in which nothing is wrong: one call of each kind. Tests of the checker break it in one place at a time.
import type { BankRequest, ClientCall, Evidence, Outage, Permission, RecordedDocument, Removal, StreamEvent } from "./evidence.ts";
import { bodyDigestOf } from "./load-client.ts";
import { type PlannedCall, planCall } from "./plan-calls.ts";

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type MutableEvent = Mutable<StreamEvent> & { data: Record<string, unknown> };
/** The same evidence, in arrays that a test may change. */
export interface BreakableEvidence extends Evidence {
	readonly calls: (Mutable<ClientCall> & { requests: Mutable<ClientCall["requests"][number]>[] })[];
	readonly bank: Mutable<BankRequest>[];
	readonly stream: MutableEvent[];
	readonly permissions: Mutable<Permission>[];
	readonly slack: { call: string; digest: string }[];
	readonly outcomes: { call: string; word: string | undefined }[];
	readonly clocks: Mutable<Evidence["clocks"][number]>[];
	readonly alarms: { position: number; item: number }[];
	readonly removals: Mutable<Removal>[];
	readonly changed: string[];
	readonly unproven: string[];
	readonly outages: Mutable<Outage>[];
	readonly effectless: string[];
	readonly unsettled: string[];
	readonly documents: Mutable<RecordedDocument>[];
	readonly poison: Evidence["poison"][number][];
	readonly unreadable: number[];
	readonly gone: Set<number>;
	readonly leaks: string[];
	readonly crashes: string[];
	readonly unfinished: string[];
}

const key = "bank's";
const start = 1_800_000_000_000;
const digestOf = (call: string) => `sha256:${call.at(-1)?.repeat(64)}`;
/** Ids by what becomes of the call. */
export const callIds = {
	allowed: "019a0000-0000-7000-8000-000000000001",
	approved: "019a0000-0000-7000-8000-000000000002",
	denied: "019a0000-0000-7000-8000-000000000003",
	rejected: "019a0000-0000-7000-8000-000000000004",
	died: "019a0000-0000-7000-8000-000000000005",
	repeated: "019a0000-0000-7000-8000-000000000006",
	forged: "019a0000-0000-7000-8000-000000000007",
	expired: "019a0000-0000-7000-8000-000000000008",
	hung: "019a0000-0000-7000-8000-000000000009",
	proxied: "019a0000-0000-7000-8000-00000000000a",
} as const;
export const deadPid = 4_711;
/** Claimed and ended in the ledger; the others on subjects of their own. */
const inLedger: ReadonlySet<string> = new Set([callIds.died, callIds.repeated, callIds.hung, callIds.proxied]);
/** The lane of a process. */
export const laneOf = (pid: number) => `_${pid}`;
const trimmedAfterMs = 3_600_000;
const fullAfterMs = 200_000;

class Builder {
	sequence = 0;
	readonly stream: MutableEvent[] = [];
	readonly permissions: Permission[] = [];
	/** Whose each call is that is in the ledger. */
	private readonly owners = new Map<string, number>();

	say(writer: string, type: string, call: string, data: Record<string, unknown> = {}, nth = ""): number {
		const sequence = ++this.sequence;
		const id = [call, type, writer, ...(nth ? [nth] : [])].join(".");
		const owner = writer === "executor" ? this.owners.get(call) : undefined;
		const event = { sequence, item: 0, at: start + sequence * 100, id, type, writer, data: { call, digest: digestOf(call), ...data } };
		this.stream.push({ ...event, ...(owner !== undefined && { lane: laneOf(owner) }) });
		return sequence;
	}
	receive(call: string, { reference, amount }: PlannedCall): void {
		this.say("ingress", "call.received", call, { caller: { subject: "ci" }, arguments: { reference, amount } });
	}
	grant(call: string, signer: "policy" | "approval"): void {
		const sequence = this.say(signer, "call.granted", call, inLedger.has(call) ? { since: 0 } : {});
		const digest = digestOf(call);
		this.permissions.push({
			...{ sequence, call, signer, digest, expiresAt: start + 10_000_000 },
			...(signer === "approval" && { holdDigest: digest }),
		});
	}
	begin(call: string, pid: number, attempt = 1): void {
		if (inLedger.has(call)) this.owners.set(call, pid);
		this.say("executor", "call.started", call, { executor: `host-${pid}-0a0b0c0d`, attempt }, `${attempt}`);
	}
	take(call: string, pid: number, attempts = 1): void {
		this.owners.set(call, pid);
		this.say("executor", "call.taken", call, { executor: `host-${pid}-0a0b0c0d`, attempts }, `${this.sequence}`);
	}
	end(writer: string, call: string, ending: string, more: Record<string, unknown> = {}): void {
		this.say(writer, "call.ended", call, { ending, ...more });
	}
	hold(call: string, expiresAt = start + 60_000): void {
		this.say("policy", "call.held", call);
		this.say("approval", "approval.asked", call, { terms: { expiresAt: new Date(expiresAt).toISOString() } });
		this.say("approval", "approval.delivered", call, { channelId: "C1", messageTs: "1" }, "C1-1");
	}
	vote(call: string, verdict: string, voter = "dana@example.com", nth = "1"): void {
		this.say("approval", "approval.voted", call, { verdict, voter }, nth);
	}
	/** Messages that the harness put there itself. */
	poison(): Evidence["poison"][number][] {
		const forged = this.say("policy", "call.granted", callIds.forged);
		this.end("executor", callIds.forged, "failed");
		const parked = ++this.sequence;
		for (const service of ["policy", "audit"]) {
			const sequence = ++this.sequence;
			const id = `message-${parked}.control.message.parked.${service}`;
			const data = { service, position: parked, item: 0, tries: 1, fault: "not JSON" };
			this.stream.push({ sequence, item: 0, at: start + sequence * 100, id, type: "control.message.parked", writer: service, data });
		}
		return [
			{ sequence: forged, kind: "grant of another call", expects: "failed", reader: "executor", call: callIds.forged },
			{ sequence: parked, kind: "not JSON", expects: "parked", reader: "policy" },
			this.unindexable(),
		];
	}
	/** Three events in a message, of which the index takes the first and the last. */
	private unindexable(): Evidence["poison"][number] {
		const sequence = ++this.sequence;
		const say = (at: number, item: number, id: string, type: string, data: Record<string, unknown>) =>
			this.stream.push({ sequence: at, item, at: start + at * 100, id, type, writer: "audit", data });
		for (const item of [0, 1, 2]) say(sequence, item, `faults.control.record.read.audit.${item}`, "control.record.read", { hits: 0 });
		const data = { service: "audit", position: sequence, item: 1, tries: 1, fault: "the index refuses it" };
		say(++this.sequence, 0, `message-${sequence}.control.message.parked.audit.audit-1`, "control.message.parked", data);
		return { sequence, item: 1, kind: "a time that is none", expects: "unindexed", reader: "audit" };
	}
	/** What a trimmer would have removed of the first calls by now: what leads to something long before what guards against it. */
	trim(): Removal[] {
		const { proxied, approved, denied } = callIds;
		const old = this.stream.filter(({ data: { call } }) => call === proxied || call === approved || call === denied);
		const leads = (event: MutableEvent) =>
			/^call\.(received|held)$/.test(event.type) || (event.type === "call.granted" && event.writer === "policy");
		const stepOf = (event: MutableEvent) => (leads(event) ? 1 : event.writer === "executor" ? 3 : 2);
		return old.map((event) => ({ sequence: event.sequence, step: stepOf(event), at: start + trimmedAfterMs }));
	}
}

function planned(number: number, more: Partial<PlannedCall>): PlannedCall {
	const { key: _, cancelAfterMs: __, ...plan } = planCall({ seed: 1, calls: 100 }, number);
	return { ...plan, caller: "ci", via: "calls", function: "pay", behaviour: "ok", copies: 1, waitSeconds: 20, votes: [], ...more };
}

/** A fresh copy each time. */
export function soundEvidence(): BreakableEvidence {
	const plans = {
		allowed: planned(1, { path: "allow", amount: 10, key: "key-1" }),
		approved: planned(2, { path: "approve", amount: 2_000 }),
		denied: planned(3, { path: "deny", amount: 9_500 }),
		rejected: planned(4, { path: "reject", amount: 3_000 }),
		died: planned(5, { path: "allow", amount: 20 }),
		repeated: planned(6, { path: "allow", amount: 30, function: "payOnce" }),
		expired: planned(7, { path: "expire", amount: 6_500 }),
		hung: planned(8, { path: "allow", amount: 40, behaviour: "hang" }),
		proxied: planned(9, { path: "allow", amount: 50, via: "proxy" }),
	};
	const builder = new Builder();
	for (const name of Object.keys(plans) as (keyof typeof plans)[]) builder.receive(callIds[name], plans[name]);
	tell(builder);
	const poison = builder.poison();
	const { stream, permissions } = builder;
	const began = (call: string, nth = 0) =>
		(stream.filter((one) => one.type === "call.started" && one.data.call === call)[nth]?.at ?? 0) + 1;
	const request = (name: keyof typeof plans, nth = 0): BankRequest => ({
		...{
			at: began(callIds[name], nth),
			path: "/pay",
			reference: plans[name].reference,
			bodyDigest: bodyDigestOf(plans[name]),
			credential: key,
		},
		...(name === "repeated" && { idempotencyKey: callIds.repeated }),
	});
	const answers = {
		allowed: { status: 200, state: "completed" },
		approved: { status: 202, state: "held" },
		denied: { status: 403, code: "denied" },
		rejected: { status: 403, code: "rejected" },
		died: { status: 502, code: "outcome_unknown" },
		repeated: { status: 200, state: "completed" },
		expired: { status: 403, code: "expired" },
		hung: { status: 504, code: "function_timeout" },
		proxied: { status: 201, state: "completed", proxied: { header: callIds.proxied, own: true, whole: true } },
	};
	const refused = {
		...{
			at: start + fullAfterMs + 1_000,
			answeredAt: start + fullAfterMs + 1_100,
			status: 503,
			code: "events_unavailable",
			retryAfter: "2",
		},
	};
	return structuredClone({
		calls: (Object.keys(plans) as (keyof typeof plans)[]).map((name) => ({
			plan: plans[name],
			requests: [
				...(name === "hung" ? [refused] : []),
				{ at: start, answeredAt: start + 1_000_000, call: callIds[name], ...answers[name] },
			],
			...(name === "approved" && { later: { call: callIds.approved, state: "completed" } }),
		})),
		bank: [
			request("allowed"),
			request("approved"),
			request("died"),
			request("repeated"),
			request("repeated", 1),
			request("hung"),
			request("proxied"),
		],
		...{ stream, permissions, poison, unreadable: poison.flatMap(({ expects, sequence }) => (expects === "parked" ? [sequence] : [])) },
		slack: [{ call: callIds.approved, digest: digestOf(callIds.approved) }],
		outcomes: [
			{ call: callIds.approved, word: "Approved" },
			{ call: callIds.rejected, word: "Rejected" },
			{ call: callIds.approved, word: undefined },
		],
		clocks: [{ service: "approval", replica: 0, offMs: 600_000, from: start, until: start + 10_000 }],
		...{ removals: builder.trim(), changed: [], unproven: [], effectless: [] },
		alarms: poison.flatMap(({ expects, sequence, item = 0 }) => (expects === "unindexed" ? [{ position: sequence, item }] : [])),
		outages: [{ kind: "the stream was full", from: start + fullAfterMs, until: start + fullAfterMs + 5_000, takesNothing: true }],
		documents: stream.filter(isIndexable).map(({ sequence, item, id, type, data }) => documentOf(sequence, item, id, type, data)),
		...{ copies: [], gone: new Set([deadPid]), bankCredential: key, approvers: new Set(["dana@example.com", "frank@example.com"]) },
		...{ leaks: [], crashes: [], unfinished: [], unsettled: [] },
	});
}

function tell(builder: Builder): void {
	const { allowed, approved, denied, rejected, died, repeated, expired, hung, proxied } = callIds;
	builder.grant(allowed, "policy");
	builder.begin(allowed, 1);
	builder.end("executor", allowed, "completed");
	builder.hold(approved);
	builder.vote(approved, "approve");
	builder.grant(approved, "approval");
	builder.begin(approved, 1);
	builder.end("executor", approved, "completed");
	builder.end("policy", denied, "denied");
	builder.hold(rejected);
	builder.vote(rejected, "reject", "frank@example.com");
	builder.end("approval", rejected, "rejected");
	builder.grant(died, "policy");
	builder.begin(died, deadPid);
	builder.take(died, 1);
	builder.end("executor", died, "unknown", { code: "outcome_unknown" });
	builder.grant(repeated, "policy");
	builder.begin(repeated, deadPid);
	builder.take(repeated, 2);
	builder.begin(repeated, 2, 2);
	builder.end("executor", repeated, "completed");
	// With approval's clock ten minutes ahead.
	builder.hold(expired, start + 500_000);
	builder.end("approval", expired, "expired", { code: "expired" });
	builder.grant(hung, "policy");
	builder.begin(hung, 1);
	builder.end("executor", hung, "failed", { code: "function_timeout" });
	builder.grant(proxied, "policy");
	builder.begin(proxied, 1);
	builder.end("executor", proxied, "completed", { answer: { http: { status: 201 } } });
}

function isIndexable({ type, item }: StreamEvent): boolean {
	return type !== "control.record.read" || item !== 1;
}

function documentOf(position: number, item: number, id: string, type: string, data: Record<string, unknown>): RecordedDocument {
	const { call, digest, ending } = data as { call?: string; digest?: string; ending?: string };
	return {
		...{ index: ".ds-callgate-events-000001", id, type, position, item },
		...(call !== undefined && { call }),
		...(digest !== undefined && { digest }),
		...(ending !== undefined && { ending }),
	};
}
