// Where the strings of a JSON text stand: what is written within one of them goes no further than to its closing quote.
import { isJsonText } from "#libs/contracts/json.ts";

export interface Place {
	readonly start: number;
	readonly end: number;
}

/** What stands between the quotes of each string, in order. Undefined where the text is no JSON. */
export function stringsOfJson(text: string): readonly Place[] | undefined {
	if (!/^\s*[[{]/.test(text) || !isJsonText(text)) return undefined;
	const strings: Place[] = [];
	for (let open = text.indexOf('"'); open >= 0; ) {
		let end = open + 1;
		while (text.charCodeAt(end) !== quote) end += text.charCodeAt(end) === backslash ? 2 : 1;
		strings.push({ start: open + 1, end });
		open = text.indexOf('"', end + 1);
	}
	return strings;
}

const quote = 0x22;
const backslash = 0x5c;
