// The Slack stand-in's Web API, spoken to by Slack's own client.
import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type ConversationsListResponse, WebClientEvent } from "@slack/web-api";
import { expect, test } from "vitest";
import { approvalBlocks, botToken, clientOf, reasonModal, startWorkspace } from "./slack-test-app.ts";

const text = "Approval needed";
type Channel = NonNullable<ConversationsListResponse["channels"]>[number];

test("a message is posted by channel name or id, and changed by id and ts", async () => {
	await using workspace = await startWorkspace();
	const { client, slack } = workspace;
	const posted = await client.chat.postMessage({ channel: "#finance-approvals", text, blocks: [...approvalBlocks] });
	expect(posted).toMatchObject({ ok: true, channel: "C0FINANCE1", message: { type: "message", text, bot_id: "B0CALLGATE" } });
	expect(posted.ts).toMatch(/^\d{10}\.\d{6}$/);
	const again = await client.chat.postMessage({ channel: "C0FINANCE1", text: "second" });
	expect(again.ts).not.toBe(posted.ts);
	const updated = await client.chat.update({ channel: String(posted.channel), ts: String(posted.ts), text: "Approved", blocks: [] });
	expect(updated).toMatchObject({ ok: true, ts: posted.ts, text: "Approved" });
	expect(slack.messages()).toMatchObject([
		{ channelName: "finance-approvals", text: "Approved", blocks: [] },
		{ channelName: "finance-approvals", text: "second" },
	]);
});

test("who people are, and by which address", async () => {
	await using workspace = await startWorkspace();
	const { client } = workspace;
	expect(await client.auth.test()).toMatchObject({ ok: true, user_id: "U0CALLGATE", bot_id: "B0CALLGATE", team_id: "T0CALLGATE" });
	const { user } = await client.users.lookupByEmail({ email: "Dana@example.com" });
	expect(user).toMatchObject({ id: "U0DANA0001", name: "dana", deleted: false, is_bot: false });
	expect((await client.users.info({ user: String(user?.id) })).user?.profile?.email).toBe("dana@example.com");
	const channels: Channel[] = [];
	for await (const page of client.paginate("conversations.list", { limit: 3 }))
		channels.push(...((page as ConversationsListResponse).channels ?? []));
	expect(channels.map(({ name }) => name)).toEqual(["finance-approvals", "cfo-approvals", "engineering-approvals", "general"]);
	expect(await client.conversations.open({ users: "U0DANA0001" })).toMatchObject({ channel: { id: "D0DANA0001" } });
	expect(await client.chat.postMessage({ channel: "U0DANA0001", text: "hello" })).toMatchObject({ channel: "D0DANA0001" });
});

type Client = ReturnType<typeof clientOf>;
const section = (content: string) => [{ type: "section" as const, text: { type: "mrkdwn" as const, text: content } }];
const button = (more: object) =>
	[{ type: "actions", elements: [{ type: "button", text: { type: "plain_text", text: "Go" }, ...more }] }] as never;
const post = (client: Client, blocks: never) => client.chat.postMessage({ channel: "C0FINANCE1", text, blocks });

test.each<[string, string, (client: Client) => Promise<unknown>]>([
	["an unknown channel", "channel_not_found", (client) => client.chat.postMessage({ channel: "#nowhere", text })],
	["a channel without the app", "not_in_channel", (client) => client.chat.postMessage({ channel: "#general", text })],
	["no content", "no_text", (client) => client.chat.postMessage({ channel: "C0FINANCE1", text: "" })],
	["an update by channel name", "channel_not_found", (client) => client.chat.update({ channel: "finance-approvals", ts: "1.1", text })],
	["an update of what is not there", "message_not_found", (client) => client.chat.update({ channel: "C0FINANCE1", ts: "1.1", text })],
	[
		"an ephemeral message to nobody",
		"user_not_in_channel",
		(client) => client.chat.postEphemeral({ channel: "C0FINANCE1", user: "U9", text }),
	],
	["an unknown user", "user_not_found", (client) => client.users.info({ user: "U9" })],
	["an unknown address", "users_not_found", (client) => client.users.lookupByEmail({ email: "no@example.com" })],
	["a made-up trigger", "invalid_trigger_id", (client) => client.views.open({ trigger_id: "1.2.3", view: reasonModal as never })],
	[
		"a modal without a title",
		"invalid_arguments",
		(client) => client.views.open({ trigger_id: "1.2.3", view: { type: "modal", blocks: [] } as never }),
	],
	["an unknown method", "unknown_method", (client) => client.apiCall("chat.shout", {})],
	["51 blocks", "invalid_blocks", (client) => post(client, Array(51).fill({ type: "divider" }) as never)],
	["3,001 characters", "invalid_blocks", (client) => post(client, section("x".repeat(3001)) as never)],
	["13,000 characters in all", "msg_blocks_too_long", (client) => post(client, Array(5).fill(section("x".repeat(2500))[0]) as never)],
	[
		"a modal of more than 250 kB",
		"view_too_large",
		(client) => {
			const label = { type: "plain_text", text: "x".repeat(2000) };
			const input = { type: "input", label, hint: label, element: { type: "plain_text_input" } };
			return client.views.open({ trigger_id: "1.2.3", view: { ...reasonModal, blocks: Array(100).fill(input) } as never });
		},
	],
	["an empty text", "invalid_blocks", (client) => post(client, section("") as never)],
	["76 characters on a button", "invalid_blocks", (client) => post(client, button({ text: { type: "plain_text", text: "x".repeat(76) } }))],
	["a value of 2,001", "invalid_blocks", (client) => post(client, button({ value: "x".repeat(2001) }))],
	["an action id of 256", "invalid_blocks", (client) => post(client, button({ action_id: "x".repeat(256) }))],
	["markdown on a button", "invalid_blocks", (client) => post(client, button({ text: { type: "mrkdwn", text: "Go" } }))],
	["an unknown style", "invalid_blocks", (client) => post(client, button({ style: "warning" }))],
	["a property that is not Slack's", "invalid_blocks", (client) => post(client, button({ colour: "red" }))],
	["an unknown block", "invalid_blocks", (client) => post(client, [{ type: "blink" }] as never)],
	[
		"a block id twice",
		"invalid_blocks",
		(client) =>
			post(client, [
				{ type: "divider", block_id: "a" },
				{ type: "divider", block_id: "a" },
			] as never),
	],
	["blocks that are no list", "invalid_blocks_format", (client) => post(client, "{" as never)],
])("%s is refused with %s", async (_name, error, call) => {
	await using workspace = await startWorkspace();
	await expect(call(workspace.client)).rejects.toMatchObject({ code: "slack_webapi_platform_error", data: { ok: false, error } });
	expect(workspace.slack.messages()).toEqual([]);
});

