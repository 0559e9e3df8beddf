// `callgate audit` asks the auditors' API as it is, prints what a person reads, and says clearly what went wrong.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { problemBody } from "#libs/contracts/problems.ts";
import { type Ran, runProgram } from "./run-program.test-support.ts";

const call = "01890000-0000-7000-8000-000000000001";
const event = {
	...{ id: "x", type: "call.ended", source: "/callgate/policy", subject: call, time: "2026-01-01T12:00:00.000Z", position: 1, item: 0 },
	data: {
		call,
		connection: "payments",
		function: "createTransfer",
		caller: { subject: "robin" },
		ending: "denied",
		rules: ["never"],
		reasons: [],
	},
};

let server: Server;
let url: string;
let asked: IncomingMessage[];
let answer: { status: number; body: string };
let dir: string;

beforeEach(async () => {
	asked = [];
	answer = { status: 200, body: JSON.stringify({ events: [event], next: "abc", total: { value: 7, exact: true } }) };
	server = createServer((request, response) => {
		asked.push(request);
		response.writeHead(answer.status, { "content-type": "application/json", location: "http://127.0.0.1:1/" }).end(answer.body);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	dir = await mkdtemp(join(tmpdir(), "callgate-cli-"));
});
afterEach(async () => {
	server.closeAllConnections();
	await new Promise((resolve) => server.close(resolve));
	await rm(dir, { recursive: true });
});

const run = (args: string[], environment: Record<string, string> = { CALLGATE_TOKEN: "t0ken", CALLGATE_AUDIT_URL: url }): Promise<Ran> =>
	runProgram(["audit", ...args], { environment });

describe("callgate audit", () => {
	it("searches with what was asked, and shows a line an event and how to read on", async () => {
		const { out } = await run(["search", "two words", "--ending", "denied", "--from", "2026-01-01", "--size", "1"]);
		expect(asked[0]?.url).toBe("/v1/audit/events?q=two+words&ending=denied&from=2026-01-01T00%3A00%3A00.000Z&size=1");
		expect(asked[0]?.headers.authorization).toBe("Bearer t0ken");
		expect(out).toContain("2026-01-01 12:00:00.000Z  call.ended");
		expect(out).toContain("payments.createTransfer  robin  denied");
		expect(out).toContain("1 of 7. Older ones: the same search with --cursor abc");
	});

	it("shows one call, or what the API says with --json", async () => {
		expect((await run(["show", call])).out).toContain("ending    denied");
		expect(asked[0]?.url).toBe(`/v1/audit/calls/${call}`);
		expect(JSON.parse((await run(["show", call, "--json"])).out)).toEqual(JSON.parse(answer.body));
		expect(JSON.parse((await run(["search", "--json"])).out)).toEqual(JSON.parse(answer.body));
	});

	it("reads the token from a file, and the address from an option", async () => {
		await writeFile(join(dir, "token"), "from-file\n");
		await run(["show", call, "--token-file", join(dir, "token"), "--audit-url", `${url}/`], {});
		expect(asked[0]?.headers.authorization).toBe("Bearer from-file");
	});

	it("says that nothing matches", async () => {
		answer = { status: 200, body: JSON.stringify({ events: [], total: { value: 0, exact: true } }) };
		expect((await run(["search"])).out).toContain("Nothing on the record matches");
	});

	it("explains a refusal with the problem's own words", async () => {
		const errors = [{ pointer: "/size", message: "is 1 to 500" }];
		answer = { status: 400, body: JSON.stringify(problemBody("malformed_request", { detail: "out of bounds", errors })) };
		const refused = await run(["search", "--size", "0"]);
		expect(refused.exitCode).toBe(1);
		expect(refused.err).toMatch(/cannot be read: out of bounds \(400 malformed_request\)\n {2}\/size is 1 to 500\n/);
		answer = { status: 403, body: JSON.stringify(problemBody("not_an_auditor")) };
		expect((await run(["show", call])).err).toContain("Ask to become a member of the group `auditors`");
	});

	it.each([
		["no token", ["search"], {}, "No token.", 2],
		["a token file that is not there", ["search", "--token-file", "/no/such"], {}, "cannot be read (ENOENT)", 2],
		["an address that is none", ["search", "--audit-url", "nonsense"], { CALLGATE_TOKEN: "t" }, "is no URL", 2],
		["plain http to another machine", ["search", "--audit-url", "http://audit.example"], { CALLGATE_TOKEN: "t" }, "in the clear", 2],
		["nobody there", ["search", "--audit-url", "http://127.0.0.1:1"], { CALLGATE_TOKEN: "t" }, "cannot be reached", 3],
		["a call's id that is none", ["show", "4711"], { CALLGATE_TOKEN: "t" }, "no call's id", 2],
	])("says what to do about %s", async (_, args, environment, message, exitCode) => {
		const ran = await run(args, environment);
		expect(ran.err).toContain(message);
		expect(ran).toMatchObject({ exitCode, out: "" });
		expect(asked).toEqual([]);
	});

	it.each([
		[200, "hello"],
		[200, "{}"],
		[502, "<html>"],
		[302, ""],
	])("takes no stranger's answer for the record (%d %j)", async (status, body) => {
		answer = { status, body };
		expect(await run(["search"])).toMatchObject({ exitCode: 3, out: "" });
	});
});
