// A call that ends while its caller waits leaves nothing of its own behind; and where it ends later, its ending is found for whoever may ask, and for nobody else.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Event } from "#libs/contracts/events.ts";
import { ledgerOf } from "#libs/contracts/subjects.ts";
import { patience } from "../../test/support/patience.ts";
import { as, Backstage, type Replica, transfer } from "./ingress.test-support.ts";

let stage: Backstage;
let one: Replica;
beforeEach(async () => {
	stage = new Backstage();
	one = await stage.replica();
});
afterEach(() => stage.close());

const json = { "content-type": "application/json" };
const calls = { url: "/v1/calls", body: { connection: "bank", function: "createTransfer", arguments: transfer } };
const proxied = { url: "/proxy/bank/transfers", body: transfer };

async function post({ url, body }: typeof calls | typeof proxied, headers: Record<string, string> = {}, replica = one) {
	const payload = JSON.stringify(body);
	return await replica.http.inject({ method: "POST", url, headers: { ...json, ...as("robin"), ...headers }, payload });
}
async function show({ data }: Event<"call.received">, replica = one, who = "robin") {
	const reply = await replica.http.inject({ url: `/v1/calls/${data.call}`, headers: as(who) });
	return reply.statusCode === 200 ? reply.json().state : reply.statusCode;
}
const kept = () => [...(stage.stream.stores.get("calls")?.entries() ?? [])];
/** How often a replica read again what it had not heard. */
const lookBacks = ({ follows }: Replica) => follows.filter((filter) => filter === ledgerOf("default").endings).length;

/** A call whose caller has gone away while it waited. */
async function leave(asked: typeof calls | typeof proxied = calls, isReady: () => boolean = () => true): Promise<Event<"call.received">> {
	const address = one.http.server.listening ? one.http.listeningOrigin : await one.http.listen({ host: "127.0.0.1", port: 0 });
	const before = stage.of("call.received").length;
	const leaving = new AbortController();
	const headers = { ...json, ...as("robin"), prefer: "wait=60" };
	const waiting = fetch(`${address}${asked.url}`, { method: "POST", headers, body: JSON.stringify(asked.body), signal: leaving.signal });
	const received = await stage.received(before);
	await vi.waitFor(() => expect(isReady()).toBe(true), patience);
	leaving.abort();
	await expect(waiting).rejects.toThrow();
	await vi.waitFor(() => expect(one.pending.size()).toBe(0), patience);
	expect(kept().map(([key]) => key)).toContain(`call.${received.data.call}`);
	return received;
}

describe("an ordinary call", () => {
	test.each<[string, typeof calls | typeof proxied, Record<string, string>]>([
		["that is waited for as long as its function may take", calls, { prefer: "wait=10" }],
		["through the proxy", proxied, {}],
	])("%s says since when nothing was said of it, and is answered from the ledger with nothing kept", async (_what, asked, headers) => {
		const before = stage.stream.messages.length;
		const waiting = post(asked, headers);
		const received = await stage.received();
		expect(received.data.since).toBe(before + 1);
		await stage.completeInLedger(received);
		expect((await waiting).statusCode).toBe(asked === calls ? 200 : 201);
		expect(kept()).toEqual([]);
	});

	test.each<[string, typeof calls | typeof proxied, Record<string, string>]>([
		["that is not waited for", calls, {}],
		["that is not waited for through the proxy", proxied, { prefer: "respond-async" }],
		["whose function may take longer than its caller waits", calls, { prefer: "wait=9" }],
		["with an idempotency key", calls, { prefer: "wait=30", "idempotency-key": "k" }],
	])("is none %s", async (_what, asked, headers) => {
		const waiting = post(asked, headers);
		const received = await stage.received();
		expect(received.data).not.toHaveProperty("since");
		await stage.complete(received);
		await waiting;
	});

	test("is none with a key, which is kept: it can be asked about at every replica, also at one that started after it was answered", async () => {
		const waiting = post(calls, { prefer: "wait=30", "idempotency-key": "k" });
		const received = await stage.received();
		await stage.complete(received);
		await waiting;
		expect(await show(received, await stage.replica())).toBe("completed");
	});

	test("begins no further back than the endings that its replica has heard", async () => {
		const waiting = post(calls, { prefer: "wait=30" });
		await stage.completeInLedger(await stage.received());
		await waiting;
		const heard = stage.stream.messages.length;
		const next = post(calls, { prefer: "wait=30" });
		const received = await stage.received(1);
		expect(received.data.since).toBe(heard + 1);
		await stage.completeInLedger(received);
		await next;
	});

	test("that was answered can be asked about where its ending was heard", async () => {
		const two = await stage.replica();
		const waiting = post(calls, { prefer: "wait=30" });
		const received = await stage.received();
		await stage.completeInLedger(received);
		await waiting;
		const later = await stage.replica();
		expect(await Promise.all([one, two, later].map((replica) => show(received, replica)))).toEqual(["completed", "completed", 404]);
		expect(await show(received, two, "mallory")).toBe(404);
		expect([one, two, later].map(lookBacks)).toEqual([0, 0, 0]);
	});
});

