// The official conformance suite of MCP, as the client of a whole stack in front of its fixture server, and as the server of the executor's dialer: what fails is
// known, with a reason, and nothing else.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { stack, tokenOf } from "../support/stack.ts";
import { serveFixture } from "./fixture-server.ts";
import { type Found, runClientSide, runServerSide } from "./run-suite.ts";

const revisions = ["2025-11-25", "2026-07-28"];

type Baseline = Record<string, { readonly reason: string; readonly checks: readonly string[] }[]>;

/** A check of a baseline is `scenario:check`; a scenario alone stands for whichever of its checks fail. */
async function expectBaseline(file: string, revision: string, { failed, passed, silent, printed }: Found): Promise<void> {
	process.stderr.write(`conformance ${file} ${revision}: ${passed.length} checks passed, ${failed.length} failed\n`);
	const baseline = parse(await readFile(new URL(file, import.meta.url), "utf8")) as Baseline;
	const excepted = (baseline[revision] ?? []).flatMap(({ checks }) => checks);
	const scenarioOf = (check: string) => check.slice(0, check.indexOf(":"));
	const found = failed.map((check) => (excepted.includes(scenarioOf(check)) ? scenarioOf(check) : check));
	expect([...new Set(found)].sort(), printed).toEqual(excepted.toSorted());
	expect(silent).toEqual([]);
	expect(passed.length).toBeGreaterThan(10);
}

describe("/mcp/{connection} as a server", () => {
	let fixture: Awaited<ReturnType<typeof serveFixture>>;
	beforeAll(async () => {
		fixture = await serveFixture(stack.labPort + 1);
	});
	afterAll(() => fixture.close());

	test.each(revisions)("%s: all that a gateway can serve passes, and what is excepted fails", async (revision) => {
		const found = await runServerSide(revision, `${stack.urls.ingress}/mcp/fixture`, await tokenOf("ci"));
		await expectBaseline("baseline.yaml", revision, found);
	});
});

describe("the executor as a client", () => {
	const command = `${process.execPath} ${fileURLToPath(new URL("client-main.ts", import.meta.url))}`;

	test.each(revisions)("%s: all that has its own credential for a server passes, and what is excepted fails", async (revision) => {
		await expectBaseline("client-baseline.yaml", revision, await runClientSide(revision, command));
	});
});
