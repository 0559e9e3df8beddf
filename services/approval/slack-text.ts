// Text of other people inside Slack messages: shown as it is, never as a mention, a link, formatting or an invisible character. Pure.

/** https://docs.slack.dev/messaging/formatting-message-text/#escaping: with these three, nothing can become `<!channel>` or `<@U…>`. */
const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** Controls, zero-width characters and changes of direction: what an approver could not see, or would see in another order than it is. */
const unseen = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** One character as mrkdwn shows it. A backtick gets a zero-width neighbour, so that three of them do not end a code block. */
function shown(character: string): string {
	if (character === "`") return "`\u200b";
	if (unseen.test(character)) return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
	return escapes[character] ?? character;
}

/** Text for a mrkdwn object: no mention, no link, no hidden character; formatting characters of its own stay visible in code blocks only. */
export function escapeMrkdwn(text: string): string {
	return Array.from(text.toWellFormed(), shown).join("");
}

/** What of a text has room, and whether that is all of it. */
export interface Fitted {
	readonly text: string;
	readonly isWhole: boolean;
}

/** What a text takes as part of a JSON string. Never less than its length, so that a bound in bytes is a bound in characters too. */
function bytesOf(text: string): number {
	return Buffer.byteLength(JSON.stringify(text)) - '""'.length;
}

const ellipsis = "…";

/** Text of other people for a plain_text object, cut with a sign to at most `bytesMax` in JSON; never empty, which Slack refuses. */
export function fitted(text: string, bytesMax: number): Fitted {
	const roomBeforeSign = bytesMax - bytesOf(ellipsis);
	let visible = "";
	let bytes = 0;
	let cut = "";
	for (const character of text.toWellFormed()) {
		const next = unseen.test(character) ? shown(character) : character;
		bytes += bytesOf(next);
		if (bytes > bytesMax) return { text: `${cut}${ellipsis}`, isWhole: false };
		visible += next;
		if (bytes <= roomBeforeSign) cut = visible;
	}
	return { text: visible.trim() === "" ? "–" : visible, isWhole: true };
}

/** A plain_text object with what {@link fitted} leaves. */
export function plain(text: string, bytesMax: number) {
	return { type: "plain_text", text: fitted(text, bytesMax).text, emoji: false } as const;
}

/** A mrkdwn object of our own words; put other people's words through {@link escapeMrkdwn} first. `verbatim`: Slack adds no links. */
export function mrkdwn(text: string) {
	return { type: "mrkdwn", text, verbatim: true } as const;
}

/** Text as mrkdwn code blocks of at most `blockBytesMax` in JSON each; `isWhole` is false where not all of it fits into `blocksMax`. */
export function codeBlocks(
	text: string,
	blockBytesMax: number,
	blocksMax: number,
): { readonly blocks: string[]; readonly isWhole: boolean } {
	const fence = "```";
	const room = blockBytesMax - 2 * fence.length;
	const blocks: string[] = [];
	let block = "";
	let bytes = 0;
	for (const character of text.toWellFormed()) {
		const next = shown(character);
		const more = bytesOf(next);
		if (bytes + more > room) {
			blocks.push(block);
			block = "";
			bytes = 0;
			if (blocks.length === blocksMax) return { blocks: blocks.map((one) => `${fence}${one}${fence}`), isWhole: false };
		}
		block += next;
		bytes += more;
	}
	if (block !== "" || blocks.length === 0) blocks.push(block === "" ? " " : block);
	return { blocks: blocks.map((one) => `${fence}${one}${fence}`), isWhole: true };
}

/** A time in the reader's own time zone, with UTC for clients that cannot: https://docs.slack.dev/messaging/formatting-message-text/#date-formatting */
export function slackTime(at: Date): string {
	if (Number.isNaN(at.getTime())) return "unknown";
	const utc = at
		.toISOString()
		.replace("T", " ")
		.replace(/\.\d+Z$/, " UTC");
	return `<!date^${Math.floor(at.getTime() / 1000)}^{date_short_pretty} {time_secs}|${utc}>`;
}
