// The reference pages are what the contracts say, and the check finds it when they are not.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { events } from "#libs/contracts/events.ts";
import { problems } from "#libs/contracts/problems.ts";
import { referencePages, stalePages } from "./reference.ts";

describe("docs/reference", () => {
	it("is as committed", async () => {
		expect(await stalePages()).toEqual([]);
	});

	it("names every event and every problem", () => {
		const { "events.md": eventsPage = "", "problems.md": problemsPage = "" } = referencePages();
		for (const { type, says } of events) expect(eventsPage).toContain(`\n## ${type}\n\n${says}\n`);
		for (const code of Object.keys(problems)) expect(problemsPage).toContain(`| \`${code}\` |`);
	});

	it("shows class and index of fields, and that a secret has none", () => {
		const page = referencePages()["events.md"];
		expect(page).toContain("on `callgate.executor.{pool}.policy._.call.granted`, `callgate.executor.{pool}.approval.{call}.call.granted`");
		expect(page).toMatch(/\| `sealed` \| string of at most \d+ \| secret \| – \|/);
		expect(page).toContain("| `arguments` | any JSON | sensitive | flat_object |");
		expect(page).toContain("| `reasons[].message` | string of at most 1024, optional | sensitive | text |");
	});

	it("is found stale when a page is missing or changed by hand", async () => {
		const dir = await mkdtemp(join(tmpdir(), "callgate-reference-"));
		try {
			const url = pathToFileURL(`${dir}/`);
			expect(await stalePages(url)).toEqual(["events.md", "problems.md"]);
			for (const [name, page] of Object.entries(referencePages())) await writeFile(join(dir, name), page);
			expect(await stalePages(url)).toEqual([]);
			await writeFile(join(dir, "events.md"), `${referencePages()["events.md"]}more`);
			expect(await stalePages(url)).toEqual(["events.md"]);
		} finally {
			await rm(dir, { recursive: true });
		}
	});
});
