// Texts of an MCP server's definitions that say more to a model than to whoever reviews them: characters that nobody sees, and sentences that give orders.
import { isRecord } from "#libs/functions/schema.ts";

export interface Suspect {
	readonly what: "invisible" | "instruction";
	/** Leads to the text; where a member's own name is meant, to the member. */
	readonly path: readonly (string | number)[];
	/** What was found, in ASCII: the code points, or what the sentence is about. */
	readonly found: string;
}

/** Most that are told of one document. */
const suspectsMax = 100;
const codePointsShown = 12;

/** A value and how it is reached: documents are large and deep, and paths are wanted of what is found alone. */
interface Place {
	readonly value: unknown;
	readonly name: string | number;
	readonly parent: Place | undefined;
}

/** In the order in which they stand; at most one of each kind for a text. */
export function suspectsIn(value: unknown, path: Suspect["path"] = []): Suspect[] {
	const suspects: Suspect[] = [];
	const look = (text: string, at: Place): void => {
		const invisible = invisibleIn(text);
		if (invisible.length > 0) suspects.push({ what: "invisible", path: [...path, ...pathTo(at)], found: codePointsOf(invisible) });
		const orders = ordersIn(text);
		if (orders.length > 0) suspects.push({ what: "instruction", path: [...path, ...pathTo(at)], found: orders.join("; ") });
	};
	const pending: Place[] = [{ value, name: "", parent: undefined }];
	for (let next = pending.pop(); next !== undefined && suspects.length < suspectsMax; next = pending.pop()) {
		const parent = next;
		const { value: one } = parent;
		if (typeof one === "string") look(one, parent);
		const entries: [string | number, unknown][] = Array.isArray(one) ? [...one.entries()] : isRecord(one) ? Object.entries(one) : [];
		const members = entries.map(([name, member]): Place => ({ value: member, name, parent }));
		for (const member of members) if (typeof member.name === "string") look(member.name, member);
		for (const member of members.reverse()) pending.push(member);
	}
	return suspects.slice(0, suspectsMax);
}

function pathTo(place: Place): (string | number)[] {
	const path: (string | number)[] = [];
	for (let at = place; at.parent !== undefined; at = at.parent) path.push(at.name);
	return path.reverse();
}

