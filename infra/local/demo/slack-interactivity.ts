// What happens when someone clicks: Slack's signed request to the app, and the app's way back through response_url.
import { createHmac, randomBytes } from "node:crypto";
import type { Person } from "./people.ts";
import { checkModal } from "./slack-blocks.ts";
import { contentOf, messageAnswer, type SlackAnswer } from "./slack-methods.ts";
import { fillIn, newView, type Typed, viewAnswer } from "./slack-views.ts";
import { appId, type Block, canSee, type Message, type OpenView, teamDomain, teamId, type Workspace } from "./slack-workspace.ts";

export type Click = {
	/** Slack id or name of whoever clicks. */
	readonly user: string;
	/** Channel id or name. */
	readonly channel: string;
	readonly ts: string;
	readonly action_id: string;
	/** Needed only when two blocks have an action of this name. */
	readonly block_id?: string;
};

export type Submission = { readonly user: string; readonly values: Typed };

/** What came of a click: what the app replied over HTTP, and the modal that is open in front of the person by then. */
export type Outcome = {
	readonly ok: boolean;
	/** `no_such_person`, `message_not_found`, `action_not_found`, `no_open_view`, `invalid_input`, `app_timeout`, `app_unreachable`, `app_error`. */
	readonly error?: string;
	readonly reply?: { readonly status: number; readonly body: string };
	readonly errors?: Readonly<Record<string, string>>;
	readonly view?: { readonly [key: string]: unknown };
};

export type InteractivityOptions = {
	readonly workspace: Workspace;
	readonly interactivityUrl: string;
	readonly signingSecret: string;
	/** How long the app has to answer; Slack gives three seconds. */
	readonly ackTimeoutMs: number;
	/** Where the app reaches this server. */
	readonly ownUrl: () => string;
};

// Slack: a response_url works five times within thirty minutes.
const responseUses = 5;
const responseMs = 30 * 60_000;
const responseUrlsMax = 10_000;
const replyCharsMax = 100_000;

export type Interactivity = ReturnType<typeof createInteractivity>;

export function createInteractivity({ workspace, interactivityUrl, signingSecret, ackTimeoutMs, ownUrl }: InteractivityOptions) {
	const responseUrls = createResponseUrls(workspace);
	const send = (payload: object) => postSigned(interactivityUrl, signingSecret, ackTimeoutMs, Math.floor(workspace.now() / 1000), payload);
	const envelope = (person: Person) => ({
		user: { id: person.slackId, username: person.name, name: person.name, team_id: teamId },
		team: { id: teamId, domain: teamDomain },
		api_app_id: appId,
		enterprise: null,
		is_enterprise_install: false,
		trigger_id: workspace.newTrigger(person.slackId),
	});
	const openView = (user: string) => {
		const open = workspace.viewOf(user);
		return open ? { view: viewAnswer(open) } : {};
	};
	return {
		/** Answers a POST to a response_url. */
		respond: responseUrls.respond,

		click: async (click: Click): Promise<Outcome> => {
			const person = workspace.person(click.user);
			if (!person) return { ok: false, error: "no_such_person" };
			const message = workspace.message(workspace.channel(click.channel)?.id ?? "", click.ts);
			if (!message || !canSee(person.slackId, message)) return { ok: false, error: "message_not_found" };
			const found = findAction(message.blocks, click);
			if (!found) return { ok: false, error: "action_not_found" };
			workspace.setNotice(person.slackId, undefined);
			const action = { ...found.element, block_id: found.blockId, action_ts: workspace.nextTs() };
			const responseUrl = `${ownUrl()}${responseUrls.create(message, person.slackId)}`;
			const outcome = await send({
				type: "block_actions",
				...envelope(person),
				...about(workspace, message),
				response_url: responseUrl,
				actions: [action],
			});
			if (!outcome.ok) workspace.setNotice(person.slackId, { channel: message.channel, ts: message.ts, text: noticeText(outcome) });
			return { ...outcome, ...openView(person.slackId) };
		},

		submitView: async ({ user, values }: Submission): Promise<Outcome> => {
			const person = workspace.person(user);
			const open = person && workspace.viewOf(person.slackId);
			if (!open) return { ok: false, error: "no_open_view" };
			const filled = fillIn(open.view, values);
			if ("errors" in filled) {
				workspace.showView({ ...open, errors: filled.errors });
				return { ok: false, error: "invalid_input", errors: filled.errors };
			}
			const outcome = await send({ type: "view_submission", ...envelope(person), view: viewAnswer(open, filled.state), response_urls: [] });
			const after = followReply(workspace, open, outcome);
			return { ...after, ...openView(person.slackId) };
		},

		/** The person closes the modal; the app hears of it when it asked to (`notify_on_close`). */
		closeView: async (user: string): Promise<Outcome> => {
			const person = workspace.person(user);
			const open = person && workspace.viewOf(person.slackId);
			if (!open) return { ok: false, error: "no_open_view" };
			workspace.closeView(open.user);
			if (open.view.notify_on_close !== true) return { ok: true };
			return send({ type: "view_closed", ...envelope(person), view: viewAnswer(open), is_cleared: false });
		},
	};
}

