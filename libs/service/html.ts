// HTML in which what others wrote is text: every value of a template is escaped, unless it is HTML that was made here.

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Fit to stand as an element's content or as a quoted attribute. */
export function escapeHtml(text: string): string {
	return text.replace(/[&<>"']/g, (character) => entities[character] ?? "");
}

export interface Html {
	readonly html: string;
}
/** Nothing stands for `undefined` and `false`. */
export type HtmlValue = Html | string | number | false | undefined | readonly HtmlValue[];

/** A template of HTML. Values stand as content or in quoted attributes, nowhere else. */
export function html(texts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
	return { html: texts.map((text, at) => text + textOf(values[at])).join("") };
}

/** They turn the direction of a line, or are not seen: shown by their code points, as on a terminal. */
const unseen = /[\p{Cf}\p{Zl}\p{Zp}]|[^\P{Cc}\n\t]/gu;

/** The same JSON value, indented, with escapes in the place of such characters: it can be read back. */
export function jsonText(value: unknown): string {
	const escaped = (character: string) =>
		character
			.split("")
			.map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
			.join("");
	return (JSON.stringify(value, null, 2) ?? "null").replace(unseen, escaped);
}

function textOf(value: HtmlValue): string {
	if (value === undefined || value === false) return "";
	if (typeof value === "number") return String(value);
	if (typeof value === "string") return escapeHtml(value.replace(unseen, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`));
	return "html" in value ? value.html : value.map(textOf).join("");
}
