// Through the death of every process and the absence of every server: each accepted call ends once, none runs twice, and what was pending goes on.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { services } from "#libs/contracts/define-event.ts";
import { type Lab, labCall, startLab } from "../support/lab.ts";
import { storedMessages } from "../support/nats.ts";
import { allDocuments, everythingIndexed } from "../support/search-stored.ts";
import { askedInSlack, click, vote } from "../support/slack.ts";
import {
	type Answer,
	accepted,
	anyIngress,
	ask,
	disturb,
	ending,
	eventually,
	expectProblem,
	newReference,
	secondReplica,
	show,
	stack,
	submit,
	transfer,
	transfersNamed,
} from "../support/stack.ts";
import { createClient } from "../support/valkey.ts";

let lab: Lab;
let expiring: { call: string; reference: string };
beforeAll(async () => {
	lab = await startLab();
	// A minute is the least that a policy may give people; it passes while everything here is broken.
	const reference = newReference("expires soon");
	expiring = { reference, call: await accepted("ci", transfer(100, { reference })) };
});
afterAll(() => lab?.stop());

const lastPosition = async () => (await storedMessages()).at(-1)?.position ?? 0;
const tagged = (what: string) => newReference(what).replaceAll(" ", "-");

/** What a caller does that wants an answer: asks again, with the same key and at the other replica, as long as it gets none. */
async function insist(call: object, key: string): Promise<Answer> {
	let nth = 0;
	return await eventually(async () => {
		const answer = await submit("ci", call, { headers: { "idempotency-key": key }, at: anyIngress(nth++), wait: 60 }).catch(
			() => undefined,
		);
		return answer === undefined || answer.status === 503 || answer.status === 202 ? undefined : answer;
	});
}

/** Callers that go on until they are told to stop. Each call has a tag of its own. */
function callersAtWork(prefix: string, atOnce: number) {
	let working = true;
	const answers = new Map<string, Answer>();
	const caller = async (nth: number) => {
		for (let count = 0; working; count++) {
			const tag = `${prefix}-${nth}-${count}`;
			answers.set(tag, await insist(labCall("work", tag), tag));
		}
	};
	const all = Promise.all(Array.from({ length: atOnce }, (_, nth) => caller(nth)));
	return {
		answers,
		stop: async () => {
			working = false;
			await all;
		},
	};
}

/** Reads the stream until each call that was received after `position` has an ending; then it must have exactly one. */
async function expectOneEndingEach(position: number): Promise<void> {
	const endings = await eventually(async () => {
		const events = (await storedMessages(position + 1)).flatMap((message) => message.events);
		const received = new Set<string>(events.filter(({ type }) => type === "call.received").map(({ subject }) => subject));
		const ended = events
			.filter(({ type, subject }) => type === "call.ended" && received.has(subject))
			.map(({ subject }) => subject as string);
		return received.size > 0 && [...received].every((call) => ended.includes(call)) ? ended : undefined;
	}, 500);
	expect(endings.length).toBe(new Set(endings).size);
}

/** Each tag reached the function at most once; where its caller got an answer of the function's, exactly once. */
function expectNoneTwice(answers: ReadonlyMap<string, Answer>): void {
	const times = Map.groupBy(lab.seen, ({ tag }) => tag);
	for (const [tag, answer] of answers) {
		const count = times.get(tag)?.length ?? 0;
		expect(count, tag).toBeLessThanOrEqual(1);
		if (answer.status === 200) expect(count, tag).toBe(1);
	}
}

async function ready(service: (typeof services)[number], replica: number): Promise<void> {
	const url = new URL(stack.urls[service]);
	url.port = String(Number(url.port) + 20 * replica);
	await eventually(async () => ((await fetch(`${url.origin}/readyz`).catch(() => undefined))?.ok ? true : undefined));
}

