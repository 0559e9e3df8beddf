// Every path a call can take, from the request of its caller to the function and back. That a held call expires takes a minute: resilience.test.ts.
import { describe, expect, test } from "vitest";
import { writesTo } from "../support/nats.ts";
import { askedInSlack, click, clickAndHear, giveReason, heldCallNamed, messagesAbout, vote } from "../support/slack.ts";
import {
	accepted,
	anyIngress,
	ask,
	bankRequests,
	ending,
	eventually,
	expectProblem,
	iban,
	newReference,
	readKey,
	secondReplica,
	sha256,
	show,
	stack,
	submit,
	transfer,
	transfersNamed,
} from "../support/stack.ts";

const card = "4111111111111111";
const email = "jane.doe@customer.example";

async function callersWaiting(ingress: string): Promise<number> {
	const { text } = await ask(`${ingress}/metrics`);
	return Number(/^callgate_callers_waiting(?:\{.*\})? (\d+)$/m.exec(text)?.[1]);
}

/** A transfer that waits for finance, and its call's id. */
async function heldTransfer(as: string, reference: string): Promise<string> {
	const call = await accepted(as, transfer(5_000, { reference }));
	await askedInSlack(call);
	return call;
}

describe("allowed", () => {
	test("the call runs with the bank's own key, and its caller gets the bank's answer, masked", async () => {
		const reference = newReference("allowed");
		const answer = await submit("ci", transfer(250, { reference }));
		expect(answer.status, answer.text).toBe(200);
		expect(answer.body).toMatchObject({ state: "completed", connection: "bank", function: "createTransfer", result: { status: 201 } });
		expect(answer.body.result.body).toMatchObject({ amount: 250, status: "completed", reference, card: "[…1111]", receiptTo: "[email]" });
		expect(answer.headers.get("callgate-call")).toBe(answer.body.call);
		for (const raw of [card, email, iban]) expect(answer.text).not.toContain(raw);

		const [request, ...more] = await transfersNamed(reference);
		expect(more).toEqual([]);
		expect(request?.credentialSha256).toBe(sha256(readKey(stack.bankApiKeyFile)));
		expect(request?.body).toMatchObject({ to: iban, amount: 250 });
	});

	test("without Prefer the caller gets an address at once, and finds state and result there", async () => {
		const first = await submit("ci", transfer(20), { wait: 0 });
		expect(first.status).toBe(202);
		const { call } = first.body;
		expect(first.headers.get("location")).toBe(`/v1/calls/${call}`);
		expect(first.headers.get("callgate-call")).toBe(call);
		const { body } = await ending("ci", call);
		expect(body).toMatchObject({ call, state: "completed", result: { status: 201, body: { amount: 20, card: "[…1111]" } } });
		// The other replica tells the same.
		expect((await show("ci", call, secondReplica("ingress"))).body).toEqual(body);
	});

	test("a wait that is over before the call ends is answered with its address", async () => {
		const answer = await submit("dana", transfer(5_000, { reference: newReference("short wait") }), { wait: 1 });
		expect(answer.status).toBe(202);
		expect(answer.headers.get("preference-applied")).toBe("wait=1");
		expect(answer.body.state).toBe("held");
	});

	test("its steps can be watched from the beginning to the ending", async () => {
		const call = await accepted("ci", transfer(30));
		const { text, headers } = await ask(`${stack.urls.ingress}/v1/calls/${call}/events`, { as: "ci" });
		expect(headers.get("content-type")).toMatch(/^text\/event-stream/);
		const steps = [...text.matchAll(/^event: (.+)$/gm)].map(([, type]) => type);
		expect(steps).toEqual(["call.received", "call.started", "call.ended"]);
		const last = JSON.parse(/data: (.+)\n\n$/.exec(text)?.[1] ?? "");
		expect(last).toMatchObject({ call, ending: "completed", status: 201 });
		expect(text).not.toContain("sealed");
	});

	test("only the caller sees a call", async () => {
		const { call } = (await submit("ci", transfer(40))).body;
		expect((await show("ci", call)).status).toBe(200);
		for (const path of [`/v1/calls/${call}`, `/v1/calls/${call}/events`]) {
			expectProblem(await ask(`${stack.urls.ingress}${path}`, { as: "erin" }), "not_found");
		}
		expectProblem(await ask(`${stack.urls.ingress}/v1/calls/${call}`, { as: "erin", method: "DELETE" }), "not_found");
	});
});