function codePointsOf(characters: readonly string[]): string {
	const shown = characters
		.slice(0, codePointsShown)
		.map((one) => `U+${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`);
	const more = characters.length - shown.length;
	return `${shown.join(" ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** Nothing is drawn for them, or something that the reader's font decides (private use, lone surrogates). */
const unseen = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\p{Co}\p{Cs}]/gu;
/** Format characters that are drawn: signs that stand before Arabic, Syriac and Kaithi numbers. */
const drawn = /^[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}]$/u;
/** Flags of England, Scotland and Wales: the only emoji of which tags are a part (UTS 51, RGI). */
const tagFlags =
	/\u{1f3f4}\u{e0067}\u{e0062}(?:\u{e0065}\u{e006e}\u{e0067}|\u{e0073}\u{e0063}\u{e0074}|\u{e0077}\u{e006c}\u{e0073})\u{e007f}/gu;

/** Scripts in which a joiner or non-joiner between letters is spelling. */
const joinedScript =
	/[\p{sc=Arab}\p{sc=Syrc}\p{sc=Mong}\p{sc=Nkoo}\p{sc=Deva}\p{sc=Beng}\p{sc=Guru}\p{sc=Gujr}\p{sc=Orya}\p{sc=Taml}\p{sc=Telu}\p{sc=Knda}\p{sc=Mlym}\p{sc=Sinh}\p{sc=Khmr}\p{sc=Mymr}\p{sc=Tibt}]$/u;
/** Scripts without spaces, in which a line may break at a space of no width. */
const unspacedScript = /[\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}]$/u;
const rightToLeft = /[\p{sc=Arab}\p{sc=Hebr}\p{sc=Syrc}\p{sc=Thaa}\p{sc=Nkoo}]/u;
const emojiBefore = /(?:\p{Extended_Pictographic}|\ufe0f|[\u{1f3fb}-\u{1f3ff}])$/u;
const emojiAfter = /^\p{Extended_Pictographic}/u;
const variedBefore = /[\p{Extended_Pictographic}\p{sc=Han}\p{sc=Mymr}\p{sc=Phag}\p{Sm}0-9#*]$/u;

/** The characters of a text that nobody sees and that no script or emoji needs where they stand. */
export function invisibleIn(text: string): string[] {
	// Most texts have none: found out without looking at each.
	if (text.search(unseen) === -1) return [];
	const plain = text.replace(tagFlags, "\u{1f3f4}");
	return [...plain.matchAll(unseen)].flatMap(({ 0: character, index }) => (isNeeded(character, index, plain) ? [] : [character]));
}

/** As much as one character and the selector behind it may take. */
const besideChars = 4;

function isNeeded(character: string, index: number, text: string): boolean {
	const before = text.slice(Math.max(0, index - besideChars), index);
	const after = text.slice(index + character.length, index + character.length + besideChars);
	if (/^[\t\n\r]$/.test(character) || drawn.test(character)) return true;
	switch (character) {
		case "\u200c":
			return joinedScript.test(before);
		case "\u200d":
			return joinedScript.test(before) || (emojiBefore.test(before) && emojiAfter.test(after));
		case "\u200b":
			return unspacedScript.test(before);
		case "\u200e":
		case "\u200f":
		case "\u061c":
			// Two in a row order nothing that one does not.
			return rightToLeft.test(text) && !/[\u200e\u200f\u061c]$/.test(before);
	}
	if (/^[\ufe00-\ufe0f]$/.test(character)) return variedBefore.test(before);
	if (/^[\u{e0100}-\u{e01ef}]$/u.test(character)) return /\p{sc=Han}$/u.test(before);
	return /^[\u180b-\u180d\u180f]$/.test(character) && /\p{sc=Mong}$/u.test(before);
}

/**
 * What sentences that turn a model against its user are about. Each pattern is bounded, so that a text costs what its length does. They find the common ones and
 * prove nothing: a description is for people to read.
 */
const orders: readonly (readonly [about: string, pattern: RegExp])[] = [
	[
		"sets other instructions aside",
		/\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:previous|prior|above|earlier|other|all|system|your)\b.{0,30}\b(?:instruction|prompt|rule|guideline|direction)s?\b/,
	],
	[
		"keeps something from the user",
		/\b(?:do not|don't|never|without)\b.{0,20}\b(?:tell|telling|inform|informing|mention|mentioning|notify|notifying|reveal|revealing|alert|alerting|ask|asking)\b.{0,30}\buser\b(?!')/,
	],
	[
		"is written as a prompt's markup",
		/<\/?\s{0,2}(?:important|system|instructions?|secret|hidden|assistant|admin|prompt)\b[^<>]{0,40}>|\[\/?(?:system|inst)\]|<\|[a-z_]{1,20}\|>/,
	],
	[
		"is about other tools",
		/\b(?:before|prior to|instead of|whenever|after)\s(?:you\s)?(?:using|calling|invoking|use|call|invoke)\s(?:any|all|every|another|other)\b.{0,20}\b(?:tool|function)s?\b/,
	],
	["is about files with keys", /~\/\.[a-z]|\/\.ssh\b|\bid_(?:rsa|ed25519|ecdsa)\b|\bmcp\.json\b|\bauthorized_keys\b/],
	[
		"gives the model an order",
		/\b(?:you|the (?:model|assistant|ai|llm|agent)) (?:must|should|shall|have to|need to) (?:always|never|secretly|silently|first (?:read|send|call|fetch|open|run))\b/,
	],
	[
		"is about the conversation",
		/\b(?:system prompt|chain of thought|conversation history|chat history|(?:entire|whole|full|previous) conversation)\b/,
	],
	[
		"sends things elsewhere",
		/\b(?:send|forward|copy|bcc|post|upload|exfiltrate)\b.{0,40}\b(?:all|every|any)\b.{0,60}(?:https?:\/\/|[a-z0-9]@[a-z0-9])/,
	],
];

export function ordersIn(text: string): string[] {
	const plain = text
		.normalize("NFKC")
		.replace(unseen, (one) => (/\s/.test(one) ? " " : ""))
		.replace(/\s{1,1000}/g, " ")
		.toLowerCase();
	return orders.flatMap(([about, pattern]) => (pattern.test(plain) ? [about] : []));
}

/** Names that differ in letter case or in separators alone: a model, or whoever writes a policy, takes one for the other. */
export function plainName(name: string): string {
	return name
		.normalize("NFKC")
		.toLowerCase()
		.replace(/[_.:-]/g, "_");
}

/** Names that look alike have one look. Names are ASCII, so of UTS 39's confusables only these remain. */
export function lookOf(name: string): string {
	return plainName(name.replace(/[1I]/g, "l").replace(/0/g, "o")).replaceAll("rn", "m").replaceAll("vv", "w");
}
