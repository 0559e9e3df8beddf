// Slack's text markup (`mrkdwn`) as HTML: the subset that messages of an approval need. Everything else comes out as text.
import { escapeHtml } from "#libs/service/html.ts";

export type Names = { user(id: string): string | undefined; channel(id: string): string | undefined };

const emoji: Readonly<Record<string, string>> = {
	arrow_right: "➡️",
	bell: "🔔",
	clock3: "🕒",
	eyes: "👀",
	hourglass: "⌛",
	hourglass_flowing_sand: "⏳",
	information_source: "ℹ️",
	key: "🔑",
	lock: "🔒",
	memo: "📝",
	moneybag: "💰",
	no_entry: "⛔",
	no_entry_sign: "🚫",
	question: "❓",
	robot_face: "🤖",
	rotating_light: "🚨",
	shield: "🛡️",
	stopwatch: "⏱️",
	warning: "⚠️",
	white_check_mark: "✅",
	x: "❌",
};

/** Markup to HTML. `&amp;`, `&lt;` and `&gt;` are how Slack's texts carry the three characters; they are read before they are escaped again. */
export function renderMrkdwn(text: string, names: Names): string {
	return text
		.split(/(```[\s\S]*?```\n?|`[^`\n]+`)/)
		.map((part) => {
			if (/^```[\s\S]*```\n?$/.test(part)) return `<pre>${plain(part.trimEnd().slice(3, -3).replace(/^\n/, ""))}</pre>`;
			if (/^`[^`\n]+`$/.test(part)) return `<code>${plain(part.slice(1, -1))}</code>`;
			return renderLines(part, names);
		})
		.join("");
}

/** Plain text with emoji names, as in headers and buttons. */
export function renderPlain(text: string): string {
	return withEmoji(escapeHtml(text)).replaceAll("\n", "<br>");
}

function renderLines(text: string, names: Names): string {
	const html = text
		.split(/(<[^<>\n]+>)/)
		.map((part) => (/^<[^<>\n]+>$/.test(part) ? renderToken(part.slice(1, -1), names) : withEmoji(plain(part))))
		.join("");
	return emphasis(html)
		.split("\n")
		.map((line) => (line.startsWith("&gt;") ? `<blockquote>${line.slice(4).trimStart()}</blockquote>` : `${line}<br>`))
		.join("")
		.replace(/<br>$/, "");
}

function renderToken(token: string, names: Names): string {
	const [target = "", label] = token.split("|", 2);
	const mention = (sign: string, name: string | undefined) =>
		`<span class="mention">${sign}${plain(name ?? label ?? target.slice(1))}</span>`;
	if (target.startsWith("@")) return mention("@", names.user(target.slice(1)));
	if (target.startsWith("#")) return mention("#", names.channel(target.slice(1)));
	if (target.startsWith("!date^")) return renderDate(target, label);
	if (target.startsWith("!")) return mention("@", target.slice(1));
	const url = URL.parse(decode(target));
	if (!url || !["http:", "https:", "mailto:"].includes(url.protocol)) return plain(`<${token}>`);
	return `<a href="${escapeHtml(url.href)}" rel="noreferrer noopener" target="_blank">${plain(label ?? target)}</a>`;
}

/** `<!date^1392734382^{date_short} {time}|fallback>`: in UTC, for the stand-in knows no one's time zone. */
function renderDate(target: string, label: string | undefined): string {
	const [, seconds = "", format = ""] = target.split("^");
	const at = new Date(Number(seconds) * 1000);
	if (!/^\d{1,12}$/.test(seconds) || Number.isNaN(at.getTime())) return plain(label ?? target);
	const iso = at.toISOString();
	const time = (end: number) => `${iso.slice(11, end)} UTC`;
	const shown = format
		.replaceAll(/\{(date[a-z_]*|ago)\}/g, iso.slice(0, 10))
		.replaceAll("{time_secs}", time(19))
		.replaceAll("{time}", time(16));
	return `<time datetime="${iso}">${plain(shown)}</time>`;
}

/** `*bold*`, `_italic_`, `~struck~`, only around whole words as Slack does. Works on HTML whose own tags have none of these signs beside a space. */
function emphasis(html: string): string {
	const rule = (sign: string, tag: string) => (text: string) =>
		text.replace(new RegExp(`(^|[\\s(>])\\${sign}(\\S(?:[^${sign}\\n]*\\S)?)\\${sign}(?=$|[\\s.,;:!?)<&])`, "gm"), `$1<${tag}>$2</${tag}>`);
	return [rule("*", "b"), rule("_", "i"), rule("~", "s")].reduce((text, apply) => apply(text), html);
}

function withEmoji(html: string): string {
	return html.replace(/:([a-z0-9_]{1,40}):/g, (all, name: string) => emoji[name] ?? all);
}

function plain(text: string): string {
	return escapeHtml(decode(text));
}

function decode(text: string): string {
	return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