describe("denied", () => {
	test("by a rule: 403 with call, rule and message, and the bank saw nothing", async () => {
		const reference = newReference("denied");
		const answer = await submit("ci", transfer(250, { country: "XX", reference }));
		expectProblem(answer, "denied");
		expect(answer.body.rules).toEqual(["never-to-blocked-countries"]);
		expect(answer.body.reasons[0].message).toBe("Transfers to this country are not permitted.");
		expect(answer.body.call).toMatch(/^[0-9a-f-]{36}$/);
		expect(await transfersNamed(reference)).toEqual([]);
	});

	test("because no rule allows it, and a denial beats a hold", async () => {
		expectProblem(await submit("erin", transfer(50)), "denied");
		expectProblem(await submit("ci", transfer(5_000, { country: "XX" })), "denied");
		expectProblem(await submit("ci", { connection: "lab", function: "forbidden", arguments: { tag: "x" } }), "denied");
	});
});

describe("held", () => {
	test("approved by a click: the waiting caller gets its answer, and Slack shows what came of it", async () => {
		const reference = newReference("click");
		const waiting = submit("ci", transfer(5_000, { reference }), { wait: 60 });
		const call = await heldCallNamed(reference);
		const message = await askedInSlack(call);
		expect(JSON.stringify(message.blocks)).toContain("large-transfers-need-finance");
		expect(JSON.stringify(message.blocks)).not.toContain(iban);
		expect(await transfersNamed(reference)).toEqual([]);

		expect((await click("dana", "approve", call)).reply?.status).toBe(200);
		const answer = await waiting;
		expect(answer.status, answer.text).toBe(200);
		expect(answer.body).toMatchObject({ call, state: "completed", result: { body: { amount: 5_000 } } });
		expect(await transfersNamed(reference)).toHaveLength(1);
		const settled = await eventually(async () => {
			const [now] = await messagesAbout(call);
			return now && JSON.stringify(now.blocks).includes("Approved by dana@example.com") ? now : undefined;
		});
		expect(JSON.stringify(settled.blocks)).not.toContain('"action_id"');
	});

	test("rejected with a reason: the caller reads it, the bank saw nothing", async () => {
		const reference = newReference("reject");
		const waiting = submit("ci", transfer(5_000, { reference }), { wait: 60 });
		const call = await heldCallNamed(reference);
		await click("frank", "reject", call);
		await giveReason("frank", "No invoice for this.");
		const answer = await waiting;
		expectProblem(answer, "rejected");
		expect(answer.body).toMatchObject({ call, detail: "No invoice for this.", rules: ["large-transfers-need-finance"] });
		expect(await transfersNamed(reference)).toEqual([]);
	});

	test("approved through the API by someone without Slack, at the other replica", async () => {
		const call = await heldTransfer("ci", newReference("api"));
		const approval = `/v1/approvals/${call}`;
		const listed = await ask(`${secondReplica("approval")}/v1/approvals`, { as: "dana" });
		const mine = listed.body.approvals.find((one: { call: string }) => one.call === call);
		expect(mine).toBeDefined();
		expect(JSON.stringify(mine)).not.toContain(iban);
		const { digest } = (await ask(`${stack.urls.approval}${approval}`, { as: "dana" })).body;
		const other = `sha256:${"0".repeat(64)}`;
		expectProblem(await vote("dana", call, { verdict: "approve", digest: other }), "already_settled");
		expectProblem(await vote("dana", call, { verdict: "reject" }), "reason_required");
		expect((await vote("dana", call, { verdict: "approve", digest }, secondReplica("approval"))).status).toBe(200);
		expect((await ending("ci", call)).body.state).toBe("completed");
		expectProblem(await vote("frank", call, { verdict: "approve" }), "already_settled");
	});

	test("two people where policy wants two; one of them twice is one", async () => {
		const close = { connection: "bank", function: "closeAccount", arguments: { id: "acc-2" } };
		const call = await accepted("erin", close);
		await Promise.all([askedInSlack(call, "finance-approvals"), askedInSlack(call, "cfo-approvals")]);
		const before = (await bankRequests()).filter(({ method }) => method === "DELETE").length;
		const because = { verdict: "approve", reason: "Customer asked for it." };
		expectProblem(await vote("dana", call, { verdict: "approve" }), "reason_required");
		expect((await vote("dana", call, because)).status).toBe(200);
		expect((await vote("dana", call, because)).status).toBe(200);
		expect((await show("erin", call)).body.state).toBe("held");
		expect((await bankRequests()).filter(({ method }) => method === "DELETE")).toHaveLength(before);
		await click("carol", "approve", call, "cfo-approvals");
		await giveReason("carol", "Seen the letter.");
		expect((await ending("erin", call)).body).toMatchObject({ state: "completed", result: { status: expect.any(Number) } });
		expect((await bankRequests()).filter(({ method }) => method === "DELETE")).toHaveLength(before + 1);
	});

	test("the requester never approves their own call, whichever way they come", async () => {
		const call = await heldTransfer("dana", newReference("own"));
		expect(await clickAndHear("dana", "approve", call)).toContain("your own call");
		expectProblem(await vote("dana", call, { verdict: "approve" }), "not_an_approver");
		expectProblem(await vote("dana", call, { verdict: "reject", reason: "changed my mind" }), "not_an_approver");
		expect((await show("dana", call)).body.state).toBe("held");
		expect((await vote("frank", call, { verdict: "approve" })).status).toBe(200);
		expect((await ending("dana", call)).body.state).toBe("completed");
	});

	test("people who are not asked decide nothing and see nothing", async () => {
		const call = await heldTransfer("ci", newReference("wrong person"));
		for (const person of ["mallory", "erin", "carol"]) {
			expect(await clickAndHear(person, "approve", call)).toContain("not a member");
			expectProblem(await vote(person, call, { verdict: "approve" }), "not_an_approver");
			expectProblem(await ask(`${stack.urls.approval}/v1/approvals/${call}`, { as: person }), "not_found");
			const listed = (await ask(`${stack.urls.approval}/v1/approvals`, { as: person })).body.approvals;
			expect(listed.filter((one: { call: string }) => one.call === call)).toEqual([]);
		}
		expect((await show("ci", call)).body.state).toBe("held");
	});

	test("cancelled by its caller: it never runs, and a late approval changes nothing", async () => {
		const reference = newReference("cancelled");
		const headers = { "idempotency-key": reference.replaceAll(" ", "-") };
		const call = await accepted("ci", transfer(5_000, { reference }), { headers });
		await askedInSlack(call);
		const waiting = submit("ci", transfer(5_000, { reference }), { wait: 60, headers });
		const cancelled = await ask(`${secondReplica("ingress")}/v1/calls/${call}`, { as: "ci", method: "DELETE" });
		expect(cancelled.body).toEqual({ call, state: "cancelled" });
		expectProblem(await waiting, "cancelled");
		expectProblem(await vote("dana", call, { verdict: "approve" }), "already_settled");
		expectProblem(await ask(`${stack.urls.ingress}/v1/calls/${call}`, { as: "ci", method: "DELETE" }), "already_settled");
		expect(await transfersNamed(reference)).toEqual([]);
	});

	test("its steps tell that it waits, for whom and until when, and then how it went on", async () => {
		const call = await heldTransfer("ci", newReference("steps"));
		const watching = ask(`${stack.urls.ingress}/v1/calls/${call}/events`, { as: "ci" });
		await vote("frank", call, { verdict: "approve" });
		const { text } = await watching;
		const steps = [...text.matchAll(/^event: (.+)\ndata: (.+)$/gm)].map(([, type, data]) => ({ type, data: JSON.parse(data ?? "") }));
		expect(steps.map(({ type }) => type)).toEqual([
			"call.received",
			"approval.asked",
			"approval.voted",
			"call.granted",
			"call.started",
			"call.ended",
		]);
		expect(steps[1]?.data).toMatchObject({ groups: [["finance"]], expiresAt: expect.any(String) });
	});
});

