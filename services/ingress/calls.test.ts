// The API of calls, request by request: what comes in, what is published, what a caller may see, and what nobody else may.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createMemoryBus } from "#libs/bus/bus-memory.ts";
import { SealBroken } from "#libs/contracts/sealed.ts";
import { patience } from "../../test/support/patience.ts";
import { cancelCall } from "./cancel-call.ts";
import { as, Backstage, callers, configuration, inForce, nextConfiguration, type Replica, transfer } from "./ingress.test-support.ts";
import { retryAfterSeconds } from "./waits-for.ts";

let stage: Backstage;
let one: Replica;
beforeEach(async () => {
	stage = new Backstage();
	one = await stage.replica();
});
afterEach(() => stage.close());

const json = { "content-type": "application/json" };
const asked = { connection: "bank", function: "createTransfer", arguments: transfer };

async function post(body: unknown, headers: Record<string, string> = {}, replica = one) {
	const payload = typeof body === "string" ? body : JSON.stringify(body);
	return await replica.http.inject({ method: "POST", url: "/v1/calls", headers: { ...json, ...as("robin"), ...headers }, payload });
}
const get = (url: string, who = "robin", replica = one) => replica.http.inject({ url, headers: as(who) });

describe("a submitted call", () => {
	test("is answered with its address, durable before anyone learns it, and everything sensitive in it is sealed or masked", async () => {
		const reply = await post({ ...asked, arguments: { ...transfer, reference: "card 4111111111111111" }, reason: "mail dana@example.com" });
		expect(reply.statusCode).toBe(202);
		const { call } = reply.json();
		expect(reply.headers).toMatchObject({ location: `/v1/calls/${call}`, "callgate-call": call });
		const { data } = await stage.received();
		expect(data).toMatchObject({
			call,
			connection: "bank",
			function: "createTransfer",
			pool: "default",
			via: "calls",
			caller: callers.robin,
		});
		expect(JSON.stringify(stage.stream.events())).not.toMatch(/4111111111111111|dana@example/);
		expect(data.findings.map(({ detector }) => detector)).toContain("card");
		expect((await get(`/v1/calls/${call}`)).json()).toMatchObject({ call, state: "received", connection: "bank" });
	});

	test("is answered with the function's answer where the caller waits, with every digit as it was", async () => {
		const waiting = post(asked, { prefer: "wait=30" });
		await stage.complete(await stage.received(), { body: { text: '{"id": 12345678901234567890.10}' } });
		const reply = await waiting;
		expect(reply.statusCode).toBe(200);
		expect(reply.headers["preference-applied"]).toBe("wait=30");
		expect(reply.body).toContain('"body":{"id": 12345678901234567890.10}');
		expect(reply.json()).toMatchObject({ state: "completed", result: { status: 201 } });
	});

	test.each([
		["after a byte order mark", { text: '\uFEFF{"id": 1.50}' }],
		["in base64", { base64: Buffer.from('{"id": 1.50}').toString("base64") }],
	])("is answered with the function's JSON as JSON, also %s; fields of one name are one list", async (_how, body) => {
		const waiting = post(asked, { prefer: "wait=30" });
		const headers: [string, string][] = [
			["content-type", "application/json"],
			["link", "</a>"],
			["link", "</b>"],
		];
		await stage.complete(await stage.received(), { headers, body });
		const reply = await waiting;
		expect(reply.body).toContain('"body":{"id": 1.50}');
		expect(reply.json().result.headers).toEqual({ "content-type": "application/json", link: "</a>, </b>" });
	});

	test("is dated by the clock as it is, however far ahead it was before", async () => {
		let now = new Date("2026-01-01T13:00:00.000Z");
		const replica = await stage.replica({ clock: { now: () => now } });
		await post(asked, {}, replica);
		now = new Date("2026-01-01T12:00:00.000Z");
		await post(asked, {}, replica);
		expect((await stage.received(0)).data.receivedAt).toBe("2026-01-01T13:00:00.000Z");
		expect((await stage.received(1)).data.receivedAt).toBe("2026-01-01T12:00:00.000Z");
	});

	test("of a caller that waits for a person is answered with its address when the replica stops; one about to end, with its ending", async () => {
		const held = post(asked, { prefer: "wait=30" });
		const proxied = one.http.inject({
			method: "POST",
			url: "/proxy/bank/transfers",
			headers: { ...json, ...as("robin") },
			payload: JSON.stringify(transfer),
		});
		const [first, second] = [await stage.received(0), await stage.received(1)];
		await stage.ask(first);
		await stage.ask(second);
		const quick = post(asked, { prefer: "wait=30" });
		const third = await stage.received(2);
		vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
		try {
			const closed = one.http.close();
			await stage.complete(third);
			expect((await quick).statusCode).toBe(200);
			await vi.advanceTimersByTimeAsync(3_000);
			for (const reply of [await held, await proxied]) {
				expect(reply.statusCode).toBe(202);
				expect(reply.json()).toMatchObject({ state: "held", location: reply.headers.location });
			}
			await closed;
		} finally {
			vi.useRealTimers();
		}
		expect(one.pending.size()).toBe(0);
	});

	test("that is denied is a problem with rules and reasons", async () => {
		const waiting = post(asked, { prefer: "wait=30" });
		await stage.deny(await stage.received());
		const reply = await waiting;
		expect(reply.statusCode).toBe(403);
		expect(reply.headers["content-type"]).toContain("application/problem+json");
		expect(reply.json()).toMatchObject({
			code: "denied",
			detail: "not permitted",
			rules: ["never"],
			reasons: [{ code: "rule_denied", rule: "never" }],
		});
	});

	test("that takes longer than its caller waits is answered with its address and where it stands", async () => {
		const waiting = post(asked, { prefer: "wait=1" });
		const received = await stage.received();
		await stage.ask(received);
		const reply = await waiting;
		expect(reply.statusCode).toBe(202);
		expect(reply.json()).toMatchObject({ call: received.data.call, state: "held", location: `/v1/calls/${received.data.call}` });
		await stage.start(received);
		expect((await get(`/v1/calls/${received.data.call}`)).json().state).toBe("started");
		await stage.complete(received);
		expect((await get(`/v1/calls/${received.data.call}`)).json()).toMatchObject({ state: "completed", result: { body: { id: "t1" } } });
	});

	test("that waits for people tells for whom, with how many votes and until when, and when it is worth to ask again", async () => {
		const expiresAt = new Date(Date.now() + 1_800_000).toISOString();
		const requirements = [
			{ rule: "large", anyOf: ["finance"], quorum: 2, reasonRequired: false },
			{ rule: "abroad", anyOf: ["legal"], quorum: 1, reasonRequired: false },
		];
		const escalations = [{ at: expiresAt, to: ["cfo"], rule: "large" }];
		const waiting = post(asked, { prefer: "wait=1" });
		const received = await stage.received();
		await stage.ask(received, { requirements, escalations, expiresAt });
		await stage.approvalSays(received, "approve");
		const reply = await waiting;
		const abroad = { rule: "abroad", groups: ["legal"], quorum: 1, votes: 0 };
		const large = { rule: "large", groups: ["finance"], quorum: 2, votes: 1 };
		expect(reply.statusCode).toBe(202);
		expect(reply.json()).toMatchObject({ state: "held", waitsFor: { requirements: [large, abroad], expiresAt } });
		expect(reply.headers["retry-after"]).toBe("60");
		await stage.approvalSays(received, "escalated");
		const shown = await get(`/v1/calls/${received.data.call}`);
		expect(shown.json().waitsFor).toEqual({ requirements: [{ ...large, groups: ["finance", "cfo"] }, abroad], expiresAt });
		expect(shown.headers["retry-after"]).toBe("60");
		expect(shown.body).not.toContain("dana@example.com");
		expect((await get(`/v1/calls/${received.data.call}`, "mallory")).statusCode).toBe(404);
	});

	test.each([
		[-5, 1],
		[0, 1],
		[1, 2],
		[30, 2],
		[200, 10],
		[86_400, 60],
	])("whose deadline is in %i seconds is worth asking about in %i", (left, seconds) => {
		const now = new Date("2026-01-01T12:00:00.000Z");
		expect(retryAfterSeconds({ requirements: [], expiresAt: new Date(now.getTime() + left * 1_000).toISOString() }, now)).toBe(seconds);
	});

	test("is answered by the replica that holds its caller, whoever else runs", async () => {
		const two = await stage.replica();
		const waiting = post(asked, { prefer: "wait=30" }, two);
		await stage.complete(await stage.received());
		expect((await waiting).statusCode).toBe(200);
		expect([one.pending.size(), two.pending.size()]).toEqual([0, 0]);
	});

	test("whose result was tampered with is an error of ours that shows nothing", async () => {
		const waiting = post(asked, { prefer: "wait=30" });
		const received = await stage.received();
		await stage.complete({ ...received, data: { ...received.data } }, { body: { text: "secret" } });
		await waiting;
		const ended = stage.stream.messages.at(-1);
		if (!ended) throw new Error("nothing ended");
		const text = new TextDecoder().decode(ended.bytes);
		stage.stream.messages[stage.stream.messages.length - 1] = {
			...ended,
			bytes: new TextEncoder().encode(text.replace(/"sealed":"\w{8}/, '"sealed":"AAAAAAAA')),
		};
		const reply = await get(`/v1/calls/${received.data.call}`);
		expect(reply.statusCode).toBe(500);
		expect(reply.body).not.toContain("secret");
		expect(reply.body).not.toContain(SealBroken.name);
	});
});

describe("nothing is published", () => {
	test.each<[string, unknown, number, string]>([
		["a connection that is none", { ...asked, connection: "bonk" }, 404, "function_unknown"],
		["a function that is none", { ...asked, function: "printMoney" }, 404, "function_unknown"],
		["a function that every object has", { ...asked, function: "constructor" }, 404, "function_unknown"],
		["an argument that is missing", { ...asked, arguments: { ...transfer, to: undefined } }, 422, "invalid_arguments"],
		["an argument that is unknown", { ...asked, arguments: { ...transfer, more: 1 } }, 422, "invalid_arguments"],
		["an argument of another type", { ...asked, arguments: { ...transfer, amount: "10" } }, 422, "invalid_arguments"],
		["arguments that are a list", { ...asked, arguments: [] }, 400, "malformed_request"],
		["arguments that are null", { ...asked, arguments: null }, 400, "malformed_request"],
		["a member that is unknown", { ...asked, more: 1 }, 400, "malformed_request"],
		["a reason that is too long", { ...asked, reason: "x".repeat(1_025) }, 400, "malformed_request"],
		["no arguments", { connection: "bank", function: "createTransfer" }, 400, "malformed_request"],
		["a list", [], 400, "malformed_request"],
		["text that is no JSON", "{", 400, "malformed_request"],
		["nothing", "", 400, "malformed_request"],
		[
			"a member named twice",
			'{"connection":"bank","connection":"bank","function":"createTransfer","arguments":{}}',
			400,
			"malformed_request",
		],
		[
			"an amount that loses its digits",
			JSON.stringify(asked).replace('"amount":10', '"amount":10.00000000000000000001'),
			400,
			"malformed_request",
		],
		["a body that is too large", { ...asked, reason: "x".repeat(70_000) }, 413, "body_too_large"],
	])("of %s", async (_what, body, status, code) => {
		const reply = await post(body);
		expect({ status: reply.statusCode, code: reply.json().code }).toEqual({ status, code });
		expect(reply.headers["content-type"]).toContain("application/problem+json");
		expect(stage.stream.messages).toEqual([]);
	});

	test("of another type than JSON", async () => {
		const reply = await post(JSON.stringify(asked), { "content-type": "text/plain" });
		expect({ status: reply.statusCode, code: reply.json().code }).toEqual({ status: 415, code: "unsupported_media_type" });
	});

	test("for strangers, and nothing of what they send is read", async () => {
		for (const body of ["{", JSON.stringify(asked), "x".repeat(70_000)]) {
			const reply = await post(body, as("nobody"));
			expect(reply.statusCode).toBe(401);
			expect(reply.headers["www-authenticate"]).toBe('Bearer realm="callgate"');
		}
		for (const url of ["/v1/functions", "/v1/calls/01890000-0000-7000-8000-000000000001", "/proxy/bank/accounts/acc-1", "/proxy/none/x"]) {
			expect((await get(url, "nobody")).statusCode, url).toBe(401);
		}
	});

	test("while events cannot be stored: 503, and when to come again", async () => {
		stage.stream.away = true;
		for (const prefer of ["wait=5", "respond-async"]) {
			const reply = await post(asked, { prefer });
			expect({ status: reply.statusCode, code: reply.json().code }).toEqual({ status: 503, code: "events_unavailable" });
			expect(reply.headers["retry-after"]).toMatch(/^\d+$/);
		}
		expect(one.pending.size()).toBe(0);
	});

	test("for more waiting callers than a replica may hold: 429, and the others wait on", async () => {
		const small = await stage.replica({}, { pendingMax: 1 });
		const waiting = post(asked, { prefer: "wait=30" }, small);
		const received = await stage.received();
		const reply = await post(asked, { prefer: "wait=30" }, small);
		expect({ status: reply.statusCode, code: reply.json().code }).toEqual({ status: 429, code: "too_many_requests" });
		await stage.complete(received);
		expect((await waiting).statusCode).toBe(200);
		expect(stage.of("call.received")).toHaveLength(1);
	});
});

test("a stranger is refused at once and leaves the reason and the Issuer on the record, also where NATS was away", async () => {
	const failed = () => stage.of("control.authentication.failed").map(({ data }) => data);
	stage.stream.away = true;
	for (let time = 0; time < 3; time++) expect((await get("/v1/functions", "stranger")).json()).toMatchObject({ code: "unauthenticated" });
	expect(failed()).toEqual([]);
	stage.stream.away = false;
	await vi.waitFor(() => expect(failed().reduce((sum, { count }) => sum + count, 0)).toBe(3), patience);
	expect(failed()[0]).toEqual({ refusal: "expired", issuer: "corporate", from: "127.0.0.1", count: 1 });
	expect(failed().length).toBeLessThan(3);
});

describe("an idempotency key", () => {
	const key = { "idempotency-key": "k1" };
	test("is one call, also for a hundred requests at once at two replicas", async () => {
		const replicas = [one, await stage.replica()];
		const replies = await Promise.all(Array.from({ length: 100 }, (_, index) => post(asked, key, replicas[index % 2])));
		expect(new Set(replies.map(({ statusCode }) => statusCode))).toEqual(new Set([202]));
		expect(new Set(replies.map((reply) => reply.json().call)).size).toBe(1);
		expect(stage.of("call.received")).toHaveLength(1);
	});
	test("brings the same answer to all who wait, and to who comes after it", async () => {
		const replicas = [one, await stage.replica()];
		const waiting = replicas.map((replica) => post(asked, { ...key, prefer: "wait=30" }, replica));
		await stage.complete(await stage.received());
		const replies = [...(await Promise.all(waiting)), await post(asked, key)];
		expect(new Set(replies.map(({ body }) => body)).size).toBe(1);
		expect(replies[0]?.json()).toMatchObject({ state: "completed" });
	});
	test("is one call of one revision, also when it is taken over after another was activated and the first request wakes up", async () => {
		const bus = createMemoryBus(stage.stream, "ingress");
		const stopped = Promise.withResolvers<void>();
		const asleep = await stage.replica({ bus: { ...bus, publish: async (event) => stopped.promise.then(() => bus.publish(event)) } });
		const first = post(asked, key, asleep);
		await vi.waitFor(() => expect([...(stage.stream.stores.get("calls")?.keys() ?? [])].join()).toMatch(/key\./), patience);
		const later = { now: () => new Date(Date.now() + 6_000) };
		const none = await stage.replica({ clock: later, configuration: { ...inForce(nextConfiguration), at: async () => undefined } });
		const refused = await post(asked, key, none);
		expect({ status: refused.statusCode, code: refused.json().code }).toEqual({ status: 503, code: "not_ready" });
		const evenLater = { now: () => new Date(Date.now() + 12_000) };
		const other = await stage.replica({
			clock: evenLater,
			configuration: { ...inForce(nextConfiguration), at: async () => configuration },
		});
		expect((await post(asked, key, other)).statusCode).toBe(202);
		stopped.resolve();
		expect((await first).statusCode).toBe(202);
		const said = stage.of("call.received").map(({ id, data: { sealed: _sealed, ...data } }) => ({ id, data }));
		expect(said).toHaveLength(2);
		expect(said[1]).toEqual(said[0]);
		expect(said[0]?.data.revision).toBe(configuration.revision);
	});
	test("with other arguments is refused", async () => {
		await post(asked, key);
		const reply = await post({ ...asked, arguments: { ...transfer, amount: 11 } }, key);
		expect({ status: reply.statusCode, code: reply.json().code }).toEqual({ status: 422, code: "idempotency_mismatch" });
	});
	test("is its caller's own, and its function's", async () => {
		const calls = [
			await post(asked, key),
			await post(asked, { ...key, ...as("mallory") }),
			await post({ ...asked, function: "getAccount", arguments: { id: "acc-1" } }, key),
		];
		expect(new Set(calls.map((reply) => reply.json().call)).size).toBe(3);
	});
	test.each(["", "a b", "x".repeat(256), "é"])("that is %j is refused", async (value) => {
		expect((await post(asked, { "idempotency-key": value })).statusCode).toBe(400);
	});
});

describe("a call is its caller's", () => {
	test("to see, to watch and to cancel; for others it is not there", async () => {
		const { call } = (await post(asked)).json();
		// An id made in the same moment, of which nobody ever called anything.
		const none = await get(`/v1/calls/${call.slice(0, 13)}-7000-8000-000000000001`, "mallory");
		const old = await get("/v1/calls/01890000-0000-7000-8000-000000000001", "mallory");
		expect([none, old].map((reply) => reply.json().detail)).toEqual([
			"no call of yours has this id",
			"calls can be asked for during 24 hours, and this id is older",
		]);
		for (const url of [`/v1/calls/${call}`, `/v1/calls/${call}/events`]) {
			const reply = await get(url, "mallory");
			expect(reply.statusCode).toBe(404);
			expect(reply.body).toBe(none.body);
		}
		const cancelled = await one.http.inject({ method: "DELETE", url: `/v1/calls/${call}`, headers: as("mallory") });
		expect(cancelled.statusCode).toBe(404);
		expect(stage.of("call.withdrawn")).toEqual([]);
	});
	test("also when it was answered with its ending and is not kept", async () => {
		const waiting = post(asked, { prefer: "wait=30" });
		const received = await stage.received();
		await stage.complete(received);
		await waiting;
		expect((await get(`/v1/calls/${received.data.call}`, "mallory")).statusCode).toBe(404);
		expect((await get(`/v1/calls/${received.data.call}`)).json()).toMatchObject({ state: "completed" });
	});
	test.each(["x", "01890000-0000-4000-8000-000000000001", "01890000-0000-7000-8000-00000000000G"])("%s is no call", async (call) => {
		expect((await get(`/v1/calls/${call}`)).statusCode).toBe(400);
	});
	describe("of which only its ending is on the record", () => {
		const begin = async (replica: Replica) => {
			const waiting = post(asked, { prefer: "wait=30" }, replica);
			return { received: await stage.received(), waiting };
		};
		/** A replica whose configuration has a connection of another pool. */
		const withDmz = async () => {
			const bank = configuration.connection("bank");
			if (!bank) throw new Error("the demo has no bank");
			const inDmz = { ...bank, name: "dmz-bank", pool: "dmz" };
			const both = {
				...configuration,
				connections: [bank, inDmz],
				connection: (name: string) => [bank, inDmz].find((known) => known.name === name),
			};
			return await stage.replica({ configuration: inForce(both) });
		};
		const places = ["own", "ledger"] as const;
		const endings = ["deny", "complete", "completeInLedger"] as const;
		test.each(places.flatMap((where) => endings.map((how) => [how, where] as const)))(
			"is not shown once pools disagree about it (%s, %s)",
			async (how, where) => {
				const replica = await withDmz();
				const { received, waiting } = await begin(replica);
				await stage[how](received);
				await waiting;
				const url = `/v1/calls/${received.data.call}`;
				expect((await get(url, "robin", replica)).json().call).toBe(received.data.call);
				await stage.forge(received, where, "dmz-bank");
				expect((await get(url, "robin", replica)).statusCode).toBe(404);
			},
		);
		test.each(places)("is not shown as ended by one pool while another runs it (%s)", async (where) => {
			const replica = await withDmz();
			const { received, waiting } = await begin(replica);
			const shown = async () => (await get(`/v1/calls/${received.data.call}`, "robin", replica)).statusCode;
			await stage.forge(received, where, "dmz-bank");
			expect(await shown()).toBe(200);
			await stage.start(received);
			expect(await shown()).toBe(404);
			await stage.complete(received);
			expect((await waiting).json()).toMatchObject({ state: "completed" });
		});
		test.each(places)("is not shown as ended by a pool that is not its connection's (%s)", async (where) => {
			const replica = await withDmz();
			const { received, waiting } = await begin(replica);
			await stage.forge(received, where, "bank");
			expect((await get(`/v1/calls/${received.data.call}`, "robin", replica)).statusCode).toBe(404);
			await stage.complete(received);
			await waiting;
		});
		test.each(places)("is not shown as ended by a pool other than the one people were asked for (%s)", async (where) => {
			const replica = await withDmz();
			const { received, waiting } = await begin(replica);
			await stage.ask(received);
			await stage.forge(received, where, "dmz-bank");
			expect((await get(`/v1/calls/${received.data.call}`, "robin", replica)).statusCode).toBe(404);
			await stage.complete(received);
			await waiting;
		});
	});
	test.each(["own", "ledger"] as const)(
		"and its ending is what its own pool says, whatever an executor of another pool says (%s)",
		async (where) => {
			const waiting = post(asked, { prefer: "wait=30" });
			const received = await stage.received();
			await stage.forge(received, where);
			await stage.complete(received);
			expect((await waiting).json()).toMatchObject({ state: "completed" });
		},
	);
});

describe("cancelling", () => {
	const cancel = (call: string) => one.http.inject({ method: "DELETE", url: `/v1/calls/${call}`, headers: as("robin") });
	test("withdraws a call that is held, and says so when it is done", async () => {
		const { call } = (await post(asked)).json();
		const received = await stage.received();
		await stage.ask(received);
		const cancelling = cancel(call);
		await vi.waitFor(() => expect(stage.of("call.withdrawn")).toHaveLength(1), patience);
		await stage.approvalSays(received, "cancelled");
		const reply = await cancelling;
		expect({ status: reply.statusCode, body: reply.json() }).toEqual({ status: 200, body: { call, state: "cancelled" } });
	});
	test("that nobody carries out yet is on the record", async () => {
		await post(asked);
		const received = await stage.received();
		expect(await cancelCall(one.ports, received.data.caller, received.data.call, 1)).toBeUndefined();
		expect(stage.of("call.withdrawn")).toHaveLength(1);
	});
	test("comes too late for what has ended, and nothing is published", async () => {
		const { call } = (await post(asked)).json();
		await stage.deny(await stage.received());
		const reply = await cancel(call);
		expect({ status: reply.statusCode, code: reply.json().code, detail: reply.json().detail }).toEqual({
			status: 409,
			code: "already_settled",
			detail: "the call is denied",
		});
		expect(stage.of("call.withdrawn")).toEqual([]);
	});
	test("that loses the race says what won", async () => {
		const { call } = (await post(asked)).json();
		const received = await stage.received();
		const cancelling = cancel(call);
		await vi.waitFor(() => expect(stage.of("call.withdrawn")).toHaveLength(1), patience);
		await stage.complete(received);
		expect((await cancelling).json()).toMatchObject({ code: "already_settled", detail: "the call is completed" });
	});
	test("of a call that has started meanwhile is refused", async () => {
		await post(asked);
		const received = await stage.received();
		const cancelling = cancelCall(one.ports, received.data.caller, received.data.call, 50);
		await vi.waitFor(() => expect(stage.of("call.withdrawn")).toHaveLength(1), patience);
		await stage.start(received);
		await expect(cancelling).rejects.toThrow("the call is started");
	});
});

test("a caller that goes away cancels nothing, and can ask for its call afterwards", async () => {
	const address = await one.http.listen({ host: "127.0.0.1", port: 0 });
	const leaving = new AbortController();
	const waiting = fetch(`${address}/v1/calls`, {
		...{ method: "POST", headers: { ...json, ...as("robin"), prefer: "wait=60" }, body: JSON.stringify(asked), signal: leaving.signal },
	});
	const received = await stage.received();
	leaving.abort();
	await expect(waiting).rejects.toThrow();
	await vi.waitFor(() => expect(one.pending.size()).toBe(0), patience);
	expect(stage.of("call.withdrawn")).toEqual([]);
	expect((await get(`/v1/calls/${received.data.call}`)).json()).toMatchObject({ state: "received" });
	await stage.complete(received);
	expect((await get(`/v1/calls/${received.data.call}`)).json()).toMatchObject({ state: "completed" });
});

describe("the list of functions", () => {
	test("is what some rule could let this caller call", async () => {
		const names = async (who: string) =>
			(await get("/v1/functions", who))
				.json()
				.functions.map((fn: { function: string }) => fn.function)
				.sort();
		const ofTheBank = ["closeAccount", "createTransfer", "getAccount", "getStatement", "listTransactions"];
		expect(await names("robin")).toEqual([...ofTheBank, "refundTicket", "searchTickets"]);
		for (const { contract } of (await get("/v1/functions")).json().functions) expect(contract).toMatch(/^sha256:[0-9a-f]{64}$/);
		callers.stranger = { issuer: "https://idp.example", subject: "stranger", groups: [] };
		expect(await names("stranger")).toEqual(["closeAccount", "createTransfer", "refundTicket"]);
	});
	test.each(["openai", "anthropic", "mcp"])("comes as the tools of %s, with names that may be used there", async (format) => {
		const { tools } = (await get(`/v1/functions?format=${format}`)).json();
		const names = tools.map((tool: { name?: string; function?: { name: string } }) => tool.name ?? tool.function?.name);
		expect(names).toContain("bank__createTransfer");
		for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
		expect(new Set(names).size).toBe(names.length);
	});
	test("comes in no other form", async () => {
		expect((await get("/v1/functions?format=xml")).statusCode).toBe(400);
		expect((await get("/v1/functions?more=1")).statusCode).toBe(400);
	});
});
