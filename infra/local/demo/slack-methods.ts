// The methods of Slack's Web API that the stand-in knows, each from arguments to Slack's own answer.
import { emailKey } from "#libs/contracts/email.ts";
import { areTooLong, checkBlocks, checkModal } from "./slack-blocks.ts";
import { newView, viewAnswer } from "./slack-views.ts";
import { appId, type Block, botId, botUserId, type Message, teamDomain, teamId, type Workspace } from "./slack-workspace.ts";

export type SlackArguments = Readonly<Record<string, unknown>>;
export type SlackAnswer = { readonly ok: boolean; readonly error?: string; readonly [key: string]: unknown };
type Method = (workspace: Workspace, args: SlackArguments) => SlackAnswer;

// Slack: longer texts are refused.
const textMax = 40_000;
// Slack: larger modals are refused.
const viewBytesMax = 250 * 1024;

const refuse = (error: string, more: object = {}): SlackAnswer => ({ ok: false, error, ...more });

/** By method name, as in `POST /api/chat.postMessage`. */
export const slackMethods: Readonly<Record<string, Method>> = {
	"auth.test": (_workspace) => ({
		ok: true,
		url: `https://${teamDomain}.slack.example/`,
		team: "Callgate demo",
		team_id: teamId,
		user: "callgate",
		user_id: botUserId,
		bot_id: botId,
		is_enterprise_install: false,
	}),

	"chat.postMessage": (workspace, args) => {
		const channel = workspace.channel(text(args.channel));
		if (!channel) return refuse("channel_not_found");
		if (channel.appIsMember === false) return refuse("not_in_channel");
		const content = contentOf(args);
		if ("refused" in content) return content.refused;
		const thread = args.thread_ts === undefined ? {} : { threadTs: text(args.thread_ts) };
		const message: Message = { channel: channel.id, ts: workspace.nextTs(), ...content, ...thread };
		workspace.put(message);
		return { ok: true, channel: channel.id, ts: message.ts, message: messageAnswer(message) };
	},

	"chat.update": (workspace, args) => {
		// Unlike chat.postMessage it wants the channel's id; a name is not found.
		const found = workspace.message(text(args.channel), text(args.ts));
		if (workspace.channel(text(args.channel))?.id !== args.channel) return refuse("channel_not_found");
		if (!found || found.ephemeralFor !== undefined) return refuse("message_not_found");
		const content = contentOf(args);
		if ("refused" in content) return content.refused;
		const message: Message = { ...found, ...content, editedTs: workspace.nextTs() };
		workspace.put(message);
		return { ok: true, channel: message.channel, ts: message.ts, text: message.text, message: messageAnswer(message) };
	},

	"chat.delete": (workspace, args) => {
		const found = workspace.message(text(args.channel), text(args.ts));
		if (!found || found.ephemeralFor !== undefined) return refuse("message_not_found");
		workspace.remove(found.channel, found.ts);
		return { ok: true, channel: found.channel, ts: found.ts };
	},

	"chat.postEphemeral": (workspace, args) => {
		const channel = workspace.channel(text(args.channel));
		if (!channel) return refuse("channel_not_found");
		if (channel.appIsMember === false) return refuse("not_in_channel");
		const person = workspace.people.find(({ slackId }) => slackId === args.user);
		if (!person) return refuse("user_not_in_channel");
		const content = contentOf(args);
		if ("refused" in content) return content.refused;
		const message: Message = { channel: channel.id, ts: workspace.nextTs(), ...content, ephemeralFor: person.slackId };
		workspace.put(message);
		return { ok: true, message_ts: message.ts };
	},

	"users.info": (workspace, args) => {
		if (args.user === botUserId)
			return { ok: true, user: { id: botUserId, team_id: teamId, name: "callgate", is_bot: true, deleted: false } };
		const person = workspace.people.find(({ slackId }) => slackId === args.user);
		return person ? { ok: true, user: userAnswer(person) } : refuse("user_not_found");
	},

	"users.lookupByEmail": (workspace, args) => {
		const wanted = emailKey(text(args.email));
		const person = workspace.people.find(({ email }) => emailKey(email) === wanted);
		return person ? { ok: true, user: userAnswer(person) } : refuse("users_not_found");
	},

	"conversations.list": (workspace, args) => {
		const start = Number(text(args.cursor).replace("page-", "")) || 0;
		const end = start + Math.min(Math.max(Number(args.limit) || 100, 1), 1000);
		const next_cursor = end < workspace.channels.length ? `page-${end}` : "";
		return { ok: true, channels: workspace.channels.slice(start, end).map(channelAnswer), response_metadata: { next_cursor } };
	},

	"conversations.info": (workspace, args) => {
		const channel = workspace.channel(text(args.channel));
		return channel ? { ok: true, channel: channelAnswer(channel) } : refuse("channel_not_found");
	},

	"conversations.open": (workspace, args) => {
		const person = workspace.people.find(({ slackId }) => slackId === args.users);
		const channel = person && workspace.channel(person.slackId);
		return channel ? { ok: true, channel: { id: channel.id } } : refuse("user_not_found");
	},

	"views.open": (workspace, args) => {
		const view = structured(args.view);
		if (Buffer.byteLength(JSON.stringify(view) ?? "") > viewBytesMax) return refuse("view_too_large");
		const checked = checkModal(view);
		if ("errors" in checked) return refuse("invalid_arguments", explain(checked.errors));
		const trigger = workspace.useTrigger(text(args.trigger_id));
		if ("error" in trigger) return refuse(trigger.error);
		const open = newView(trigger.user, checked.view);
		workspace.showView(open);
		return { ok: true, view: viewAnswer(open) };
	},
};