describe("idempotency keys", () => {
	test("a hundred equal requests at once over both replicas are one call, one request to the bank, one answer", async () => {
		const reference = newReference("hundred");
		const headers = { "idempotency-key": reference.replaceAll(" ", "-") };
		const answers = await Promise.all(
			Array.from({ length: 100 }, (_, nth) => submit("ci", transfer(60, { reference }), { headers, at: anyIngress(nth) })),
		);
		expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
		expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
		expect(await transfersNamed(reference)).toHaveLength(1);
		// Long after it ended the key still stands for that call.
		const again = await submit("ci", transfer(60, { reference }), { headers });
		expect(again.text).toBe(answers[0]?.text);
		expect(await transfersNamed(reference)).toHaveLength(1);
	});

	test("the same key with other arguments is refused, for another caller or function it is another key", async () => {
		const headers = { "idempotency-key": newReference("key").replaceAll(" ", "-") };
		const first = await submit("ci", transfer(61), { headers });
		expect(first.status).toBe(200);
		const other = await submit("ci", transfer(62), { headers, at: secondReplica("ingress") });
		expectProblem(other, "idempotency_mismatch");
		expect(other.body.call).toBe(first.body.call);
		const account = { connection: "bank", function: "getAccount", arguments: { id: "acc-1" } };
		const [ci, erin] = await Promise.all([submit("ci", account, { headers }), submit("erin", account, { headers })]);
		expect([ci.status, erin.status]).toEqual([200, 200]);
		expect(new Set([first, ci, erin].map(({ body }) => body.call)).size).toBe(3);
	});

	test("a key that is none is refused", async () => {
		for (const key of ["two words", "x".repeat(256), "\u00e9"]) {
			expectProblem(await submit("ci", transfer(63), { headers: { "idempotency-key": key } }), "malformed_request");
		}
	});
});

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

	test("a request that waits itself is answered, so is one that repeats it meanwhile, and the next equal one is a new call", async () => {
		const reference = newReference("waits itself");
		const init = { ...order(reference), headers: { ...json, prefer: "wait=60" } };
		const writes = await writesTo("calls");
		const first = proxy("/transfers", init);
		const call = await heldCallNamed(reference);
		// From then on a repeated request attaches; one that comes earlier is a call of its own.
		await eventually(async () => ((await writesTo("calls")) > writes ? true : undefined));
		const repeated = proxy("/transfers", init, secondReplica("ingress"));
		await eventually(async () => ((await callersWaiting(secondReplica("ingress"))) > 0 ? true : undefined));
		await vote("dana", call, { verdict: "approve" });
		const answers = await Promise.all([first, repeated]);
		expect(answers.map(({ status, headers }) => [status, headers.get("callgate-call")])).toEqual(Array(2).fill([201, call]));
		expect(await transfersNamed(reference)).toHaveLength(1);
		const next = await proxy("/transfers", { ...init, headers: { ...json, prefer: "wait=1" } });
		expect(next.status, "an old answer for a new request").toBe(202);
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

describe("what may be called", () => {
	const list = async (as: string, format?: string) =>
		(await ask(`${stack.urls.ingress}/v1/functions${format ? `?format=${format}` : ""}`, { as })).body;

	test("in four formats, each with the arguments' schema", async () => {
		const own = (await list("ci")).functions.find((one: { function: string }) => one.function === "createTransfer");
		expect(own).toMatchObject({ connection: "bank", mayNeedApproval: true, idempotent: false, arguments: { type: "object" } });
		const schema = own.arguments;
		expect(schema.required).toEqual(expect.arrayContaining(["amount", "currency", "to", "country"]));
		const named = (tools: { name: string }[]) => tools.find(({ name }) => name === "bank__createTransfer");
		const openai = (await list("ci", "openai")).tools;
		expect(new Set(openai.map(({ type }: { type: string }) => type))).toEqual(new Set(["function"]));
		expect(named(openai.map((tool: { function: { name: string } }) => tool.function))).toMatchObject({ parameters: schema });
		expect(named((await list("ci", "anthropic")).tools)).toMatchObject({ input_schema: schema });
		expect(named((await list("ci", "mcp")).tools)).toMatchObject({ inputSchema: schema });
	});

	test("a function that no rule could allow this caller is not listed", async () => {
		const names = (await list("mallory")).functions.map((one: { function: string }) => one.function);
		expect(names).toContain("createTransfer");
		expect(names).not.toContain("getAccount");
		expect((await list("ci")).functions.map((one: { function: string }) => one.function)).not.toContain("forbidden");
	});
});

describe("refusals have one shape", () => {
	const post = (body: string, headers: Record<string, string> = { "content-type": "application/json" }) =>
		ask(`${stack.urls.ingress}/v1/calls`, { method: "POST", as: "ci", headers, body });

	test.each([
		["no token", () => ask(`${stack.urls.ingress}/v1/functions`), "unauthenticated"],
		["not JSON", () => post("{"), "malformed_request"],
		["no body", () => post(""), "malformed_request"],
		["a member that is not known", () => post(JSON.stringify({ ...transfer(1), extra: 1 })), "malformed_request"],
		["not an object", () => post(JSON.stringify({ ...transfer(1), arguments: [] })), "malformed_request"],
		["another media type", () => post("a=b", { "content-type": "application/x-www-form-urlencoded" }), "unsupported_media_type"],
		["a body that is too large", () => post(`{"x":"${"x".repeat(1024 * 1024)}"}`), "body_too_large"],
		["no such connection", () => post(JSON.stringify({ ...transfer(1), connection: "nobody" })), "function_unknown"],
		["no such function", () => post(JSON.stringify({ ...transfer(1), function: "steal" })), "function_unknown"],
		["arguments that do not fit", () => post(JSON.stringify(transfer(-1))), "invalid_arguments"],
		["an argument that is not known", () => post(JSON.stringify(transfer(1, { tip: 1 }))), "invalid_arguments"],
		["no such address", () => ask(`${stack.urls.ingress}/v2/calls`, { as: "ci" }), "not_found"],
		["no such call", () => show("ci", "01890000-0000-7000-8000-000000000000"), "not_found"],
	] as const)("%s", async (_, request, code) => {
		expectProblem(await request(), code);
	});

	test("arguments are refused with where and why, and without their value", async () => {
		const { body, text } = await post(JSON.stringify(transfer(1, { currency: "SECRET-VALUE" })));
		expect(body.errors).toEqual([expect.objectContaining({ pointer: "/currency" })]);
		expect(text).not.toContain("SECRET-VALUE");
	});

	test("a method that an address does not answer", async () => {
		const answer = await ask(`${stack.urls.ingress}/v1/calls`, { as: "ci", method: "PUT" });
		expect([404, 405]).toContain(answer.status);
		expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
	});
});

describe("for whoever runs it", () => {
	test("every process says that it is alive and ready, and its own API is described", async () => {
		for (const service of ["ingress", "approval", "audit", "policy", "executor"] as const) {
			expect((await ask(`${stack.urls[service]}/healthz`)).status, service).toBe(200);
			expect((await ask(`${stack.urls[service]}/readyz`)).body.status, service).toBe("ready");
			expect((await ask(`${stack.urls[service]}/metrics`)).text, service).toContain("# TYPE");
		}
		const document = (await ask(`${stack.urls.ingress}/openapi.json`)).body;
		expect(document.openapi).toBe("3.1.0");
		expect(Object.keys(document.paths).sort()).toEqual(["/v1/calls", "/v1/calls/{call}", "/v1/calls/{call}/events", "/v1/functions"]);
	});
});
