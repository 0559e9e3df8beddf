// Only the base URL changes: requests through the transparent proxy, held ones too, which a client repeats until it has its answer.
import { describe, expect, test } from "vitest";
import { writesTo } from "../support/nats.ts";
import { heldCallNamed, messagesAbout, vote } from "../support/slack.ts";
import {
	anyIngress,
	ask,
	callersWaiting,
	eventually,
	expectProblem,
	iban,
	newReference,
	secondReplica,
	stack,
	transfersNamed,
} from "../support/stack.ts";

const card = "4111111111111111";
const email = "jane.doe@customer.example";

describe("proxied", () => {
	const proxy = (path: string, init: Parameters<typeof ask>[1] = {}, at = stack.urls.ingress) =>
		ask(`${at}/proxy/bank${path}`, { as: "ci", ...init });
	const order = (reference: string, amount = 5_000) => ({
		method: "POST",
		body: JSON.stringify({ amount, currency: "EUR", to: iban, country: "DE", reference }),
	});
	const json = { "content-type": "application/json" };

	test("only the base URL changes: status, headers and body are the bank's own, masked", async () => {
		const answer = await proxy("/accounts/acc-1");
		expect(answer.status).toBe(200);
		expect(answer.headers.get("callgate-call")).toMatch(/^[0-9a-f-]{36}$/);
		expect(answer.body).toMatchObject({ id: "acc-1", card: "[…1111]", customer: { name: "Jane Doe", email: "[email]" } });
		expect(answer.text).not.toContain("536-90-4399");
		const statement = await proxy("/accounts/acc-1/statement");
		expect(statement.headers.get("content-type")).toMatch(/^text\/csv/);
		for (const raw of [card, email]) expect(statement.text).not.toContain(raw);
		expect((await proxy("/accounts/acc-999")).status).toBe(404);
		expect((await proxy("/transfers", { ...order(newReference("proxied"), 70), headers: json })).status).toBe(201);
	});

	test("what the document does not know is refused before it is a call", async () => {
		expectProblem(await proxy("/nowhere"), "function_unknown");
		expectProblem(await proxy("/accounts/acc-1", { method: "PUT" }), "function_unknown");
		expectProblem(await ask(`${stack.urls.ingress}/proxy/nobody/accounts/acc-1`, { as: "ci" }), "function_unknown");
		expectProblem(await proxy("/accounts/acc-1?color=red"), "invalid_arguments");
		expectProblem(await proxy("/accounts/not-an-id"), "invalid_arguments");
		expectProblem(
			await proxy("/transfers", { method: "POST", headers: { "content-type": "text/plain" }, body: "x" }),
			"unsupported_media_type",
		);
	});

	test("a held one is answered with its address; repeating it attaches, over both replicas, and files no second approval", async () => {
		const reference = newReference("attach");
		const patient = (wait: number, at = stack.urls.ingress) =>
			proxy("/transfers", { ...order(reference), headers: { ...json, prefer: `wait=${wait}` } }, at);
		const first = await patient(1);
		expect(first.status, first.text).toBe(202);
		const { call } = first.body;
		expect(first.headers.get("location")).toBe(`/v1/calls/${call}`);
		const again = await Promise.all([0, 1, 2, 3].map((nth) => patient(1, anyIngress(nth))));
		expect(again.map(({ status, body }) => [status, body.call])).toEqual(Array(4).fill([202, call]));
		expect((await messagesAbout(call)).length).toBe(1);

		const waiting = patient(60, secondReplica("ingress"));
		await vote("dana", call, { verdict: "approve" });
		const answer = await waiting;
		expect(answer.status, answer.text).toBe(201);
		expect(answer.headers.get("callgate-call")).toBe(call);
		expect(await transfersNamed(reference)).toHaveLength(1);
		// Its answer was taken: the same request is a new call from now on.
		const next = await patient(1);
		expect(next.status).toBe(202);
		expect(next.body.call).not.toBe(call);
	});

	/** A held request that waits, from the moment on at which an equal one attaches to it. */
	async function waitingRequest(reference: string) {
		const init = { ...order(reference), headers: { ...json, prefer: "wait=60" } };
		const writes = await writesTo("calls");
		const answer = proxy("/transfers", init);
		const call = await heldCallNamed(reference);
		await eventually(async () => ((await writesTo("calls")) > writes ? true : undefined));
		const repeat = (prefer: string, at?: string) => proxy("/transfers", { ...init, headers: { ...json, prefer } }, at);
		return { answer, call, repeat };
	}

	test("a request that waits itself is answered, and so is one that repeats it meanwhile", async () => {
		const reference = newReference("repeated");
		const { answer, call, repeat } = await waitingRequest(reference);
		const repeated = repeat("wait=60", secondReplica("ingress"));
		await eventually(async () => ((await callersWaiting(secondReplica("ingress"))) > 0 ? true : undefined));
		await vote("dana", call, { verdict: "approve" });
		const answers = await Promise.all([answer, repeated]);
		expect(answers.map(({ status, headers }) => [status, headers.get("callgate-call")])).toEqual(Array(2).fill([201, call]));
		expect(await transfersNamed(reference)).toHaveLength(1);
	});

	test("once it was answered, the next equal request is a new call: nobody gets an old answer for it", async () => {
		const { answer, call, repeat } = await waitingRequest(newReference("answered"));
		await vote("dana", call, { verdict: "approve" });
		expect((await answer).status).toBe(201);
		const next = await repeat("wait=1");
		expect(next.status, next.text).toBe(202);
		expect(next.body.call).not.toBe(call);
	});

	test("one that asks for its address at once attaches when it is repeated, too", async () => {
		const init = { ...order(newReference("async")), headers: { ...json, prefer: "respond-async" } };
		const first = await proxy("/transfers", init);
		expect(first.status).toBe(202);
		const again = await proxy("/transfers", init, secondReplica("ingress"));
		expect([again.status, again.body.call]).toEqual([202, first.body.call]);
	});

	test("another caller's equal request is another call", async () => {
		const init = { ...order(newReference("two callers")), headers: { ...json, prefer: "wait=1" } };
		const [ci, erin] = await Promise.all([proxy("/transfers", init), proxy("/transfers", { ...init, as: "erin" })]);
		expect(ci.body.call).not.toBe(erin.body.call);
	});
});
