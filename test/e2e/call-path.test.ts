// Every path a call can take, from the request of its caller to the function and back. That a held call expires takes a minute: resilience.test.ts.
import { describe, expect, test } from "vitest";
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
		expect(last).toMatchObject({ call, ending: "completed", answer: { http: { status: 201 } } });
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