test("exactly at the limits it is accepted", async () => {
	await using workspace = await startWorkspace();
	const blocks = [
		...section("x".repeat(3000)),
		...(button({ text: { type: "plain_text", text: "x".repeat(75) }, value: "x".repeat(2000), action_id: "x".repeat(255) }) as object[]),
		...Array(48).fill({ type: "divider" }),
	];
	expect((await post(workspace.client, blocks as never)).ok).toBe(true);
});

test("a refusal of blocks says where, as Slack does", async () => {
	await using workspace = await startWorkspace();
	const refused = post(workspace.client, [{ type: "divider" }, ...section("x".repeat(3001))] as never);
	await expect(refused).rejects.toMatchObject({
		data: { response_metadata: { messages: ["[ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]"] } },
	});
});

test.each([
	["no token", "", "not_authed"],
	["another token", "xoxb-someone-else", "invalid_auth"],
])("%s: %s", async (_name, token, error) => {
	await using workspace = await startWorkspace();
	const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
	const answer = await fetch(`${workspace.slack.apiUrl}chat.postMessage`, {
		method: "POST",
		headers,
		body: JSON.stringify({ channel: "C0FINANCE1", text }),
	});
	expect(answer.status).toBe(200);
	expect(await answer.json()).toMatchObject({ ok: false, error });
	expect(workspace.slack.messages()).toEqual([]);
});

test("JSON bodies do as well as forms, and broken ones are an answer", async () => {
	await using workspace = await startWorkspace();
	const ask = async (body: string) => {
		const headers = { "content-type": "application/json; charset=utf-8", authorization: `Bearer ${botToken}` };
		const answer = await fetch(`${workspace.slack.apiUrl}chat.postMessage`, { method: "POST", headers, body });
		return { status: answer.status, ...((await answer.json()) as object) };
	};
	expect(await ask(JSON.stringify({ channel: "C0FINANCE1", text, blocks: approvalBlocks }))).toMatchObject({ ok: true });
	expect(await ask("{")).toEqual({ status: 200, ok: false, error: "invalid_json" });
	expect(await ask("[]")).toEqual({ status: 200, ok: false, error: "json_not_object" });
});

test("too many calls are 429 with Retry-After, and the real client tries again", async () => {
	await using workspace = await startWorkspace();
	const client = clientOf(workspace.slack, botToken, 5);
	const limited: number[] = [];
	client.on(WebClientEvent.RATE_LIMITED, (seconds) => limited.push(seconds));
	const body = JSON.stringify({ count: 2, retryAfter: 0 });
	await fetch(`${workspace.slack.url}/_demo/rate-limit`, { method: "POST", headers: { "content-type": "application/json" }, body });
	expect((await client.chat.postMessage({ channel: "C0FINANCE1", text })).ok).toBe(true);
	expect(limited).toEqual([0, 0]);
	expect(workspace.slack.messages()).toHaveLength(1);
});

test("messages survive a restart, and a last line cut short by a kill does not hurt", async () => {
	await using first = await startWorkspace();
	await first.client.chat.postMessage({ channel: "C0FINANCE1", text: "stays" });
	const gone = await first.client.chat.postMessage({ channel: "C0FINANCE1", text: "goes" });
	await first.client.chat.delete({ channel: "C0FINANCE1", ts: String(gone.ts) });
	await first.slack.stop();
	const file = join(first.dataDir, "slack.jsonl");
	await appendFile(file, '{"message":{"chan');
	await using second = await startWorkspace(undefined, { dataDir: first.dataDir });
	expect(second.slack.messages()).toMatchObject([{ text: "stays" }]);
	await second.client.chat.postMessage({ channel: "C0FINANCE1", text: "later" });
	await second.slack.stop();
	await using third = await startWorkspace(undefined, { dataDir: first.dataDir });
	expect(third.slack.messages().map((message) => message.text)).toEqual(["stays", "later"]);
	expect(await readFile(file, "utf8")).not.toContain(botToken);
});
