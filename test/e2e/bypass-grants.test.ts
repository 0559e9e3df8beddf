// What a stolen service can say in its own name makes no call run that policy and people did not let: forged grants, calls and endings.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Link } from "#libs/bus/nats-link.ts";
import { encodeEvents, newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent, Event } from "#libs/contracts/events.ts";
import { type GrantTerms, signGrant, signHold } from "#libs/contracts/grant.ts";
import { subjectOf } from "#libs/contracts/subjects.ts";
import { readSigningKey } from "#libs/service/service-keys.ts";
import { eventsOf, linkAs } from "../support/nats.ts";
import { askedInSlack, vote } from "../support/slack.ts";
import {
	accepted,
	ending,
	eventually,
	expectProblem,
	newReference,
	readKey,
	show,
	stack,
	submit,
	transfer,
	transfersNamed,
} from "../support/stack.ts";

const thieves = {} as Record<"ingress" | "approval", Link>;
beforeAll(async () => {
	for (const service of ["ingress", "approval"] as const) thieves[service] = await linkAs(service);
});
afterAll(async () => {
	for (const link of Object.values(thieves)) await link.close();
});

/** Says something as the owner of a stolen key. A conditional write carries no condition: a thief has none to keep. */
async function sayAs(service: keyof typeof thieves, event: CallgateEvent): Promise<boolean> {
	return (await thieves[service].request(subjectOf(event), encodeEvents([event]), 5_000)).ok;
}

const signingKey = (file: string) => readSigningKey(readKey(`${stack.dataDir}/keys/${file}`));

/** A call that waits for people, as policy's hold tells it. */
async function heldCall(what: string) {
	const reference = newReference(what);
	const call = await accepted("ci", transfer(5_000, { reference }));
	await askedInSlack(call);
	const held = (await eventsOf(call)).find(({ type }) => type === "call.held") as Event<"call.held">;
	return { reference, call, held };
}

describe("a forged grant runs nothing: the call ends failed and the bank saw nothing", () => {
	const inAnHour = () => new Date(Date.now() + 3_600_000);
	type Granted = Event<"call.granted">["data"];

	/** Publishes a grant in approval's name, as its thief, who has its signing key too. */
	async function grantAs(
		held: Event<"call.held">,
		terms: Partial<GrantTerms>,
		changes: Partial<Granted> = {},
		signedFor = held.data,
	): Promise<void> {
		const { call, connection, function: name, pool, digest, revision, caller, receivedAt, sealed, rules, reasons } = held.data;
		const expiresAt = terms.expiresAt ?? inAnHour();
		const grant = signGrant("approval", signingKey("approval-signing.jwk"), signedFor, {
			grantId: randomUUID(),
			...terms,
			expiresAt,
		});
		const data = {
			call,
			connection,
			function: name,
			pool,
			digest,
			revision,
			caller,
			receivedAt,
			sealed,
			rules,
			reasons,
			expiresAt: expiresAt.toISOString(),
			grant,
			...changes,
		};
		expect(await sayAs("approval", newEvent("approval", "call.granted", data, { at: new Date() }))).toBe(true);
	}

	async function expectNotRun(call: string, reference: string): Promise<void> {
		const { body } = await ending("ci", call);
		expect(body.state).toBe("failed");
		expect(body.problem.code).toBe("grant_refused");
		expect(await transfersNamed(reference)).toEqual([]);
	}

	test("one that is right in every way runs: what is refused below is refused for its one fault", async () => {
		const { reference, call, held } = await heldCall("thief approves");
		await grantAs(held, { hold: held.data.hold, approvedBy: ["dana@example.com"] });
		expect((await ending("ci", call)).body.state).toBe("completed");
		expect(await transfersNamed(reference)).toHaveLength(1);
	});

	test("without policy's hold", async () => {
		const { reference, call, held } = await heldCall("no hold");
		await grantAs(held, {});
		await expectNotRun(call, reference);
	});

	test("with the hold of another call", async () => {
		const other = await heldCall("other hold");
		const { reference, call, held } = await heldCall("borrowed hold");
		await grantAs(held, { hold: other.held.data.hold, approvedBy: ["dana@example.com"] });
		await expectNotRun(call, reference);
		await vote("dana", other.call, { verdict: "reject", reason: "only a test" });
	});

	test("with a hold that approval signed itself", async () => {
		const { reference, call, held } = await heldCall("own hold");
		const requirement = { rule: "r", anyOf: ["finance"], quorum: 1, reasonRequired: false };
		const hold = signHold(signingKey("approval-signing.jwk"), held.data, [requirement], inAnHour());
		await grantAs(held, { hold, approvedBy: ["dana@example.com"] });
		await expectNotRun(call, reference);
	});

	test("with fewer people than the hold demands", async () => {
		const { reference, call, held } = await heldCall("nobody");
		await grantAs(held, { hold: held.data.hold, approvedBy: [] });
		await expectNotRun(call, reference);
	});

	test("one whose time is over", async () => {
		const { reference, call, held } = await heldCall("late grant");
		await grantAs(held, { hold: held.data.hold, approvedBy: ["dana@example.com"], expiresAt: new Date(Date.now() - 60_000) });
		await expectNotRun(call, reference);
	});

	test("with another digest, other sealed arguments, another function", async () => {
		const other = await heldCall("other arguments");
		const good = (held: Event<"call.held">) => ({ hold: held.data.hold, approvedBy: ["dana@example.com"] });
		const changed: ((held: Event<"call.held">) => Partial<Granted>)[] = [
			() => ({ digest: `sha256:${"1".repeat(64)}` }),
			() => ({ sealed: other.held.data.sealed }),
			(held) => ({ sealed: held.data.sealed.replace(/.(?=.{40}$)/, (char) => (char === "A" ? "B" : "A")) }),
			() => ({ sealed: "no seal" }),
			() => ({ function: "getAccount" }),
			() => ({ caller: { issuer: "https://x.example", subject: "someone else", groups: [] } }),
		];
		for (const change of changed) {
			const { reference, call, held } = await heldCall("changed");
			await grantAs(held, good(held), change(held));
			await expectNotRun(call, reference);
		}
		await vote("dana", other.call, { verdict: "reject", reason: "only a test" });
	});

	test("a grant that was used is used up", async () => {
		const { reference, call } = await heldCall("used grant");
		await vote("dana", call, { verdict: "approve" });
		await ending("ci", call);
		const granted = (await eventsOf(call)).find(({ type }) => type === "call.granted") as Event<"call.granted">;
		for (let nth = 0; nth < 5; nth++) await sayAs("approval", granted);
		// An executor has looked at all of them when it has ended a call that was granted later.
		expect((await submit("ci", transfer(5))).status).toBe(200);
		expect(await transfersNamed(reference)).toHaveLength(1);
		expect((await eventsOf(call)).filter(({ type }) => type === "call.ended")).toHaveLength(1);
	});
});

