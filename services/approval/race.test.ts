// Several replicas over one stream: whoever writes first wins, everyone sees the same winner, and nothing ends twice.
import { describe, expect, test } from "vitest";
import { EventsUnavailable } from "#libs/bus/bus.ts";
import type { Event } from "#libs/contracts/events.ts";
import { expireCalls } from "./expire-calls.ts";
import { at, call, cfo, digest, erin, group, groupsOf, otherCall, terms, vote, World, withdrawnEvent } from "./held-call.test-support.ts";
import type { Parts } from "./ports.ts";
import { handle } from "./service.ts";
import { VoteRefused, voteOnCall } from "./vote-on-call.ts";

async function waiting(over: Partial<Event<"call.held">["data"]> = {}) {
	const world = new World();
	const [one, other] = [await world.replica(), await world.replica()];
	await handle(one, await world.held(over));
	return { world, one, other };
}

/** What came of it: the state, or why the vote was refused. */
const outcome = (vote: Promise<{ state: string }>): Promise<string> =>
	vote.then(
		({ state }) => state,
		(error: unknown) => {
			if (error instanceof VoteRefused) return error.refusal;
			throw error;
		},
	);
const stateAt = ({ approvals }: Parts): unknown => {
	const approval = approvals.get(call);
	return approval.state === "ended" ? approval.ending : approval.state;
};

describe("a call that waits", () => {
	test("is granted with a signature that executors accept, for exactly this call", async () => {
		const { world, one } = await waiting();
		await voteOnCall(one, call, vote("dana@example.com"));
		const [granted] = world.settled();
		if (granted?.type !== "call.granted") throw new Error("it was not granted");
		const { data } = granted;
		expect(data).toMatchObject({
			call,
			digest,
			sealed: "sealed",
			approvedBy: ["dana@example.com"],
			caller: erin,
			callReason: "invoice 4711",
		});
		expect(granted.traceparent).toBe(`00-${"a".repeat(32)}-${"b".repeat(16)}-01`);
		const { grants } = await world.key();
		const verified = grants.verify(data.grant, data, at(1));
		expect(verified).toMatchObject({ signer: "approval", expiresAt: at(5) });
		expect(() => grants.verify(data.grant, { ...data, call: otherCall }, at(1))).toThrow("another call");
	});

	test("is approved and rejected at once: one of them wins, everywhere the same", async () => {
		for (const order of [0, 1]) {
			const { world, one, other } = await waiting();
			const votes = [
				() => outcome(voteOnCall(one, call, vote("dana@example.com"))),
				() => outcome(voteOnCall(other, call, vote("frank@example.com", { verdict: "reject", reason: "too much" }))),
			];
			await Promise.all((order ? votes.reverse() : votes).map((cast) => cast()));
			expect(world.settled()).toHaveLength(1);
			expect(stateAt(one)).toBe(stateAt(other));
			expect(["granted", "rejected"]).toContain(stateAt(one));
		}
	});

	test("is approved by two people at once: both count, one grant", async () => {
		const two = terms({ requirements: [{ rule: "r", anyOf: ["finance"], quorum: 2, reasonRequired: false }] });
		const { world, one, other } = await waiting({ terms: two });
		await Promise.all([voteOnCall(one, call, vote("dana@example.com")), voteOnCall(other, call, vote("frank@example.com"))]);
		expect(world.said()).toEqual(["approval.asked", "approval.voted", "approval.voted", "call.granted"]);
		expect(new Set(world.settled().flatMap(({ data }) => ("approvedBy" in data ? data.approvedBy : [])))).toEqual(
			new Set(["dana@example.com", "frank@example.com"]),
		);
	});

	test("is approved twice by one person at once: one vote", async () => {
		const two = terms({ requirements: [{ rule: "r", anyOf: ["finance"], quorum: 2, reasonRequired: false }] });
		const { world, one, other } = await waiting({ terms: two });
		await Promise.all([voteOnCall(one, call, vote("dana@example.com")), voteOnCall(other, call, vote("dana@example.com", { via: "api" }))]);
		expect(world.said()).toEqual(["approval.asked", "approval.voted"]);
		expect(stateAt(one)).toBe("waiting");
	});

	test("is cancelled and approved at once: one of them wins", async () => {
		const { world, one, other } = await waiting();
		await Promise.all([handle(one, withdrawnEvent()), outcome(voteOnCall(other, call, vote("dana@example.com")))]);
		expect(world.settled()).toHaveLength(1);
		expect(stateAt(one)).toBe(stateAt(other));
	});

	test("expires on every replica at once, once, and no vote saves it", async () => {
		const { world, one, other } = await waiting();
		world.now = at(30);
		const voted = outcome(voteOnCall(one, call, vote("dana@example.com")));
		await Promise.all([expireCalls(one), expireCalls(other), voted]);
		expect(await voted).toBe("expired");
		expect(world.settled()).toHaveLength(1);
		expect([stateAt(one), stateAt(other)]).toEqual(["expired", "expired"]);
	});

	test("is asked about once when its hold comes to two replicas", async () => {
		const world = new World();
		const [one, other] = [await world.replica(), await world.replica()];
		const held = await world.held();
		await Promise.all([handle(one, held), handle(other, held)]);
		expect(world.said()).toEqual(["approval.asked"]);
	});
});

