// The promise of approval, against any sequence of commands on two replicas: one end at most, and no grant that people did not give in time.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Event } from "#libs/contracts/events.ts";
import { expireCalls } from "./expire-calls.ts";
import { at, call, group, groupsOf, minute, terms, vote, World, withdrawnEvent } from "./held-call.test-support.ts";
import type { Parts } from "./ports.ts";
import { handle } from "./service.ts";
import { VoteRefused, voteOnCall } from "./vote-on-call.ts";

const people = ["dana@example.com", "frank@example.com", "carol@example.com", "erin@example.com", "mallory@example.com"];
const replica = fc.nat(1);
const person = fc.constantFrom(...people);
const commands = fc.array(
	fc.oneof(
		fc.record({ do: fc.constant("hold"), replica }),
		{ arbitrary: fc.record({ do: fc.constant("approve"), replica, person }), weight: 12 },
		fc.record({ do: fc.constant("reject"), replica, person }),
		fc.record({ do: fc.constant("withdraw"), replica }),
		fc.record({ do: fc.constant("sweep"), replica }),
		{ arbitrary: fc.record({ do: fc.constant("wait"), replica, minutes: fc.integer({ min: 1, max: 12 }) }), weight: 2 },
		fc.record({ do: fc.constant("regroup"), replica, finance: fc.subarray(people), cfo: fc.subarray(people) }),
		fc.record({ do: fc.constant("forget"), replica }),
		// Two commands at once: neither waits for the other.
		fc.record({ do: fc.constant("race"), replica, person, other: person }),
	),
	{ maxLength: 25 },
);
type Command = { do: string; replica: number; person?: string; other?: string; minutes?: number; finance?: string[]; cfo?: string[] };

async function cast(parts: Parts, email: string, verdict: "approve" | "reject"): Promise<void> {
	await voteOnCall(parts, call, vote(email, { verdict, reason: "because it is so" })).catch((error: unknown) => {
		if (!(error instanceof VoteRefused)) throw error;
	});
}

async function run(world: World, replicas: Parts[], held: Event<"call.held">, command: Command): Promise<void> {
	const parts = replicas[command.replica];
	const other = replicas[1 - command.replica];
	if (!parts || !other) throw new Error("no such replica");
	const { person: who = "", other: second = "" } = command;
	if (command.do === "hold") await handle(parts, held);
	else if (command.do === "approve") await cast(parts, who, "approve");
	else if (command.do === "reject") await cast(parts, who, "reject");
	else if (command.do === "withdraw") await handle(parts, withdrawnEvent());
	else if (command.do === "sweep") await expireCalls(parts);
	else if (command.do === "forget") parts.approvals.forget(at(10_000));
	else if (command.do === "wait") world.now = new Date(world.now.getTime() + (command.minutes ?? 0) * minute);
	else if (command.do === "race")
		await Promise.all([cast(parts, who, "approve"), cast(other, second, "reject"), expireCalls(parts), handle(other, withdrawnEvent())]);
	else world.groups = groupsOf(group("finance", command.finance ?? []), group("cfo", command.cfo ?? []));
}

test("no sequence of commands yields two ends, or a grant without enough current members, by the requester, or after its time", async () => {
	const seen = { granted: 0, ended: 0 };
	await fc.assert(
		fc.asyncProperty(commands, fc.integer({ min: 1, max: 2 }), async (sequence, quorum) => {
			const world = new World();
			const replicas = [await world.replica(), await world.replica()];
			world.groups = groupsOf(group("finance", people.slice(0, 2)), group("cfo", ["carol@example.com"]));
			const requirements = [
				{ rule: "r", anyOf: ["finance"], quorum, reasonRequired: false },
				{ rule: "s", anyOf: ["finance", "cfo"], quorum: 1, reasonRequired: false },
			];
			const held = await world.held({ terms: terms({ requirements, escalations: [{ at: at(10).toISOString(), to: ["cfo"] }] }) });
			await handle(replicas[0] as Parts, held);
			for (const command of sequence) {
				const before = world.settled().length;
				await run(world, replicas, held, command);
				const settled = world.settled();
				expect(settled.length).toBeLessThanOrEqual(1);
				const [final] = settled;
				if (!final || before === 1) continue;
				seen[final.type === "call.granted" ? "granted" : "ended"]++;
				if (final.type === "call.granted") refuseUndeserved(world, final, quorum);
			}
			const [one, other] = replicas.map(({ approvals }) => approvals.get(call).state).filter((state) => state !== "absent");
			if (other !== undefined) expect(one).toBe(other);
		}),
		{ numRuns: 300 },
	);
	// The property would say nothing if no sequence got anywhere.
	expect(seen.granted).toBeGreaterThan(0);
	expect(seen.ended).toBeGreaterThan(0);
}, 60_000);

/** Checked from the record and the world alone, not with the code under test. */
function refuseUndeserved(world: World, granted: Event<"call.granted">, quorum: number): void {
	const history = world.stream.events();
	expect(new Date(granted.time) < at(30)).toBe(true);
	expect(history.some(({ type, data }) => type === "approval.voted" && "verdict" in data && data.verdict === "reject")).toBe(false);
	const escalated = history.some(({ type }) => type === "approval.escalated");
	const members = (name: string) => [...(world.groups.get(name)?.members ?? [])];
	const voters = new Set(history.flatMap((event) => (event.type === "approval.voted" ? [event.data.voter] : [])));
	expect(voters.has("erin@example.com")).toBe(false);
	const mayFirst = [...members("finance"), ...(escalated ? members("cfo") : [])];
	const first = [...voters].filter((voter) => mayFirst.includes(voter));
	const second = [...voters].filter((voter) => [...members("finance"), ...members("cfo")].includes(voter));
	expect(first.length).toBeGreaterThanOrEqual(quorum);
	expect(second.length).toBeGreaterThanOrEqual(1);
	for (const approver of granted.data.approvedBy ?? []) expect(second).toContain(approver);
}