describe("a forged call or ending", () => {
	test("a call whose arguments are another's, or were changed, is not decided", async () => {
		const source = await accepted("ci", transfer(10));
		await ending("ci", source);
		const received = (await eventsOf(source)).find(({ type }) => type === "call.received") as Event<"call.received">;
		const asked = await heldCall("to be copied");
		const copy = (await eventsOf(asked.call)).find(({ type }) => type === "call.received") as Event<"call.received">;
		const call = source.replace(/.{12}$/, randomUUID().slice(-12));
		const changes: Partial<Event<"call.received">["data"]>[] = [
			{},
			{ sealed: copy.data.sealed },
			{ digest: copy.data.digest },
			{ sealed: "none" },
		];
		for (const change of changes) {
			const id = call.replace(/.{12}$/, randomUUID().slice(-12));
			const forged = newEvent("ingress", "call.received", { ...received.data, ...change, call: id }, { at: new Date() });
			expect(await sayAs("ingress", forged)).toBe(true);
			const ended = await eventually(async () => (await eventsOf(id)).find(({ type }) => type === "call.ended"));
			expect(ended.data).toMatchObject({ ending: "failed", code: "internal" });
			expect((await eventsOf(id)).map(({ type }) => type)).not.toContain("call.granted");
		}
		await vote("dana", asked.call, { verdict: "reject", reason: "only a test" });
	});

	test("an ending that approval made up shows its caller no result", async () => {
		const { reference, call, held } = await heldCall("made up");
		const { connection, function: name, pool, digest, revision, caller, sealed } = held.data;
		const data = {
			call,
			connection,
			function: name,
			pool,
			digest,
			revision,
			caller,
			rules: [],
			reasons: [],
			ending: "completed" as const,
			status: 201,
			sealed,
		};
		expect(await sayAs("approval", newEvent("approval", "call.ended", data, { at: new Date() }))).toBe(true);
		expectProblem(
			await eventually(async () => {
				const shown = await show("ci", call);
				return shown.body.state === "held" ? undefined : shown;
			}),
			"internal",
		);
		expect(await transfersNamed(reference)).toEqual([]);
	});
});