describe("a crash", () => {
	test("between the last vote and the grant: another replica grants", async () => {
		const { world, one, other } = await waiting();
		const { publishAfter } = one.bus;
		const dying = {
			...one,
			bus: {
				...one.bus,
				publishAfter: async (...[event, after]: Parameters<typeof publishAfter>) => {
					if (event.type === "call.granted") throw new EventsUnavailable("killed here");
					return await publishAfter(event, after);
				},
			},
		};
		await expect(voteOnCall(dying, call, vote("dana@example.com"))).rejects.toThrow(EventsUnavailable);
		expect(world.settled()).toHaveLength(0);
		expect(await expireCalls(other)).toBe(1);
		expect(stateAt(other)).toBe("granted");
	});

	test("of everything: a new replica knows what was said and decides on it", async () => {
		const two = terms({ requirements: [{ rule: "r", anyOf: ["finance"], quorum: 2, reasonRequired: false }] });
		const { world, one } = await waiting({ terms: two });
		await voteOnCall(one, call, vote("dana@example.com"));
		const reborn = await world.replica();
		expect((await voteOnCall(reborn, call, vote("frank@example.com"))).state).toBe("granted");
	});
});

describe("people who left", () => {
	test("do not count: a vote of somebody who is no member any more grants nothing", async () => {
		const two = terms({ requirements: [{ rule: "r", anyOf: ["finance"], quorum: 2, reasonRequired: false }] });
		const { world, one } = await waiting({ terms: two });
		await voteOnCall(one, call, vote("dana@example.com"));
		world.groups = groupsOf(group("finance", ["frank@example.com", "gus@example.com"]), cfo);
		expect((await voteOnCall(one, call, vote("frank@example.com"))).state).toBe("waiting");
		expect((await voteOnCall(one, call, vote("gus@example.com"))).state).toBe("granted");
		expect(world.settled()[0]?.data).toMatchObject({ approvedBy: ["frank@example.com", "gus@example.com"] });
	});
});

describe("a hold", () => {
	test("delivered long after it was settled and forgotten settles nothing twice", async () => {
		const { world, one } = await waiting();
		await voteOnCall(one, call, vote("dana@example.com"));
		one.approvals.forget(at(60));
		expect(one.approvals.get(call).state).toBe("absent");
		await handle(one, await world.held());
		world.now = at(31);
		await handle(one, await world.held());
		expect(world.said()).toEqual(["approval.asked", "approval.voted", "call.granted"]);
	});

	test("of a call that was given up before, and forgotten meanwhile, is cancelled", async () => {
		const world = new World();
		const one = await world.replica();
		await handle(one, withdrawnEvent());
		one.approvals.forget(at(60));
		await handle(one, await world.held());
		expect(world.said()).toEqual(["approval.withdrawn", "call.ended"]);
		expect(world.settled()[0]?.data).toMatchObject({ ending: "cancelled", caller: erin, digest });
	});

	test("that arrives after its own end is ended as expired", async () => {
		const world = new World();
		const one = await world.replica();
		world.now = at(31);
		await handle(one, await world.held());
		expect(world.said()).toEqual(["approval.asked", "call.ended"]);
	});
});

test("where events cannot be stored nobody is told that a vote counts, and it can be cast again", async () => {
	const { world, one } = await waiting();
	world.stream.away = true;
	await expect(voteOnCall(one, call, vote("dana@example.com"))).rejects.toThrow(EventsUnavailable);
	world.stream.away = false;
	expect((await voteOnCall(one, call, vote("dana@example.com"))).state).toBe("granted");
});