describe("an ordinary call that outlasts the wait", () => {
	test("is found at every replica, also at one that started later, which reads once what it has not heard", async () => {
		const two = await stage.replica();
		const received = await leave();
		expect(await show(received)).toBe("received");
		await stage.completeInLedger(received);
		const later = await stage.replica();
		for (const replica of [one, two, later, later]) expect(await show(received, replica)).toBe("completed");
		expect([one, two, later].map(lookBacks)).toEqual([0, 0, 1]);
	});

	test("is read once by a replica that started later, however often it is asked, and then heard of", async () => {
		const received = await leave();
		await stage.completeInLedger(await leave());
		const later = await stage.replica();
		for (let time = 0; time < 3; time++) expect(await show(received, later)).toBe("received");
		await stage.completeInLedger(received);
		expect(await show(received, later)).toBe("completed");
		expect(lookBacks(later)).toBe(1);
	});

	test("and that people are asked about has subjects of its own, and nothing is read again for it", async () => {
		const received = await leave();
		await stage.ask(received);
		const later = await stage.replica();
		expect(await show(received, later)).toBe("held");
		await stage.start(received);
		expect(await show(received, later)).toBe("started");
		await stage.complete(received);
		expect(await show(received, later)).toBe("completed");
		expect(lookBacks(later)).toBe(0);
	});

	test("is denied as any other", async () => {
		const received = await leave();
		await stage.deny(received);
		expect(await show(received, await stage.replica())).toBe("denied");
	});

	test("comes too late to be cancelled once it has ended", async () => {
		const received = await leave();
		await stage.completeInLedger(received);
		const { http } = await stage.replica();
		const reply = await http.inject({ method: "DELETE", url: `/v1/calls/${received.data.call}`, headers: as("robin") });
		expect(reply.json()).toMatchObject({ code: "already_settled", detail: "the call is completed" });
		expect(stage.of("call.withdrawn")).toEqual([]);
	});

	test("has the ending that its own pool says, and none before, at every replica", async () => {
		const received = await leave();
		await stage.forge(received, "ledger");
		const later = await stage.replica();
		for (const replica of [one, later]) expect(await show(received, replica)).toBe("received");
		await stage.completeInLedger(received);
		await stage.forge(received, "ledger");
		for (const replica of [one, later, await stage.replica()]) expect(await show(received, replica)).toBe("completed");
	});

	test("is its caller's: nobody else makes a replica read anything", async () => {
		const received = await leave();
		await stage.completeInLedger(await leave());
		const later = await stage.replica();
		const follows = later.follows.length;
		const { call } = received.data;
		for (const id of [call, `${call.slice(0, 13)}-7000-8000-000000000001`, "01890000-0000-7000-8000-000000000001"]) {
			for (const url of [`/v1/calls/${id}`, `/v1/calls/${id}/events`]) {
				const who = id === call ? "mallory" : "robin";
				expect((await later.http.inject({ url, headers: as(who) })).statusCode).toBe(404);
			}
		}
		expect(later.follows.length).toBe(follows);
		expect(await show(received, later)).toBe("received");
		expect(later.follows.length).toBe(follows + 1);
	});
});

