// Passwords in SQL: `IDENTIFIED BY '…'`, and the values of a column that is called so.
import { hint } from "../names.ts";
import type { Scan } from "../scan.ts";
import { isPlaceholder } from "../values.ts";
import type { Bounds } from "./commands.ts";
import { passwordMark } from "./name-and-value.ts";

export const sqlPrefixes: readonly string[] = ["IDENTIFIED BY ", "identified by "];
export const valuesPrefix = "VALUES";

const quotedText = /(["'])((?:[^"'\\\r\n]|\\.){1,256})\1/y;

export function boundsInSql(scan: Scan, from: number): Bounds | undefined {
	const at = scan.text.startsWith("PASSWORD ", from) ? from + 9 : from;
	const match = scan.match(quotedText, at);
	return match ? { start: at + 1, end: at + match[0].length - 1 } : undefined;
}

const columnsCharsMax = 512;
const rowsMax = 1_000;
const item = /\s{0,8}(?:(["'])((?:[^"'\\]|\\.|''){0,1024})\1|[^,()"']{0,128}(?:\([^()]{0,128}\))?)\s{0,8}/y;

/** `INSERT INTO users (name, password) VALUES ('jamie', 'hunter2'), …` */
export function findInsert(scan: Scan, start: number): void {
	const { text } = scan;
	scan.work += columnsCharsMax;
	const columns = /\(([^()]{1,500})\)\s*$/.exec(text.slice(Math.max(0, start - columnsCharsMax), start))?.[1];
	const secrets = (columns ?? "")
		.split(",")
		.map((name) => (scan.names.hints(name.trim().replace(/^["'`[]|["'`\]]$/g, "")) & hint.password) !== 0);
	if (!secrets.includes(true)) return;
	let at = text.indexOf("(", start);
	for (let row = 0; at >= 0 && row < rowsMax; row++) {
		let end = at + 1;
		for (let column = 0; ; column++) {
			const match = scan.match(item, end);
			if (!match) return;
			scan.work += match[0].length;
			const [all, quote, written] = match;
			const begin = end + (quote === undefined ? 0 : all.indexOf(quote) + 1);
			if (secrets[column] && quote !== undefined && written && !isPlaceholder(written))
				scan.add(begin, begin + written.length, "password", passwordMark);
			end += all.length;
			if (text[end] !== ",") break;
			end++;
		}
		const next = /\)\s{0,8},\s{0,8}(?=\()/y;
		const following = scan.match(next, end);
		at = following ? end + following[0].length : -1;
	}
}
