// The page keeps its prose: only what stands between the marks is written.
import { expect, test } from "vitest";
import { beginMark, endMark, withTables } from "./write-docs.ts";

const page = `# Speed\n\nWhy.\n\n${beginMark}\n\nold tables\n\n${endMark}\n\nWhat next.\n`;

test("tables are replaced, and what is around them stays", () => {
	const once = withTables(page, "| new |");
	expect(once).toBe(`# Speed\n\nWhy.\n\n${beginMark}\n\n| new |\n\n${endMark}\n\nWhat next.\n`);
	expect(withTables(once, "| new |")).toBe(once);
});

test.each([
	["no marks", "# Speed\n"],
	["no end", `# Speed\n${beginMark}\n`],
	["the end before the beginning", `${endMark}\n${beginMark}\n`],
	["two beginnings", `${page}${page}`],
])("a page with %s is not touched", (_name, text) => {
	expect(() => withTables(text, "| new |")).toThrow(/needs the line/);
});