describe("the steps of an ordinary call", () => {
	const watch = async ({ data }: Event<"call.received">, replica: Replica) => {
		const reply = await replica.http.inject({ url: `/v1/calls/${data.call}/events`, headers: as("robin") });
		return [...reply.body.matchAll(/^event: (.*)\ndata: (.*)$/gm)].map(([, type, text]) => [type, JSON.parse(text ?? "").ending]);
	};
	const steps = [
		["call.received", undefined],
		["call.ended", "completed"],
	];

	test("end with its ending, whenever it comes, and whatever another pool says", async () => {
		const received = await leave();
		await stage.forge(received, "ledger");
		const later = await stage.replica();
		const watching = [one, later].map((replica) => watch(received, replica));
		await vi.waitFor(() => expect(one.pending.size() + later.pending.size()).toBe(2), patience);
		await stage.completeInLedger(received);
		for (const seen of await Promise.all(watching)) expect(seen).toEqual(steps);
		for (const replica of [one, later, await stage.replica()]) expect(await watch(received, replica)).toEqual(steps);
		await vi.waitFor(() => expect(one.pending.size() + later.pending.size()).toBe(0), patience);
	});

	test("of one that was answered are told where its ending was heard", async () => {
		const waiting = post(calls, { prefer: "wait=30" });
		const received = await stage.received();
		await stage.completeInLedger(received);
		await waiting;
		expect(await watch(received, one)).toEqual(steps);
	});

	test("of one that people are asked about are those of any other", async () => {
		const received = await leave();
		const watching = watch(received, one);
		await stage.ask(received);
		await stage.start(received);
		await stage.complete(received);
		expect((await watching).map(([type]) => type)).toEqual(["call.received", "approval.asked", "call.started", "call.ended"]);
	});
});

describe("an equal request through the proxy", () => {
	const isOffered = () => kept().some(([key]) => key.startsWith("same."));

	test("attaches to an ordinary call that waits, at any replica", async () => {
		const first = post(proxied);
		const received = await stage.received();
		await vi.waitFor(() => expect(isOffered()).toBe(true), patience);
		// Should its replica die now, whoever attaches knows where to look.
		expect(kept().map(([key]) => key)).toContain(`call.${received.data.call}`);
		const two = await stage.replica();
		const second = post(proxied, {}, two);
		await vi.waitFor(() => expect(two.pending.size()).toBe(1), patience);
		await stage.completeInLedger(received);
		for (const reply of [await first, await second]) expect(reply.headers["callgate-call"]).toBe(received.data.call);
		expect(stage.of("call.received")).toHaveLength(1);
	});

	test("finds the ending of one whose caller has gone, at a replica that started later, once", async () => {
		const received = await leave(proxied, isOffered);
		await stage.completeInLedger(received);
		const later = await stage.replica();
		const reply = await post(proxied, {}, later);
		expect({ status: reply.statusCode, call: reply.headers["callgate-call"] }).toEqual({ status: 201, call: received.data.call });
		const next = post(proxied, {}, later);
		await stage.completeInLedger(await stage.received(1));
		expect((await next).headers["callgate-call"]).not.toBe(received.data.call);
	});

	test("that lost patience itself leaves the call as findable as it was", async () => {
		const received = await leave(proxied, isOffered);
		const later = await stage.replica();
		expect((await post(proxied, { prefer: "wait=1" }, later)).statusCode).toBe(202);
		await stage.completeInLedger(received);
		expect(await show(received, await stage.replica())).toBe("completed");
	});
});
