// Clicks, modals and response addresses of the Slack stand-in: a round trip through an app that checks the signature.
import { expect, test } from "vitest";
import { approvalBlocks, type Payload, reasonModal, startWorkspace } from "./slack-test-app.ts";

type Workspace = Awaited<ReturnType<typeof startWorkspace>>;

async function postApproval({ client }: Workspace): Promise<string> {
	const { ts } = await client.chat.postMessage({ channel: "#finance-approvals", text: "Approval needed", blocks: [...approvalBlocks] });
	return String(ts);
}

const clickOn = (ts: string, action_id = "approve", user = "dana") => ({ user, channel: "finance-approvals", ts, action_id });

test("a click reaches the app signed, with who, what and where", async () => {
	await using workspace = await startWorkspace(() => ({ body: { hello: "app" } }));
	const ts = await postApproval(workspace);
	expect(await workspace.slack.click(clickOn(ts))).toMatchObject({ ok: true, reply: { status: 200, body: '{"hello":"app"}' } });
	expect(workspace.seen).toMatchObject([
		{
			type: "block_actions",
			user: { id: "U0DANA0001", username: "dana", team_id: "T0CALLGATE" },
			team: { id: "T0CALLGATE" },
			api_app_id: "A0CALLGATE",
			container: { type: "message", message_ts: ts, channel_id: "C0FINANCE1", is_ephemeral: false },
			channel: { id: "C0FINANCE1", name: "finance-approvals" },
			message: { ts, text: "Approval needed" },
			actions: [{ type: "button", action_id: "approve", block_id: "votes", value: "call-1" }],
		},
	]);
});

test("the control API clicks the same", async () => {
	await using workspace = await startWorkspace();
	const ts = await postApproval(workspace);
	const click = (body: object, headers = {}) =>
		fetch(`${workspace.slack.url}/_demo/click`, {
			method: "POST",
			headers: { "content-type": "application/json", ...headers },
			body: JSON.stringify(body),
		});
	expect(await (await click(clickOn(ts, "reject", "U0FRANK001"))).json()).toMatchObject({ ok: true });
	expect(workspace.seen.map(({ user, actions }) => [user.username, actions[0]?.action_id])).toEqual([["frank", "reject"]]);
	expect((await click(clickOn(ts), { "sec-fetch-site": "cross-site" })).status).toBe(403);
	expect(workspace.seen).toHaveLength(1);
});

test.each([
	["nobody", { user: "nobody" }, "no_such_person"],
	["a message that is not there", { ts: "1.1" }, "message_not_found"],
	["another channel", { channel: "cfo-approvals" }, "message_not_found"],
	["a button that is not there", { action_id: "shred" }, "action_not_found"],
	["a block that is not there", { block_id: "elsewhere" }, "action_not_found"],
])("a click by or on %s goes nowhere", async (_name, change, error) => {
	await using workspace = await startWorkspace();
	const ts = await postApproval(workspace);
	expect(await workspace.slack.click({ ...clickOn(ts), ...change })).toEqual({ ok: false, error });
	expect(workspace.seen).toEqual([]);
});

test("only the person who sees an ephemeral message can click on it", async () => {
	await using workspace = await startWorkspace();
	const { client, slack, seen } = workspace;
	const { message_ts } = await client.chat.postEphemeral({
		channel: "C0FINANCE1",
		user: "U0DANA0001",
		text: "t",
		blocks: [...approvalBlocks],
	});
	expect(await slack.click(clickOn(String(message_ts), "approve", "frank"))).toEqual({ ok: false, error: "message_not_found" });
	expect(await slack.click(clickOn(String(message_ts), "approve", "dana"))).toMatchObject({ ok: true });
	expect(seen).toMatchObject([{ user: { username: "dana" }, container: { is_ephemeral: true } }]);
	expect(seen[0]).not.toHaveProperty("message");
});

test("an app that does not answer in time, or with an error, is shown beside the message", async () => {
	await using silent = await startWorkspace(() => "hang", { ackTimeoutMs: 20 });
	const ts = await postApproval(silent);
	expect(await silent.slack.click(clickOn(ts))).toMatchObject({ ok: false, error: "app_timeout" });
	expect(await (await fetch(`${silent.slack.url}/?as=dana&channel=finance-approvals`)).text()).toContain("did not answer in time");
	expect(await (await fetch(`${silent.slack.url}/?as=frank&channel=finance-approvals`)).text()).not.toContain("did not answer in time");
	await using broken = await startWorkspace(() => ({ status: 500 }));
	expect(await broken.slack.click(clickOn(await postApproval(broken)))).toMatchObject({
		ok: false,
		error: "app_error",
		reply: { status: 500 },
	});
});

test("an app with another signing secret refuses", async () => {
	await using workspace = await startWorkspace(undefined, { signingSecret: "another" });
	expect(await workspace.slack.click(clickOn(await postApproval(workspace)))).toMatchObject({ ok: false, reply: { status: 401 } });
	expect(workspace.seen).toEqual([]);
});

async function respond({ seen }: Workspace, body: object): Promise<number> {
	const url = String(seen.at(-1)?.response_url);
	const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
	return answer.status;
}

