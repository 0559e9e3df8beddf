// What stands beside a value and says what it is: a member that holds its name, the item before it, the head of its column.
import { isJsonObject, type JsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { hint } from "./names.ts";
import type { NameHints } from "./scan.ts";

/** A name as members have one. In what has other signs something may be found itself, and then it would say something else the second time. */
const name = /^[\p{L}\p{N}_$/-][\p{L}\p{N} _.$/-]{0,63}$/u;

function hintsOf(text: string, names: NameHints): number {
	const hints = text.length <= nameCharsMax ? names.hints(text) : 0;
	return hints !== 0 && name.test(text) ? hints : 0;
}

const nameCharsMax = 64;
/** A longer row is not read as a head of columns. */
const columnsMax = 256;

/** What a member's name says of where else its value may be told. */
export type Told = "no" | "by-name" | "by-name-if-random" | "as-secret" | "rows";

const tellings: Readonly<Record<string, Told>> = {
	...{
		value: "by-name",
		Value: "by-name",
		VALUE: "by-name",
		val: "by-name",
		content: "by-name",
		ParameterValue: "by-name",
		answer: "by-name",
	},
	...{ new: "by-name-if-random", old: "by-name-if-random", from: "by-name-if-random", to: "by-name-if-random" },
	...{ input: "by-name-if-random", default: "by-name-if-random" },
	...{ data: "as-secret", stringData: "as-secret" },
	...{ rows: "rows", values: "rows", records: "rows" },
};

/** How the value of a member of this name may be told by what is beside it. */
export function toldBeside(name: string): Told {
	return Object.hasOwn(tellings, name) ? (tellings[name] as Told) : "no";
}

/** `{ name: "DB_PASSWORD", value: "…" }`: what the name in it says about the value in it. */
export function hintsBeside(object: JsonObject, told: Told, child: JsonValue, names: NameHints): number {
	switch (told) {
		case "by-name":
			return hintsOfName(object, names);
		case "by-name-if-random":
			return typeof child === "string" && (hintsOfName(object, names) & hint.password) !== 0 ? hint.keyLike : 0;
		case "as-secret":
			// Of Kubernetes: all in it is secret, whatever it is called. The field of a form may be there too.
			if (typeof child !== "string") return object.kind === "Secret" ? hint.password : 0;
			return (hintsOfName(object, names) & hint.password) !== 0 ? hint.keyLike : 0;
		default:
			return 0;
	}
}

function hintsOfName(object: JsonObject, names: NameHints): number {
	const told =
		object.name ??
		object.Name ??
		object.key ??
		object.Key ??
		object.id ??
		object.field ??
		object.header ??
		object.label ??
		lessUsual(object);
	return typeof told === "string" ? hintsOf(told, names) & ~(hint.none | hint.cardCode) : 0;
}

function lessUsual(object: JsonObject): JsonValue | undefined {
	return (
		object.option ??
		object.setting ??
		object.property ??
		object.param ??
		object.parameter ??
		object.attribute ??
		object.variable ??
		object.question ??
		object.ParameterKey ??
		// JSON Patch (RFC 6902): the place is the name.
		(object.op === undefined ? undefined : object.path)
	);
}

const dash = 0x2d;

/** What the item before says of an item: an option of a command line, the first of a pair. */
export function hintsOfItem(items: readonly JsonValue[], index: number, names: NameHints): number {
	const before = index > 0 ? items[index - 1] : undefined;
	if (typeof before !== "string" || before.length < 3) return 0;
	if (before.charCodeAt(0) === dash) {
		const item = items[index];
		if (typeof item !== "string" || item.charCodeAt(0) === dash) return 0;
		return hintsOf(before, names) & (hint.password | hint.keyLike);
	}
	// `["X-Api-Key", "…"]`, `["Host", "…", "Authorization", "…"]`: in a list of names each is telling, so only what looks random is one.
	if (items.length % 2 !== 0 || index % 2 !== 1 || (hintsOf(before, names) & hint.password) === 0) return 0;
	return header.test(before) && !header.test(String(items[index])) ? hint.password : hint.keyLike;
}

const header = /^(?:(?:Proxy-)?Authorization|[A-Z][A-Za-z]*(?:-[A-Z][A-Za-z]*)+)$/i;

const ofColumns = hint.password | hint.keyLike | hint.code | hint.phone | hint.nationalId | hint.birthDate | hint.document;

/** What the heads of columns say of the items of each row, where any says something: `{ columns: ["id", "password"], rows: [[1, "…"]] }`. */
export function columnsBeside(object: JsonObject, names: NameHints): readonly number[] | undefined {
	const head = object.columns ?? object.fields ?? object.headers ?? object.header;
	return Array.isArray(head) ? columnHints(head, names) : undefined;
}

/** The same where the first row is the head. */
export function columnsAbove(rows: readonly JsonValue[], names: NameHints): readonly number[] | undefined {
	const [head, first] = rows;
	if (!Array.isArray(head) || !Array.isArray(first) || head.length !== first.length) return undefined;
	const hints = columnHints(head, names);
	// `[["password", "…"], ["user", "…"]]` is a list of names and values.
	return hints?.length === 2 && hints[0] !== 0 ? undefined : hints;
}

function columnHints(heads: readonly JsonValue[], names: NameHints): readonly number[] | undefined {
	if (heads.length > columnsMax) return undefined;
	let tells = false;
	const hints: number[] = [];
	for (const one of heads) {
		const head = isJsonObject(one) ? one.name : one;
		if (typeof head !== "string") return undefined;
		const bits = hintsOf(head, names);
		hints.push((bits & hint.none) === 0 ? bits & ofColumns : 0);
		tells ||= hints.at(-1) !== 0;
	}
	return tells ? hints : undefined;
}
