// Whose click it was: full, living members of our own workspace have an address, nobody else; and nobody is asked about twice in a minute.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test, vi } from "vitest";
import { createSlack } from "./approvers-slack.ts";
import { noCounters } from "./held-call.test-support.ts";

const member = {
	...{ id: "U1", team_id: "T1", deleted: false, is_bot: false, is_app_user: false, is_restricted: false, is_ultra_restricted: false },
	is_email_confirmed: true,
	profile: { email: "dana@example.com" },
};

/** A Slack that knows one user. */
async function slackWith(user: object | undefined, team: object = { team_id: "T1" }) {
	let asked = 0;
	const server = createServer((request, response) => {
		request.resume();
		const isInfo = request.url?.endsWith("users.info");
		if (isInfo) asked++;
		const answer = isInfo ? (user ? { ok: true, user } : { ok: false, error: "user_not_found" }) : { ok: true, ...team };
		response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`;
	return {
		slack: createSlack({ token: "xoxb-test", apiUrl }, noCounters),
		asked: () => asked,
		async [Symbol.asyncDispose]() {
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}

test.each([
	["a member", member, { email: "dana@example.com" }],
	["nobody", undefined, { refused: "unknown" }],
	["somebody else than was asked for", { ...member, id: "U2" }, { refused: "unknown" }],
	["somebody who left", { ...member, deleted: true }, { refused: "deleted" }],
	["somebody of whom that is not said", { ...member, deleted: undefined }, { refused: "deleted" }],
	["a bot", { ...member, is_bot: true }, { refused: "bot" }],
	["an app", { ...member, is_app_user: true }, { refused: "bot" }],
	["a guest", { ...member, is_restricted: true }, { refused: "guest" }],
	["a guest of one channel", { ...member, is_ultra_restricted: true }, { refused: "guest" }],
	["a stranger from a shared channel", { ...member, is_stranger: true }, { refused: "guest" }],
	["a member of another workspace", { ...member, team_id: "T2" }, { refused: "foreign" }],
	["a member whose address nobody confirmed", { ...member, is_email_confirmed: false }, { refused: "unconfirmed" }],
	["a member without an address", { ...member, profile: {} }, { refused: "unknown" }],
])("%s", async (_, user, expected) => {
	await using world = await slackWith(user);
	expect(await world.slack.personOf("U1")).toEqual(expected);
});

test("where Slack does not say which workspace is ours, everybody is foreign", async () => {
	await using world = await slackWith(member, {});
	expect(await world.slack.personOf("U1")).toEqual({ refused: "foreign" });
});

test("an address is kept for a while, a refusal is not", async () => {
	await using known = await slackWith(member);
	for (let click = 0; click < 3; click++) await known.slack.personOf("U1");
	expect(known.asked()).toBe(1);
	await using bot = await slackWith({ ...member, is_bot: true });
	for (let click = 0; click < 3; click++) await bot.slack.personOf("U1");
	expect(bot.asked()).toBe(3);
});

test("an address is kept for a minute and no longer, although the clock is set back by an hour", async () => {
	await using known = await slackWith(member);
	vi.useFakeTimers({ toFake: ["Date", "performance"] });
	try {
		await known.slack.personOf("U1");
		vi.advanceTimersByTime(59_000);
		await known.slack.personOf("U1");
		expect(known.asked()).toBe(1);
		vi.setSystemTime(Date.now() - 3_600_000);
		vi.advanceTimersByTime(2_000);
		await known.slack.personOf("U1");
		expect(known.asked()).toBe(2);
	} finally {
		vi.useRealTimers();
	}
});
