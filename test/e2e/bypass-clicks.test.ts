// A click counts only if Slack signed it, just now, about the message that its person saw.
import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { eventsOf } from "../support/nats.ts";
import { askedInSlack, type Message, vote } from "../support/slack.ts";
import {
	type Answer,
	accepted,
	ask,
	ending,
	eventually,
	expectProblem,
	newReference,
	readKey,
	secondReplica,
	show,
	stack,
	transfer,
} from "../support/stack.ts";

const secret = readKey(stack.slackSigningSecretFile);
const now = () => Math.floor(Date.now() / 1_000);
const slackIdOf = (name: string) => stack.people.find((one) => one.name === name)?.slackId ?? "";

interface Signing {
	readonly at?: number;
	readonly with?: string;
	/** Signed instead of the body that is sent. */
	readonly over?: string;
	readonly to?: string;
	readonly headers?: Record<string, string>;
}

/** Posts a payload as Slack does: https://docs.slack.dev/authentication/verifying-requests-from-slack */
function interact(
	payload: unknown,
	{ at = now(), with: key = secret, over, to = stack.urls.approval, headers = {} }: Signing = {},
): Promise<Answer> {
	const body = `payload=${encodeURIComponent(JSON.stringify(payload))}`;
	const signature = `v0=${createHmac("sha256", key)
		.update(`v0:${at}:${over ?? body}`)
		.digest("hex")}`;
	const signed = {
		"content-type": "application/x-www-form-urlencoded",
		"x-slack-request-timestamp": String(at),
		"x-slack-signature": signature,
	};
	return ask(`${to}/slack/interactions`, { method: "POST", headers: { ...signed, ...headers }, body });
}

interface Asked {
	readonly call: string;
	readonly message: Message;
	/** What the buttons carry. */
	readonly value: string;
}

async function heldCall(what: string): Promise<Asked> {
	const call = await accepted("ci", transfer(5_000, { reference: newReference(what) }));
	const message = await askedInSlack(call);
	const value = /"value":"([^"]+)"/.exec(JSON.stringify(message.blocks))?.[1] ?? "";
	expect(value).toContain(call);
	return { call, message, value };
}

function clickOf({ message, value }: Asked, user = slackIdOf("dana"), more: object = {}) {
	return {
		type: "block_actions",
		user: { id: user },
		trigger_id: "1.2.3",
		container: { type: "message", message_ts: message.ts, channel_id: message.channel },
		actions: [{ type: "button", action_id: "approve", block_id: "callgate-vote", value }],
		...more,
	};
}

const votesOn = async (call: string) => (await eventsOf(call)).filter(({ type }) => type === "approval.voted");

describe("clicks", () => {
	test("one that is right in every way counts: what is refused below is refused for its one fault", async () => {
		const asked = await heldCall("right click");
		expect((await interact(clickOf(asked))).status).toBe(200);
		expect((await ending("ci", asked.call)).body.state).toBe("completed");
	});

	test("without Slack's signature, under another, over another body, of another time: refused", async () => {
		const asked = await heldCall("unsigned click");
		const click = clickOf(asked);
		const faults: [string, Signing][] = [
			["another secret", { with: "0".repeat(32) }],
			["no secret", { with: "" }],
			["another body", { over: "payload=%7B%7D" }],
			["six minutes ago", { at: now() - 360 }],
			["in six minutes", { at: now() + 360 }],
			["no time", { headers: { "x-slack-request-timestamp": "" } }],
			["a time that is none", { headers: { "x-slack-request-timestamp": "1e9" } }],
			["the time of another", { headers: { "x-slack-request-timestamp": String(now() - 1) } }],
			["no signature", { headers: { "x-slack-signature": "" } }],
			["half a signature", { headers: { "x-slack-signature": "v0=abcd" } }],
			["an older scheme", { headers: { "x-slack-signature": `v1=${"0".repeat(64)}` } }],
		];
		for (const [what, signing] of faults) {
			const answer = await interact(click, signing);
			expect(answer.status, what).toBe(401);
			expectProblem(answer, "unauthenticated");
		}
		expect((await show("ci", asked.call)).body.state).toBe("held");
		expect(await votesOn(asked.call)).toEqual([]);
	});

	test("the same request again is refused, and at the other replica it changes nothing", async () => {
		const call = await accepted("erin", { connection: "bank", function: "closeAccount", arguments: { id: "acc-3" } });
		const message = await askedInSlack(call, "finance-approvals");
		const value = /"value":"([^"]+)"/.exec(JSON.stringify(message.blocks))?.[1] ?? "";
		const remembered = { call, digest: value.split(" ")[1], verdict: "approve", channel: message.channel, messageTs: message.ts };
		const submission = {
			type: "view_submission",
			user: { id: slackIdOf("dana") },
			view: {
				callback_id: "callgate-reason",
				private_metadata: JSON.stringify(remembered),
				state: { values: { reason: { reason: { value: "The customer asked." } } } },
			},
		};
		const at = now();
		expect((await interact(submission, { at })).status).toBe(200);
		await eventually(async () => ((await votesOn(call)).length === 1 ? true : undefined));
		expectProblem(await interact(submission, { at }), "too_many_requests");
		expect((await interact(submission, { at, to: secondReplica("approval") })).status).toBe(200);
		// One more person is wanted, and one person twice is one.
		expect((await vote("frank", call, { verdict: "reject", reason: "Only a test." })).status).toBe(200);
		expect((await ending("erin", call)).body.state).toBe("rejected");
		expect((await votesOn(call)).map(({ data }) => [data.voter, data.verdict])).toEqual([
			["dana@example.com", "approve"],
			["frank@example.com", "reject"],
		]);
	});

	test("signed by Slack, and yet of nobody who may, or not about what was shown: no vote", async () => {
		const asked = await heldCall("wrong click");
		const other = await heldCall("other click");
		const wrong: object[] = [
			clickOf(asked, slackIdOf("mallory")),
			clickOf(asked, "U0NOBODY00"),
			clickOf(asked, slackIdOf("dana"), { container: { type: "message", message_ts: "1.000001", channel_id: asked.message.channel } }),
			clickOf(asked, slackIdOf("dana"), { container: { type: "message", message_ts: asked.message.ts, channel_id: "C0GENERAL1" } }),
			clickOf({ ...asked, value: other.value }),
			clickOf({ ...asked, value: `${asked.call} sha256:${"0".repeat(64)}` }),
		];
		for (const payload of wrong) expect((await interact(payload)).status).toBe(200);
		for (const payload of [clickOf({ ...asked, value: "x" }), { ...clickOf(asked), actions: [] }, "text", null, []]) {
			expect([200, 400]).toContain((await interact(payload)).status);
		}
		// Clicks are worked off in the order they came; when a right one has counted, these have been looked at.
		expect((await interact(clickOf(other))).status).toBe(200);
		expect((await ending("ci", other.call)).body.state).toBe("completed");
		expect((await show("ci", asked.call)).body.state).toBe("held");
		expect(await votesOn(asked.call)).toEqual([]);
		expect((await votesOn(other.call)).map(({ data }) => data.voter)).toEqual(["dana@example.com"]);
	});
});
