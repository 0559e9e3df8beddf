// The Slack stand-in's page: who sees what, buttons that click, and nothing that a message could smuggle in.
import fc from "fast-check";
import { expect, test } from "vitest";
import { renderMrkdwn } from "./slack-mrkdwn.ts";
import { approvalBlocks, reasonModal, startWorkspace } from "./slack-test-app.ts";

const names = {
	user: (id: string) => (id === "U1" ? "Dana <b>" : undefined),
	channel: (id: string) => (id === "C1" ? "finance" : undefined),
};

test.each([
	["*bold* and _italic_ and ~gone~", "<b>bold</b> and <i>italic</i> and <s>gone</s>"],
	["2*3*4 and snake_case_name", "2*3*4 and snake_case_name"],
	["one\ntwo", "one<br>two"],
	["&lt;b&gt; &amp;amp;", "&lt;b&gt; &amp;amp;"],
	["`a*b*<x>`", "<code>a*b*&lt;x&gt;</code>"],
	["```\nline *1*\n```", "<pre>line *1*\n</pre>"],
	["```x```\nafter", "<pre>x</pre>after"],
	["``` not closed", "``` not closed"],
	["&gt; quoted", "<blockquote>quoted</blockquote>"],
	["<@U1> in <#C1>", '<span class="mention">@Dana &lt;b&gt;</span> in <span class="mention">#finance</span>'],
	["<https://example.com/?a=1|a *link*>", '<a href="https://example.com/?a=1" rel="noreferrer noopener" target="_blank">a <b>link</b></a>'],
	["<javascript:alert(1)|click>", "&lt;javascript:alert(1)|click&gt;"],
	["<!here>", '<span class="mention">@here</span>'],
	["<!date^1700000000^{date_short} at {time}|then>", '<time datetime="2023-11-14T22:13:20.000Z">2023-11-14 at 22:13 UTC</time>'],
	[":white_check_mark: done :unknown:", "✅ done :unknown:"],
])("%s", (markup, html) => {
	expect(renderMrkdwn(markup, names)).toBe(html);
});