describe("kill -9", () => {
	test("of every process once, while calls are in flight and others wait for people", async () => {
		const position = await lastPosition();
		const held = await Promise.all([0, 1, 2].map(async () => await accepted("ci", labCall("guarded", tagged("guarded")))));
		await Promise.all(held.map((call) => askedInSlack(call)));
		const prefix = tagged("kill");
		const callers = callersAtWork(prefix, 4);
		await eventually(() => (callers.answers.size > 4 ? true : undefined));
		const stuck: { tag: string; repeatable: boolean; answer: Promise<Answer> }[] = [];
		for (const replica of [0, 1]) {
			// In flight for certain: the function has them and does not answer.
			const name = `${prefix}-stuck-${replica}`;
			const gate = lab.hold(name);
			for (let nth = 0; nth < 4; nth++) {
				const [tag, repeatable] = [`${name}-${nth}`, nth % 2 === 1];
				stuck.push({ tag, repeatable, answer: insist(labCall(repeatable ? "repeatable" : "work", tag), tag) });
			}
			await eventually(() => (stuck.every(({ tag }) => lab.seen.some((one) => one.tag === tag)) ? true : undefined));
			await Promise.all(services.map((service) => disturb("kill", `${service}/${replica}`)));
			gate.release();
			await Promise.all(services.map((service) => ready(service, replica)));
		}
		// What waits for people is decided at once, whatever died; who died with a call in hand is waited for until its lease is over.
		for (const call of held) expect((await vote("dana", call, { verdict: "approve" })).status).toBe(200);
		for (const call of held) expect((await ending("ci", call)).body.state).toBe("completed");
		for (const { tag, repeatable, answer } of stuck) {
			const { status, text } = await answer;
			const requests = lab.seen.filter((one) => one.tag === tag);
			// Whether its executor died or another's: never a silent retry, but for what may be repeated, and that under one key.
			expect([200, 502, 504], text).toContain(status);
			if (repeatable) expect(new Set(requests.map(({ headers }) => headers["idempotency-key"]))).toEqual(new Set([tag]));
			else expect(requests).toHaveLength(1);
		}
		await callers.stop();
		expectNoneTwice(callers.answers);
		expect([...callers.answers.values()].filter(({ status }) => status === 200).length).toBeGreaterThan(4);
		await expectOneEndingEach(position);
	}, 180_000);
});

describe("NATS", () => {
	test("killed under load: who cannot be recorded is refused, nothing runs twice, and it goes on", async () => {
		const held = await accepted("ci", labCall("guarded", tagged("guarded")));
		await askedInSlack(held);
		const callers = callersAtWork(tagged("nats"), 3);
		await eventually(() => (callers.answers.size > 3 ? true : undefined));
		await disturb("kill", "nats");
		const reference = newReference("without events");
		expectProblem(await submit("ci", transfer(10, { reference })), "events_unavailable");
		expectProblem(await vote("dana", held, { verdict: "approve" }), "events_unavailable");
		await disturb("restart", "nats");
		const before = callers.answers.size;
		await eventually(() => (callers.answers.size > before + 6 ? true : undefined));
		await callers.stop();
		expectNoneTwice(callers.answers);
		expect(await transfersNamed(reference)).toEqual([]);
		const voted = await eventually(async () => {
			const answer = await vote("frank", held, { verdict: "approve" });
			return answer.status === 503 ? undefined : answer;
		});
		expect([200, 409]).toContain(voted.status);
		expect((await ending("ci", held)).body.state).toBe("completed");
	});
});

describe("Valkey", () => {
	test("emptied and killed while a call waits for people: still decidable, by a click on the message that is there", async () => {
		const call = await accepted("ci", labCall("guarded", tagged("flushed")));
		await askedInSlack(call);
		const valkey = await createClient();
		expect(await valkey.dbsize()).toBeGreaterThan(0);
		await valkey.flushall();
		await valkey.quit();
		await disturb("kill", "valkey");
		const meanwhile = await accepted("ci", labCall("guarded", tagged("meanwhile")));
		const later = await accepted("ci", labCall("guarded", tagged("later")));
		await eventually(async () => ((await show("ci", meanwhile)).body.state === "held" ? true : undefined));
		expect((await vote("dana", meanwhile, { verdict: "approve" }, secondReplica("approval"))).status).toBe(200);
		expect((await ending("ci", meanwhile)).body.state).toBe("completed");
		await disturb("restart", "valkey");
		await click("dana", "approve", call);
		expect((await ending("ci", call)).body.state).toBe("completed");
		// Its message could not be sent while Valkey was away, and comes now.
		await click("frank", "approve", later);
		expect((await ending("ci", later)).body.state).toBe("completed");
	});
});

describe("OpenSearch", () => {
	test("away while calls go on: everything is indexed later, once", async () => {
		await disturb("kill", "openSearch");
		const calls: string[] = [];
		try {
			for (let nth = 0; nth < 10; nth++) calls.push((await submit("ci", transfer(10), { at: anyIngress(nth) })).body.call);
			expectProblem(await ask(`${stack.urls.audit}/v1/audit/calls/${calls[0]}`, { as: "alice" }), "not_ready");
		} finally {
			await disturb("restart", "openSearch");
		}
		const said = (await storedMessages()).flatMap(({ events }) => events).filter(({ subject }) => calls.includes(subject));
		expect(said.filter(({ type }) => type === "call.ended")).toHaveLength(10);
		await everythingIndexed();
		const indexed = (await allDocuments()).map(({ _id }) => _id).filter((id) => calls.some((call) => id.startsWith(call)));
		expect(indexed.sort()).toEqual(said.map(({ id }) => id).sort());
	});
});

test("a held call expires in all of that, once, and cannot be approved any more", async () => {
	const { body } = await ending("ci", expiring.call);
	expect(body).toMatchObject({ state: "expired", problem: { code: "expired", status: 403, rules: ["held-for-a-moment"] } });
	expectProblem(await vote("dana", expiring.call, { verdict: "approve" }), "already_settled");
	expect(await transfersNamed(expiring.reference)).toEqual([]);
});
