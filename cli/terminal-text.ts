// What others wrote, made fit for a terminal: it must not move the cursor, colour a line, turn its direction or pass for a line of ours.

const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** One line: control, format and separator characters are shown by their code points, line ends too. */
export function safeLine(value: unknown): string {
	const plain = typeof value === "string" ? value : value === undefined ? "?" : JSON.stringify(value);
	return plain.replace(unprintable, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** Several lines; a tab stays. */
export function safeLines(text: string): string[] {
	return text.split(/\r?\n/).map((line) => line.split("\t").map(safeLine).join("\t"));
}

/** The same JSON value in which every such character is an escape: it stands in strings only, where RFC 8259 section 7 allows one. */
export function safeJson(json: string): string {
	return json.replace(/[^\t\n\r -~]/gu, (character) => (character.match(unprintable) ? escapeUnits(character) : character));
}

function escapeUnits(character: string): string {
	return character
		.split("")
		.map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
		.join("");
}

/** A number's text, kept by {@link parseExactly} (ECMA-262 proposal json-parse-with-source, in Node 24). */
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/** Parses JSON so that {@link showJson} writes every number with the digits it came with. */
export function parseExactly(json: string): unknown {
	const keep = (_name: string, value: unknown, { source }: { readonly source?: string }) =>
		typeof value === "number" && source !== undefined ? rawJson(source) : value;
	return JSON.parse(json, keep as Parameters<typeof JSON.parse>[1]) as unknown;
}

/** Indented JSON, safe for a terminal. */
export function showJson(value: unknown): string[] {
	return safeJson(JSON.stringify(value, null, 2) ?? "null").split("\n");
}
