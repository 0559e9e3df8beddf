// The Slack stand-in as a web page: channels, messages, and a picker of whom to act as. Server-rendered; the script only refreshes and confirms.
import { readFileSync } from "node:fs";
import { escapeHtml } from "#libs/service/html.ts";
import type { Channel, Person } from "./people.ts";
import { type Names, renderMrkdwn } from "./slack-mrkdwn.ts";
import { renderBlocks, renderHidden, renderView } from "./slack-page-blocks.ts";
import { canSee, type Message, type Workspace } from "./slack-workspace.ts";

export const pageStyle = readFileSync(new URL("./slack-page.css", import.meta.url), "utf8");
export const pageScript = readFileSync(new URL("./slack-page.js", import.meta.url), "utf8");

/** Nothing from elsewhere, nothing inline: a message cannot bring a script along. */
export const pagePolicy =
	"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const messagesShownMax = 200;

/** The page as `person` sees it, with `channel` open. */
export function renderPage(workspace: Workspace, person: Person, channel: Channel): string {
	const names: Names = {
		user: (id) => workspace.people.find(({ slackId }) => slackId === id)?.realName,
		channel: (id) => workspace.channels.find((one) => one.id === id)?.name,
	};
	const visible = workspace.messages().filter((message) => canSee(person.slackId, message));
	const here = visible.filter((message) => message.channel === channel.id);
	const open = workspace.viewOf(person.slackId);
	const fields = { as: person.name, channel: channel.id };
	const messages = inThreads(here)
		.slice(-messagesShownMax)
		.map((message) => renderMessage(workspace, message, person, names));
	return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>#${escapeHtml(channel.name)} · Slack stand-in</title><link rel="stylesheet" href="/slack-page.css"><script src="/slack-page.js" defer></script></head>
<body data-version="${workspace.version()}">
<nav><h1>Callgate demo</h1><p>A stand-in for Slack</p>${renderChannels(workspace, person, channel, visible)}
<form class="picker" method="get"><label>Acting as<select name="as">${renderPeople(workspace, person)}</select></label>
${renderHidden({ channel: channel.id })}<button>Switch</button></form></nav>
<main><header><h2 class="title">${channelLabel(channel)}</h2><p>${escapeHtml(channel.topic)}</p></header>
<section class="messages" aria-live="polite">${messages.join("") || '<p class="empty">Nothing here yet. Make a call that policy holds, and its approval appears.</p>'}</section></main>
<div id="modal">${open ? renderView(open, names, fields) : ""}</div>
<dialog id="confirm" class="modal"><h2></h2><p></p><div class="actions end"><button value="no"></button><button value="yes" class="primary"></button></div></dialog>
</body></html>`;
}

function renderChannels(workspace: Workspace, person: Person, open: Channel, visible: readonly Message[]): string {
	const direct = workspace.channel(person.slackId);
	const shown = [...workspace.channels, ...(direct ? [direct] : [])];
	const links = shown.map((channel) => {
		const count = visible.filter((message) => message.channel === channel.id).length;
		const current = channel.id === open.id ? ' aria-current="page"' : "";
		const href = `/?as=${encodeURIComponent(person.name)}&channel=${encodeURIComponent(channel.id)}`;
		return `<li><a href="${escapeHtml(href)}"${current}>${channelLabel(channel)}${count > 0 ? `<span>${count}</span>` : ""}</a></li>`;
	});
	return `<ul>${links.join("")}</ul>`;
}

function channelLabel(channel: Channel): string {
	return channel.id.startsWith("D") ? "Callgate, direct" : `# ${escapeHtml(channel.name)}`;
}

function renderPeople(workspace: Workspace, person: Person): string {
	return workspace.people
		.map(({ name, realName, note }) => {
			const selected = name === person.name ? " selected" : "";
			return `<option value="${escapeHtml(name)}"${selected}>${escapeHtml(`${realName} (${note})`)}</option>`;
		})
		.join("");
}

/** By time, a reply below the message that it answers. */
function inThreads(messages: readonly Message[]): readonly Message[] {
	const key = (message: Message) => `${message.threadTs ?? message.ts} ${message.ts}`;
	return messages.toSorted((one, other) => (key(one) < key(other) ? -1 : 1));
}

function renderMessage(workspace: Workspace, message: Message, person: Person, names: Names): string {
	const fields = { as: person.name, channel: message.channel, ts: message.ts };
	const body = message.blocks.length > 0 ? renderBlocks(message.blocks, names, fields) : `<div>${renderMrkdwn(message.text, names)}</div>`;
	const notice = workspace.noticeFor(person.slackId);
	const failed = notice?.channel === message.channel && notice.ts === message.ts ? `<p class="error">⚠️ ${escapeHtml(notice.text)}</p>` : "";
	const only = message.ephemeralFor === undefined ? "" : '<p class="only">Only visible to you</p>';
	const kinds = [
		"message",
		...(message.ephemeralFor === undefined ? [] : ["ephemeral"]),
		...(message.threadTs === undefined ? [] : ["reply"]),
	];
	const at = new Date(Number(message.ts) * 1000).toISOString();
	return `<article class="${kinds.join(" ")}" id="m-${escapeHtml(message.ts)}"><div class="avatar" aria-hidden="true">C</div><div class="body">${only}
<p class="who"><b>Callgate</b> <span class="app">APP</span> <time datetime="${at}">${at.slice(11, 19)}</time>${message.editedTs === undefined ? "" : " <small>(edited)</small>"}</p>
${body}${failed}</div></article>`;
}
