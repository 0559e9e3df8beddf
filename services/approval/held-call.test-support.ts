// What tests of approval start from: a held call of Erin's, groups, and parts over a stream in memory with a clock that tests move.
import { generateKeyPairSync } from "node:crypto";
import type { Bus } from "#libs/bus/bus.ts";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import type { Group } from "#libs/configuration/kinds/group.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent, Event } from "#libs/contracts/events.ts";
import { GrantVerifier, signHold } from "#libs/contracts/grant.ts";
import type { SigningKey } from "#libs/contracts/jws.ts";
import { tellRefusals } from "#libs/service/refusal-events.ts";
import { Approvals } from "./approvals.ts";
import type { CastVote } from "./decide-approval.ts";
import type { Approvers, Counters, Groups, Job, Log, Parts } from "./ports.ts";

export const call = "01890a5d-ac96-774b-bcce-b302099a8057";
export const otherCall = "01890a5d-ac96-774b-bcce-b302099a8058";
export const digest = `sha256:${"d".repeat(64)}`;
export const start = new Date("2026-03-01T12:00:00.000Z");
export const minute = 60_000;
export const at = (minutes: number): Date => new Date(start.getTime() + minutes * minute);

export const erin: Caller = { issuer: "https://idp.example.com", subject: "erin", email: "erin@example.com", groups: ["engineering"] };
export const identity = (subject: string, groups: string[] = []) => ({ issuer: erin.issuer, subject, groups });

export type Terms = Event<"call.held">["data"]["terms"];
export const terms = (over: Partial<Terms> = {}): Terms => ({
	requirements: [{ rule: "large-transfers", anyOf: ["finance"], quorum: 1, reasonRequired: false }],
	expiresAt: at(30).toISOString(),
	remindAt: [],
	escalations: [],
	...over,
});

export function heldData(over: Partial<Event<"call.held">["data"]> = {}): Event<"call.held">["data"] {
	return {
		...{ call, connection: "payments", function: "createTransfer", pool: "default", digest, revision: `sha256:${"e".repeat(64)}` },
		caller: erin,
		callReason: "invoice 4711",
		receivedAt: start.toISOString(),
		arguments: { amount: 5000, currency: "EUR", card: "****1111" },
		rules: ["large-transfers"],
		reasons: [{ code: "held", rule: "large-transfers", message: "Large transfers need finance." }],
		terms: terms(),
		hold: "hold",
		sealed: "sealed",
		...over,
	};
}

export function heldEvent(over: Partial<Event<"call.held">["data"]> = {}): Event<"call.held"> {
	return newEvent("policy", "call.held", heldData(over), { at: start, traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` });
}

export function withdrawnEvent(caller: Caller = erin): Event<"call.withdrawn"> {
	return newEvent("ingress", "call.withdrawn", { call, caller }, { at: start });
}

export function group(name: string, members: string[], over: Partial<Group> = {}): Group {
	return { name, members: new Set(members), groups: new Set(), ...over };
}
export const finance = group("finance", ["dana@example.com", "frank@example.com", "erin@example.com"], { slack: "#finance-approvals" });
export const cfo = group("cfo", ["carol@example.com"], { slack: "#cfo-approvals" });
export const groupsOf = (...groups: Group[]): Groups => new Map(groups.map((one) => [one.name, one]));

export const vote = (email: string | undefined, over: Partial<CastVote> = {}): CastVote => ({
	voter: { email },
	verdict: "approve",
	reason: undefined,
	via: "slack",
	digest: undefined,
	...over,
});

const silent = () => undefined;
export const silentLog: Log = { info: silent, warn: silent, error: silent };
export const noCounters: Counters = { voted: silent, refused: silent, settled: silent, slackFailed: silent, timetableFailed: silent };

/** Clock, groups and stream that several replicas share. */
export class World {
	readonly stream = new MemoryStream();
	groups: Groups = groupsOf(finance, cfo);
	now = start;
	private keys: { approval: SigningKey; policy: SigningKey; grants: GrantVerifier } | undefined;

	constructor() {
		this.stream.now = () => this.now;
	}

	async key() {
		if (this.keys) return this.keys;
		const [approval, policy] = [generateKeyPairSync("ed25519"), generateKeyPairSync("ed25519")];
		const grants = new GrantVerifier({ approval: new Map([["a1", approval.publicKey]]), policy: new Map([["p1", policy.publicKey]]) });
		this.keys = { approval: { id: "a1", key: approval.privateKey }, policy: { id: "p1", key: policy.privateKey }, grants };
		return this.keys;
	}

	/** A held call with policy's real signature. */
	async held(over: Partial<Event<"call.held">["data"]> = {}): Promise<Event<"call.held">> {
		const data = heldData(over);
		const { policy } = await this.key();
		const hold = signHold(policy, data, data.terms.requirements, new Date(data.terms.expiresAt));
		return heldEvent({ ...data, hold });
	}

	/** One more replica of approval, which knows everything said so far. */
	async replica(approvers?: Approvers): Promise<Parts & { readonly planned: Job[]; readonly bus: Bus }> {
		const bus = createMemoryBus(this.stream, "approval");
		const approvals = new Approvals();
		await approvals.follow(bus);
		const planned: Job[] = [];
		const timetable = { plan: async (jobs: readonly Job[]) => void planned.push(...jobs) };
		const { approval: key } = await this.key();
		const shared = { groups: () => this.groups, now: () => this.now, counters: noCounters, log: silentLog };
		const refusedVotes = tellRefusals("control.vote.refused", "approval", { ...shared, bus });
		return { ...shared, bus, approvals, refusedVotes, key, grantTtlMs: 5 * minute, timetable, approvers, planned };
	}

	/** Types of what approval said of calls, in order. */
	said(): CallgateEvent["type"][] {
		return this.stream.events().flatMap(({ type }) => (type.startsWith("control.") ? [] : [type]));
	}

	/** The one event that settled the call. */
	settled(): (Event<"call.granted"> | Event<"call.ended">)[] {
		return this.stream.events().filter((event) => event.type === "call.granted" || event.type === "call.ended");
	}
}
