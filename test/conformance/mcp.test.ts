// The official conformance suite of MCP against a whole stack in front of its fixture server: what fails is known, with a reason, and nothing else.
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { stack, tokenOf } from "../support/stack.ts";
import { serveFixture } from "./fixture-server.ts";
import { runSuite } from "./run-suite.ts";

let fixture: Awaited<ReturnType<typeof serveFixture>>;
beforeAll(async () => {
	fixture = await serveFixture(stack.labPort + 1);
});
afterAll(() => fixture.close());

type Baseline = Record<string, { readonly reason: string; readonly checks: readonly string[] }[]>;

test.each(["2025-11-25", "2026-07-28"])("%s: all that a gateway can serve passes, and what is excepted fails", async (revision) => {
	const baseline = parse(await readFile(new URL("baseline.yaml", import.meta.url), "utf8")) as Baseline;
	const { failed, passed, printed } = await runSuite(revision, `${stack.urls.ingress}/mcp/fixture`, await tokenOf("ci"));
	process.stderr.write(`conformance ${revision}: ${passed.length} checks passed, ${failed.length} failed\n`);
	const excepted = (baseline[revision] ?? []).flatMap(({ checks }) => checks);
	expect(failed, printed).toEqual(excepted.toSorted());
	expect(passed.length).toBeGreaterThan(20);
});
