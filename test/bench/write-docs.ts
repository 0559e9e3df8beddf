// The tables of docs/performance.md, from a run's JSON: `node test/bench/write-docs.ts FILE`. Only what stands between the two marks is written.
import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Report, tablesOf } from "./report.ts";

const page = fileURLToPath(new URL("../../docs/performance.md", import.meta.url));
export const beginMark = "<!-- bench: begin (written by `npm run bench -- --write-docs`) -->";
export const endMark = "<!-- bench: end -->";

/** The page with the tables between its marks. @throws {Error} where the marks are not there once each, in order. */
export function withTables(text: string, tables: string): string {
	const [before, after, ...more] = text.split(beginMark);
	const [, rest, ...others] = (after ?? "").split(endMark);
	if (before === undefined || rest === undefined || more.length > 0 || others.length > 0)
		throw new Error(`docs/performance.md needs the line ${beginMark} once, and after it ${endMark}`);
	return `${before}${beginMark}\n\n${tables}\n\n${endMark}${rest}`;
}

/** @throws {Error} where the page could not be written after the run. */
export async function checkDocs(): Promise<void> {
	withTables(await readFile(page, "utf8"), "");
}

export async function writeDocs(report: Report): Promise<void> {
	await writeFile(page, withTables(await readFile(page, "utf8"), tablesOf(report)));
}

const [, script = "", file] = process.argv;
if (resolve(script) === fileURLToPath(import.meta.url)) {
	if (file === undefined) throw new Error("say which JSON file of `npm run bench -- --json FILE` to write");
	await writeDocs(JSON.parse(await readFile(file, "utf8")) as Report);
}
