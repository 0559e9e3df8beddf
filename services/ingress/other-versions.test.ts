// Endings that executors of other versions wrote: an older one's is answered as ever, a newer one's protocol is said to be unknown here.
import { afterEach, beforeEach, expect, test } from "vitest";
import { as, Backstage, transfer } from "./ingress.test-support.ts";

let stage: Backstage;
let one: Awaited<ReturnType<Backstage["replica"]>>;
beforeEach(async () => {
	stage = new Backstage();
	one = await stage.replica();
});
afterEach(() => stage.close());

function proxied() {
	const headers = { ...as("robin"), "content-type": "application/json" };
	return one.http.inject({ method: "POST", url: "/proxy/bank/transfers", headers, payload: JSON.stringify(transfer) });
}
const get = (url: string) => one.http.inject({ url, headers: as("robin") });

/** As versions sealed it that knew no protocol but HTTP. */
const older = (text: string) => JSON.stringify({ status: 201, headers: [["content-type", "application/json"]], body: { text } });

test.each([
	["small", '{"id":1.50}'],
	["large", `{"id":"${"x".repeat(40_000)}"}`],
])("a %s answer that names no protocol is HTTP's", async (_what, text) => {
	const waiting = proxied();
	const received = await stage.received();
	await stage.completeAs(received, older(text), { status: 201 });
	const reply = await waiting;
	expect({ status: reply.statusCode, body: reply.body }).toEqual({ status: 201, body: text });
	const { call } = received.data;
	expect((await get(`/v1/calls/${call}`)).body).toContain(
		`"result":{"status":201,"headers":{"content-type":"application/json"},"body":${text}}`,
	);
	expect((await get(`/v1/calls/${call}/events`)).body).toContain('"answer":{"http":{"status":201}}');
});

test.each([
	["small", ""],
	["large", "x".repeat(40_000)],
])("a %s answer of a protocol that is not known here is not taken for another's", async (_what, more) => {
	const waiting = proxied();
	const received = await stage.received();
	await stage.completeAs(received, JSON.stringify({ protocol: "telex", status: 201, headers: [], body: { text: `secret ${more}` } }), {});
	const reply = await waiting;
	expect({ status: reply.statusCode, code: reply.json().code }).toEqual({ status: 503, code: "not_ready" });
	expect(reply.body).not.toContain("secret");
});