/** The text and blocks of a message that is posted or changed, or Slack's refusal. */
export function contentOf(args: SlackArguments): { text: string; blocks: readonly Block[] } | { refused: SlackAnswer } {
	const content = text(args.text);
	if (content.length > textMax) return { refused: refuse("msg_too_long") };
	const given = args.blocks === undefined ? [] : structured(args.blocks);
	if (!Array.isArray(given)) return { refused: refuse("invalid_blocks_format") };
	const checked = checkBlocks(given);
	if ("errors" in checked) return { refused: refuse("invalid_blocks", { errors: checked.errors, ...explain(checked.errors) }) };
	if (areTooLong(given)) return { refused: refuse("msg_blocks_too_long") };
	if (content === "" && checked.blocks.length === 0) return { refused: refuse("no_text") };
	return { text: content, blocks: checked.blocks };
}

/** A message as Slack gives it in answers and interaction payloads. */
export function messageAnswer(message: Message): { readonly [key: string]: unknown } {
	return {
		type: "message",
		user: botUserId,
		bot_id: botId,
		app_id: appId,
		team: teamId,
		ts: message.ts,
		text: message.text,
		blocks: message.blocks,
		...(message.threadTs === undefined ? {} : { thread_ts: message.threadTs }),
		...(message.editedTs === undefined ? {} : { edited: { user: botId, ts: message.editedTs } }),
	};
}

/** A person as Slack gives them; the e-mail address needs the scope users:read.email, which the app has. */
function userAnswer(person: Workspace["people"][number]) {
	return {
		id: person.slackId,
		team_id: teamId,
		name: person.name,
		real_name: person.realName,
		deleted: false,
		is_bot: false,
		is_app_user: false,
		is_restricted: false,
		is_ultra_restricted: false,
		is_email_confirmed: true,
		tz: "Etc/UTC",
		profile: { real_name: person.realName, display_name: person.name, email: person.email, team: teamId },
	};
}

function channelAnswer(channel: Workspace["channels"][number]) {
	return {
		id: channel.id,
		name: channel.name,
		is_channel: !channel.id.startsWith("D"),
		is_im: channel.id.startsWith("D"),
		is_archived: false,
		is_private: false,
		is_member: channel.appIsMember !== false,
		topic: { value: channel.topic },
	};
}

function explain(errors: readonly string[]) {
	return { response_metadata: { messages: errors.map((error) => `[ERROR] ${error}`) } };
}

/** Form-encoded requests carry structures as JSON text; JSON requests carry them as they are. */
function structured(value: unknown): unknown {
	if (typeof value !== "string") return value;
	try {
		return JSON.parse(value);
	} catch {
		return undefined;
	}
}

function text(value: unknown): string {
	return typeof value === "string" ? value : "";
}