/** Posts like Slack: form-encoded, signed over timestamp and body (HMAC-SHA256, version `v0`), never redirected. */
async function postSigned(url: string, secret: string, timeoutMs: number, timestampS: number, payload: object): Promise<Outcome> {
	const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
	const signature = `v0=${createHmac("sha256", secret).update(`v0:${timestampS}:${body}`).digest("hex")}`;
	const headers = {
		"Content-Type": "application/x-www-form-urlencoded",
		"User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
		"X-Slack-Request-Timestamp": String(timestampS),
		"X-Slack-Signature": signature,
	};
	try {
		const answer = await fetch(url, { method: "POST", headers, body, redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
		const reply = { status: answer.status, body: (await answer.text()).slice(0, replyCharsMax) };
		return answer.status === 200 ? { ok: true, reply } : { ok: false, error: "app_error", reply };
	} catch (error) {
		const late = error instanceof Error && error.name === "TimeoutError";
		return { ok: false, error: late ? "app_timeout" : "app_unreachable" };
	}
}

function noticeText({ error, reply }: Outcome): string {
	if (error === "app_timeout") return "The app did not answer in time. Try again in a moment.";
	if (error === "app_unreachable") return "The app could not be reached.";
	return `The app answered with an error (${reply?.status ?? "none"}).`;
}

/** The members of a payload that say on what was clicked; an ephemeral message is not repeated, as in Slack. */
function about(workspace: Workspace, message: Message) {
	const ephemeral = message.ephemeralFor !== undefined;
	const name = workspace.channel(message.channel)?.name ?? "";
	return {
		container: { type: "message", message_ts: message.ts, channel_id: message.channel, is_ephemeral: ephemeral },
		channel: { id: message.channel, name: message.channel.startsWith("D") ? "directmessage" : name },
		...(ephemeral ? {} : { message: messageAnswer(message) }),
		state: { values: {} },
	};
}

function findAction(blocks: readonly Block[], click: Click): { readonly element: Block; readonly blockId: string } | undefined {
	for (const block of blocks) {
		if (click.block_id !== undefined && block.block_id !== click.block_id) continue;
		const elements = [...(Array.isArray(block.elements) ? block.elements : []), ...(block.accessory ? [block.accessory] : [])] as Block[];
		const element = elements.find(({ type, action_id }) => type === "button" && action_id === click.action_id);
		if (element) return { element, blockId: String(block.block_id) };
	}
	return undefined;
}

/** What an answer to `view_submission` does: nothing in it closes the modal, `response_action` says otherwise. */
function followReply(workspace: Workspace, open: OpenView, outcome: Outcome): Outcome {
	// The app may have opened another modal meanwhile; its answer is about the one that was submitted.
	const stillOpen = workspace.viewOf(open.user)?.id === open.id;
	const show = (next: OpenView) => stillOpen && workspace.showView(next);
	const failed = (error: string): Outcome => {
		show({
			...open,
			errors: { "": error === "app_timeout" ? noticeText(outcome) : "We had some trouble connecting. Try again?" },
		});
		return { ...outcome, ok: false, error };
	};
	if (!outcome.ok) return failed(outcome.error ?? "app_error");
	const reply = parseReply(outcome.reply?.body ?? "");
	if (!reply) return failed("app_error");
	switch (reply.response_action) {
		case undefined:
		case "clear":
			if (stillOpen) workspace.closeView(open.user);
			return outcome;
		case "errors":
			show({ ...open, errors: reply.errors ?? {} });
			return { ...outcome, errors: reply.errors ?? {} };
		case "update":
		case "push": {
			// The stand-in shows one modal at a time, so a pushed one takes the place of the one below.
			const checked = checkModal(reply.view);
			if ("errors" in checked) return failed("app_error");
			show({ ...newView(open.user, checked.view), ...(reply.response_action === "update" ? { id: open.id } : {}) });
			return outcome;
		}
		default:
			return failed("app_error");
	}
}

function parseReply(body: string): { response_action?: string; errors?: Record<string, string>; view?: unknown } | undefined {
	if (body.trim() === "") return {};
	try {
		const reply: unknown = JSON.parse(body);
		return typeof reply === "object" && reply !== null ? reply : undefined;
	} catch {
		return undefined;
	}
}

/** The addresses that let an app answer a click without a token. */
function createResponseUrls(workspace: Workspace) {
	const known = new Map<string, { message: Message; user: string; expiresAt: number; left: number }>();
	return {
		create: (message: Message, user: string): string => {
			const path = `/actions/${teamId}/${randomBytes(24).toString("base64url")}`;
			known.set(path, { message, user, expiresAt: workspace.now() + responseMs, left: responseUses });
			const [oldest] = known.keys();
			if (known.size > responseUrlsMax && oldest !== undefined) known.delete(oldest);
			return path;
		},
		respond: (path: string, body: Readonly<Record<string, unknown>>): SlackAnswer => {
			const target = known.get(path);
			if (!target || target.expiresAt < workspace.now()) return { ok: false, error: "expired_url" };
			if (target.left === 0) return { ok: false, error: "used_url" };
			target.left -= 1;
			const { message, user } = target;
			if (body.delete_original === true || body.delete_original === "true") {
				workspace.remove(message.channel, message.ts);
				return { ok: true };
			}
			const content = contentOf(body);
			if ("refused" in content) return content.refused;
			if (body.replace_original === true || body.replace_original === "true") {
				if (!workspace.message(message.channel, message.ts)) return { ok: false, error: "message_not_found" };
				workspace.put({ ...message, ...content, editedTs: workspace.nextTs() });
			} else {
				const ephemeral = body.response_type === "in_channel" ? {} : { ephemeralFor: user };
				workspace.put({ channel: message.channel, ts: workspace.nextTs(), ...content, ...ephemeral });
			}
			return { ok: true };
		},
	};
}