test("a response address replaces, adds for one person or for all, deletes, and wears out after five uses", async () => {
	await using workspace = await startWorkspace();
	const { slack } = workspace;
	const ts = await postApproval(workspace);
	await slack.click(clickOn(ts, "approve", "mallory"));
	expect(await respond(workspace, { text: "You may not approve this.", replace_original: false, response_type: "ephemeral" })).toBe(200);
	expect(await respond(workspace, { text: "Someone tried.", response_type: "in_channel" })).toBe(200);
	expect(await respond(workspace, { text: "Closed", replace_original: true })).toBe(200);
	expect(slack.messages()).toMatchObject([
		{ ts, text: "Closed", blocks: [] },
		{ text: "You may not approve this.", ephemeralFor: "U0MALLORY1" },
		{ text: "Someone tried." },
	]);
	expect(slack.messages()[2]?.ephemeralFor).toBeUndefined();
	expect(await respond(workspace, { delete_original: true })).toBe(200);
	expect(slack.messages().map(({ text }) => text)).toEqual(["You may not approve this.", "Someone tried."]);
	expect(await respond(workspace, { text: "five" })).toBe(200);
	expect(await respond(workspace, { text: "six" })).toBe(404);
});

test("a response address ends after thirty minutes", async () => {
	let now = Date.parse("2025-06-01T10:00:00Z");
	await using workspace = await startWorkspace(undefined, { now: () => now });
	await workspace.slack.click(clickOn(await postApproval(workspace)));
	now += 30 * 60_000 + 1;
	expect(await respond(workspace, { text: "late" })).toBe(404);
});

/** An app that opens the modal on a click, and answers its submission as told. */
function modalApp(onSubmit: (payload: Payload) => object | undefined = () => undefined) {
	const opened: Promise<unknown>[] = [];
	const start = startWorkspace(async (payload) => {
		if (payload.type !== "block_actions") {
			const body = onSubmit(payload);
			return body === undefined ? {} : { body };
		}
		const { client } = await start;
		await client.views.open({ trigger_id: payload.trigger_id, view: reasonModal as never });
		// The second use of a trigger is refused; the test looks at why.
		opened.push(client.views.open({ trigger_id: payload.trigger_id, view: reasonModal as never }).catch((error: unknown) => error));
		return {};
	});
	return { start, opened };
}

test("a modal opens once per trigger, comes back filled in, and closes", async () => {
	const { start, opened } = modalApp();
	await using workspace = await start;
	const ts = await postApproval(workspace);
	const clicked = await workspace.slack.click(clickOn(ts, "reject"));
	expect(clicked).toMatchObject({ ok: true, view: { callback_id: "reject", private_metadata: "call-1" } });
	expect(await opened[0]).toMatchObject({ data: { error: "exchanged_trigger_id" } });

	expect(await workspace.slack.submitView({ user: "frank", values: { reason: "not mine" } })).toMatchObject({ error: "no_open_view" });
	expect(await workspace.slack.submitView({ user: "dana", values: {} })).toMatchObject({ ok: false, error: "invalid_input" });
	expect(await workspace.slack.submitView({ user: "dana", values: { reason: "x".repeat(21) } })).toMatchObject({ error: "invalid_input" });
	expect(workspace.seen).toHaveLength(1);

	const done = await workspace.slack.submitView({ user: "dana", values: { reason: "Wrong account" } });
	expect(done).toMatchObject({ ok: true });
	expect(done.view).toBeUndefined();
	expect(workspace.seen[1]).toMatchObject({
		type: "view_submission",
		user: { id: "U0DANA0001", username: "dana" },
		view: {
			callback_id: "reject",
			private_metadata: "call-1",
			state: { values: { reason: { text: { type: "plain_text_input", value: "Wrong account" } } } },
		},
	});
});

test("an app may answer a submission with errors, or with another modal", async () => {
	const { start } = modalApp(({ view }) =>
		view.state.values.reason?.text?.value === "no"
			? { response_action: "errors", errors: { reason: "Say more." } }
			: { response_action: "update", view: { ...reasonModal, callback_id: "thanks" } },
	);
	await using workspace = await start;
	await workspace.slack.click(clickOn(await postApproval(workspace), "reject"));
	const refused = await workspace.slack.submitView({ user: "dana", values: { reason: "no" } });
	expect(refused).toMatchObject({ ok: true, errors: { reason: "Say more." }, view: { callback_id: "reject" } });
	expect(await (await fetch(`${workspace.slack.url}/?as=dana`)).text()).toContain("Say more.");
	expect(await workspace.slack.submitView({ user: "dana", values: { reason: "because" } })).toMatchObject({
		view: { callback_id: "thanks" },
	});
});

test("a trigger is good for three seconds", async () => {
	let now = Date.parse("2025-06-01T10:00:00Z");
	await using workspace = await startWorkspace(undefined, { now: () => now });
	await workspace.slack.click(clickOn(await postApproval(workspace)));
	const open = () => workspace.client.views.open({ trigger_id: String(workspace.seen[0]?.trigger_id), view: reasonModal as never });
	now += 3001;
	await expect(open()).rejects.toMatchObject({ data: { error: "expired_trigger_id" } });
	now -= 1;
	expect((await open()).ok).toBe(true);
});

test("waiting for a change ends with the change", async () => {
	await using workspace = await startWorkspace();
	const { version } = (await (await fetch(`${workspace.slack.url}/_demo/messages`)).json()) as { version: number };
	const waiting = fetch(`${workspace.slack.url}/_demo/wait?since=${version}`);
	await postApproval(workspace);
	expect(await (await waiting).json()).toEqual({ version: version + 1 });
});
