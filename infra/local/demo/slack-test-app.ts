// For the tests of the Slack stand-in: an app that takes clicks as a real one does, checking Slack's signature, and answers as told.
import { createHmac, timingSafeEqual } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, LogLevel, WebClient } from "@slack/web-api";
import { channels, people } from "./people.ts";
import { type Slack, type SlackOptions, startSlack } from "./slack.ts";

export const botToken = "xoxb-test-token";
export const signingSecret = "signing-secret-of-the-test";

/** What an interaction's payload holds, as far as the tests look. */
export type Payload = {
	type: string;
	user: { id: string; username: string; team_id: string };
	trigger_id: string;
	response_url: string;
	container: Record<string, unknown>;
	message?: { ts: string; text: string; blocks: unknown[] };
	actions: { action_id: string; block_id: string; value?: string; type: string }[];
	view: { callback_id: string; private_metadata: string; state: { values: Record<string, Record<string, Record<string, unknown>>> } };
	[key: string]: unknown;
};

/** An HTTP answer; `hang` never answers. */
export type Reply = { status?: number; body?: unknown } | "hang";

/** A workspace, an app behind it, and the real client; `onInteraction` decides what the app replies. */
export async function startWorkspace(
	onInteraction: (payload: Payload) => Reply | Promise<Reply> = () => ({}),
	more: Partial<SlackOptions> = {},
) {
	const seen: Payload[] = [];
	const app = createServer(async (request, response) => {
		const chunks: Buffer[] = [];
		for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
		const body = Buffer.concat(chunks).toString("utf8");
		if (!signedBySlack(request.headers, body)) {
			response.writeHead(401).end();
			return;
		}
		const payload = JSON.parse(String(new URLSearchParams(body).get("payload"))) as Payload;
		seen.push(payload);
		const reply = await onInteraction(payload);
		if (reply === "hang") return;
		response.writeHead(reply.status ?? 200, { "Content-Type": "application/json" });
		response.end(reply.body === undefined ? "" : JSON.stringify(reply.body));
	});
	await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
	const interactivityUrl = `http://127.0.0.1:${(app.address() as AddressInfo).port}/slack/interactions`;
	const dataDir = more.dataDir ?? (await mkdtemp(join(tmpdir(), "callgate-slack-")));
	const slack = await startSlack({ port: 0, botToken, signingSecret, interactivityUrl, people, channels, ...more, dataDir });
	return {
		slack,
		seen,
		dataDir,
		client: clientOf(slack),
		[Symbol.asyncDispose]: async () => {
			await slack.stop();
			app.closeAllConnections();
			await new Promise((resolve) => app.close(resolve));
			if (more.dataDir === undefined) await rm(dataDir, { recursive: true });
		},
	};
}

const nothing = () => undefined;
// The client logs each refusal that a test provokes.
const silent: Logger = {
	debug: nothing,
	info: nothing,
	warn: nothing,
	error: nothing,
	setLevel: nothing,
	getLevel: () => LogLevel.ERROR,
	setName: nothing,
};

/** The real client, pointed at the stand-in, without retries that would hide a wrong answer. */
export function clientOf(slack: Slack, token = botToken, retries = 0): WebClient {
	return new WebClient(token, {
		slackApiUrl: slack.apiUrl,
		logger: silent,
		retryConfig: { retries, minTimeout: 1, maxTimeout: 1 },
	});
}

/** Written from Slack's documentation ("Verifying requests from Slack"), not from the stand-in's code. */
function signedBySlack(headers: Readonly<Record<string, unknown>>, body: string): boolean {
	const timestamp = String(headers["x-slack-request-timestamp"]);
	const expected = Buffer.from(`v0=${createHmac("sha256", signingSecret).update(`v0:${timestamp}:${body}`).digest("hex")}`);
	const given = Buffer.from(String(headers["x-slack-signature"]));
	return /^\d{10}$/.test(timestamp) && given.length === expected.length && timingSafeEqual(given, expected);
}

/** Blocks of an approval: a section, and two buttons of which one asks before. */
export const approvalBlocks = [
	{ type: "header", text: { type: "plain_text", text: "Approval needed" } },
	{ type: "section", text: { type: "mrkdwn", text: "*erin@example.com* wants `createTransfer`" } },
	{
		type: "actions",
		block_id: "votes",
		elements: [
			{ type: "button", action_id: "approve", text: { type: "plain_text", text: "Approve" }, style: "primary", value: "call-1" },
			{ type: "button", action_id: "reject", text: { type: "plain_text", text: "Reject" }, style: "danger", value: "call-1" },
		],
	},
] as const;

/** A modal that asks why. */
export const reasonModal = {
	type: "modal",
	callback_id: "reject",
	private_metadata: "call-1",
	title: { type: "plain_text", text: "Reject" },
	submit: { type: "plain_text", text: "Reject" },
	blocks: [
		{
			type: "input",
			block_id: "reason",
			label: { type: "plain_text", text: "Why?" },
			element: { type: "plain_text_input", action_id: "text", multiline: true, max_length: 20 },
		},
	],
} as const;
