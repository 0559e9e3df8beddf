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

/** Text for a plain_text object, at most `charactersMax` long; never empty, which Slack refuses. */
export function plain(text: string, charactersMax: number) {
	const visible = Array.from(text.toWellFormed(), (character) => (unseen.test(character) ? shown(character) : character)).join("");
	const cut = visible.length > charactersMax ? `${visible.slice(0, charactersMax - 1).toWellFormed()}…` : visible;
	return { type: "plain_text", text: cut.trim() === "" ? "–" : cut, emoji: false } as const;
}

/** A mrkdwn object of our own words; put other people's words through {@link escapeMrkdwn} first. `verbatim`: Slack adds no links. */
export function mrkdwn(text: string) {
	return { type: "mrkdwn", text, verbatim: true } as const;
}

/** Text as mrkdwn code blocks of at most `charactersMax` each. `isWhole` is false where not all of it fits into `blocksMax`. */
export function codeBlocks(
	text: string,
	charactersMax: number,
	blocksMax: number,
): { readonly blocks: string[]; readonly isWhole: boolean } {
	const fence = "```";
	const room = charactersMax - 2 * fence.length;
	const blocks: string[] = [];
	let block = "";
	let isWhole = true;
	for (const character of text.toWellFormed()) {
		const next = shown(character);
		if (block.length + next.length > room) {
			blocks.push(block);
			block = "";
			if (blocks.length === blocksMax) {
				isWhole = false;
				break;
			}
		}
		block += next;
	}
	if (block !== "" || blocks.length === 0) blocks.push(block === "" ? " " : block);
	return { blocks: blocks.slice(0, blocksMax).map((one) => `${fence}${one}${fence}`), isWhole };
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
