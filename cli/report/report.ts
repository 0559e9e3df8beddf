// A report about a period of the record: tables of numbers and names, with what they rest on above them. Shown as text, CSV or a page. Pure.
import { type Html, html } from "#libs/service/html.ts";
import type { Zone } from "../instants.ts";
import { csvRow } from "../record-rows.ts";
import { safeLine } from "../terminal-text.ts";

export type Cell = string | number | undefined;

export interface Table {
	readonly title: string;
	readonly columns: readonly string[];
	readonly rows: readonly (readonly Cell[])[];
}

export interface Report {
	readonly title: string;
	/** RFC 3339: inclusive, exclusive. */
	readonly since: string;
	readonly until: string;
	/** Where it comes from and what proves it. */
	readonly proof: readonly string[];
	/** The first is the report; the others sum it up in other ways. */
	readonly tables: readonly [Table, ...Table[]];
}

function headOf({ since, until, proof }: Report, zone: Zone): [string, string][] {
	return [
		["Period", `${zone.show(since)} to ${zone.show(until)} (${zone.name})`],
		...proof.map((line): [string, string] => ["Proof", line]),
	];
}

export function textOf(report: Report, zone: Zone): string[] {
	const head = headOf(report, zone).map(([name, value]) => `${name}: ${safeLine(value)}`);
	return [report.title, ...head, ...report.tables.flatMap((table) => ["", table.title, ...linesOf(table)])];
}

function linesOf({ columns, rows }: Table): string[] {
	const texts = [columns, ...rows].map((row) => row.map((cell) => safeLine(cell ?? "")));
	const widths = columns.map((_, at) => Math.max(...texts.map((row) => row[at]?.length ?? 0)));
	return texts.map((row) =>
		row
			.map((text, at) => text.padEnd(widths[at] ?? 0))
			.join("  ")
			.trimEnd(),
	);
}

/** The head, an empty line, and the first table: what a spreadsheet sums up itself is left out. No cell is a formula. */
export function csvOf(report: Report, zone: Zone): string[] {
	const [{ columns, rows }] = report.tables;
	const head = [["Report", report.title], ...headOf(report, zone)].map(csvRow);
	return [...head, "", ...[columns, ...rows].map((row) => csvRow(row.map((cell) => String(cell ?? ""))))];
}

const style =
	"body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color-scheme:light dark}table{border-collapse:collapse;margin:0 0 2rem}" +
	"caption{font-weight:600;text-align:left;padding:.5rem 0}th,td{border-bottom:1px solid #8886;padding:.25rem .75rem;text-align:left;vertical-align:top}" +
	"td.n{text-align:right;font-variant-numeric:tabular-nums}dl{display:grid;grid-template-columns:max-content auto;gap:.25rem 1rem}dt{font-weight:600}dd{margin:0}";

/** One page that needs nothing else, and may load and run nothing. */
export function pageOf(report: Report, zone: Zone): string {
	const head = headOf(report, zone).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`);
	return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><title>${report.title}</title><style>${{ html: style }}</style></head>
<body><main><h1>${report.title}</h1><dl>${head}</dl>
${report.tables.map(tableOf)}</main></body></html>`.html;
}

function tableOf({ title, columns, rows }: Table): Html {
	const head = columns.map((name) => html`<th scope="col">${name}</th>`);
	const body = rows.map(
		(row) => html`<tr>${row.map((cell) => (typeof cell === "number" ? html`<td class="n">${cell}</td>` : html`<td>${cell}</td>`))}</tr>\n`,
	);
	return html`<table><caption>${title}</caption><thead><tr>${head}</tr></thead><tbody>
${body}</tbody></table>
`;
}
