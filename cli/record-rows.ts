// Events and stories of the record as lines for other programs: CSV that no spreadsheet takes for formulas, and JSON, one a line. Pure.
import { didYouMean } from "#libs/configuration/nearest.ts";
import { type FieldKind, type Fields, kindOfField, recordFields, storyFields, valuesAt } from "#libs/contracts/record-fields.ts";
import { wrongUsage } from "./command-failed.ts";
import type { Zone } from "./instants.ts";
import { safeJson, safeLine } from "./terminal-text.ts";

/** What stands in a line: whose fields may be its columns, and which say the most. */
export interface Rows {
	readonly fields: Fields;
	readonly columns: readonly string[];
}

const eventColumns = [
	...["time", "position", "item", "type", "source", "subject", "data.connection", "data.function"],
	...["data.caller.issuer", "data.caller.subject", "data.caller.email", "data.ending", "data.code", "data.rules", "id"],
];
const storyColumns = [
	...["receivedAt", "call", "state", "connection", "function", "caller.issuer", "caller.subject", "caller.email", "decision.effect"],
	...["decision.rules", "votes.voter", "votes.verdict", "credential", "ending", "code", "endedAt", "durations.totalMs"],
];
export const eventRows: Rows = { fields: recordFields, columns: eventColumns };
export const storyRows: Rows = { fields: storyFields, columns: storyColumns };
const columnsMax = 64;

/** The fields of `--fields`, or those that say the most. @throws {CommandFailed} `wrongUsage` */
export function readColumns(text: string | undefined, rows = eventRows): readonly string[] {
	if (text === undefined) return rows.columns;
	const columns = text.split(",").map((name) => name.trim());
	if (columns.length > columnsMax) throw wrongUsage(`--fields names ${columns.length} fields, at most ${columnsMax} are shown.`);
	for (const name of columns) {
		if (kindOfField(name, rows.fields) !== undefined || isGroup(name, rows)) continue;
		throw wrongUsage(
			`--fields names a field that the record does not have${didYouMean(name, rows.fields.keys())}. Expected such as ${rows.columns.slice(0, 7).join(",")}.`,
		);
	}
	return columns;
}

/** Whether fields lie in it, such as `data.caller`: it is shown as JSON. */
function isGroup(name: string, { fields }: Rows): boolean {
	return fields.keys().some((field) => field.startsWith(`${name}.`));
}

export function csvHead(columns: readonly string[]): string {
	return csvRow(columns);
}

/** Texts as a line of RFC 4180. */
export function csvRow(texts: readonly string[]): string {
	return texts.map(cell).join(",");
}

/** One of them as a line of RFC 4180; several values of a field stand in one cell, and what no line holds is written by its code point. */
export function csvLine(event: object, columns: readonly string[], zone: Zone, { fields } = eventRows): string {
	return columns
		.map((name) =>
			cell(
				valuesAt(event, name)
					.map((value) => textOf(kindOfField(name, fields), value, zone))
					.join("; "),
			),
		)
		.join(",");
}

function textOf(kind: FieldKind | undefined, value: unknown, zone: Zone): string {
	if (typeof value !== "string") return JSON.stringify(value);
	return kind === "instant" ? zone.show(value) : value;
}

/**
 * Spreadsheets take a cell that begins so for a formula, quoted or not, and some look past white space
 * (https://owasp.org/www-community/attacks/CSV_Injection). An apostrophe makes it text; a number is none to begin with.
 * Where lists are written with semicolons they part the line there, whatever is quoted: what follows one begins a cell as well.
 */
const formula = /(?<=^|;)(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])(?!\s*-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\s*(?:;|$))/gu;

function cell(text: string): string {
	const plain = safeLine(text);
	return `"${plain.replace(formula, "'").replaceAll('"', '""')}"`;
}

/** The event as the API gave it, on one line. */
export function jsonLine(event: object): string {
	return safeJson(JSON.stringify(event));
}