test("no markup makes a tag that the renderer does not know, or an attribute that it did not write", () => {
	const pieces = fc.constantFrom(
		"<",
		">",
		"|",
		"*",
		"_",
		"~",
		"`",
		"```",
		'"',
		"'",
		" ",
		"\n",
		"&",
		"&lt;",
		"@U1",
		"!date^1^{time}",
		"https://e.x/",
		"onload=",
		"a",
	);
	const allowed =
		/<(?:\/?(?:b|i|s|code|pre|blockquote|span|a|time)|br|span class="mention"|a href="[^"<>]*" rel="noreferrer noopener" target="_blank"|time datetime="[^"<>]*")>/g;
	fc.assert(
		fc.property(fc.array(pieces, { maxLength: 24 }), (parts) => {
			const rest = renderMrkdwn(parts.join(""), names).replace(allowed, "");
			expect(rest).not.toMatch(/[<>"]/);
		}),
		{ numRuns: 2_000 },
	);
});

type Workspace = Awaited<ReturnType<typeof startWorkspace>>;
const see = async ({ slack }: Workspace, as: string, channel = "finance-approvals") =>
	(await fetch(`${slack.url}/?as=${as}&channel=${channel}`)).text();
const submit = ({ slack }: Workspace, path: string, form: Record<string, string>) =>
	fetch(`${slack.url}${path}`, { method: "POST", body: new URLSearchParams(form), redirect: "manual" });

test("a button on the page clicks as the person picked", async () => {
	await using workspace = await startWorkspace();
	const { ts } = await workspace.client.chat.postMessage({ channel: "C0FINANCE1", text: "t", blocks: [...approvalBlocks] });
	const page = await see(workspace, "frank");
	const form = page.split("<form").find((part) => part.includes('value="approve"')) ?? "";
	expect(form).toContain('action="/click"');
	const fields = Object.fromEntries([...form.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]));
	expect(fields).toEqual({ as: "frank", channel: "C0FINANCE1", ts, block_id: "votes", action_id: "approve" });
	const answer = await submit(workspace, "/click", fields);
	expect([answer.status, answer.headers.get("location")]).toEqual([303, "/?as=frank&channel=C0FINANCE1"]);
	expect(workspace.seen).toMatchObject([{ user: { username: "frank" }, actions: [{ action_id: "approve" }] }]);
});

test("ephemeral and direct messages are for one person", async () => {
	await using workspace = await startWorkspace();
	await workspace.client.chat.postEphemeral({ channel: "C0FINANCE1", user: "U0DANA0001", text: "only-dana" });
	await workspace.client.chat.postMessage({ channel: "U0DANA0001", text: "hush-dana" });
	expect(await see(workspace, "dana")).toContain("only-dana");
	expect(await see(workspace, "frank")).not.toContain("only-dana");
	expect(await see(workspace, "dana", "D0DANA0001")).toContain("hush-dana");
	expect(await see(workspace, "frank", "D0DANA0001")).not.toContain("hush-dana");
});

test("a modal is a form; it submits and closes", async () => {
	await using workspace: Workspace = await startWorkspace(async (payload) => {
		if (payload.type === "block_actions") await workspace.client.views.open({ trigger_id: payload.trigger_id, view: reasonModal as never });
		return {};
	});
	const { ts } = await workspace.client.chat.postMessage({ channel: "C0FINANCE1", text: "t", blocks: [...approvalBlocks] });
	const click = { as: "dana", channel: "C0FINANCE1", ts: String(ts), action_id: "reject" };
	await submit(workspace, "/click", click);
	expect(await see(workspace, "dana")).toContain('name="value.reason" required');
	expect(await see(workspace, "frank")).not.toContain("value.reason");
	await submit(workspace, "/submit-view", { as: "dana", channel: "C0FINANCE1", "value.reason": "Wrong account" });
	expect(workspace.seen.at(-1)).toMatchObject({
		type: "view_submission",
		view: { state: { values: { reason: { text: { value: "Wrong account" } } } } },
	});
	expect(await see(workspace, "dana")).not.toContain("value.reason");
	await submit(workspace, "/click", click);
	await submit(workspace, "/close-view", { as: "dana", channel: "C0FINANCE1" });
	expect(await see(workspace, "dana")).not.toContain("value.reason");
});

test("nothing that an app posts becomes live HTML", async () => {
	await using workspace = await startWorkspace();
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>'`;
	const text = { type: "plain_text", text: evil };
	const blocks = [
		{ type: "header", text },
		{
			type: "section",
			block_id: evil,
			text: { type: "mrkdwn", text: evil },
			fields: [text],
			accessory: { type: "image", image_url: evil, alt_text: evil },
		},
		{ type: "context", elements: [text] },
		{
			type: "actions",
			elements: [
				{
					type: "button",
					text,
					action_id: evil,
					value: evil,
					confirm: { title: text, text, confirm: { type: "plain_text", text: `">` }, deny: { type: "plain_text", text: "<" } },
				},
			],
		},
	];
	await workspace.client.chat.postMessage({ channel: "C0FINANCE1", text: evil, blocks: blocks as never });
	await workspace.client.chat.postMessage({ channel: "C0FINANCE1", text: evil });
	const answer = await fetch(`${workspace.slack.url}/?as=dana&channel=finance-approvals`);
	expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
	const page = await answer.text();
	expect(page.match(/<script/g)).toHaveLength(1);
	expect(page).not.toMatch(/<img|<[^>"]*\sonerror/);
});

test("another site can neither read the page nor name this server its own", async () => {
	await using workspace = await startWorkspace();
	const { request } = await import("node:http");
	const statusFor = (headers: Record<string, string>) =>
		new Promise((resolve) => request(workspace.slack.url, { headers }, (answer) => resolve(answer.resume().statusCode)).end());
	expect(await statusFor({})).toBe(200);
	expect(await statusFor({ host: "evil.example" })).toBe(403);
	expect(await statusFor({ "sec-fetch-site": "cross-site" })).toBe(403);
});
