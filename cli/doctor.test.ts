// What `callgate doctor` makes of what processes say: each fault found, named with what to do, and nothing believed that is not Callgate's.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { Durability, Readiness } from "./ask-readiness.ts";
import { diagnose, type Verdict } from "./diagnose.ts";
import { runProgram } from "./run-program.test-support.ts";

const stream = {
	...{ identity: "one", last: 7, bytes: 10, bytesMax: 100, copies: 3 },
	...{ storage: "file", retention: "limits", discard: "new" },
};
const sound: Durability = {
	...{ syncInterval: "always", stream, consumer: { name: "approval", pending: 3 } },
	redis: { appendonly: "yes", appendfsync: "everysec", "maxmemory-policy": "noeviction" },
	index: { replicas: 1, translog: "request" },
};
const ready = (over: Partial<Readiness> = {}): Readiness => ({
	...{ process: "approval", url: "http://a", isReady: true, checks: { events: "ok" }, clockAheadMs: 100, durability: sound },
	...over,
});
const told = (over: Partial<Durability>) => [ready({ durability: { ...sound, ...over } })];

describe("a check", () => {
	test("of an installation that is well is ok, each of them", () => {
		const findings = diagnose([ready()]);
		expect(findings.filter(({ verdict }) => verdict !== "ok")).toEqual([]);
		expect(findings.map(({ check }) => check)).toEqual([
			...["approval", "clocks", "stream", "power cut", "stream's terms", "disk loss", "stream's size", "approval's work"],
			...["Redis appendonly", "Redis appendfsync", "Redis maxmemory-policy", "record's copies", "record's disk"],
		]);
	});

	const wrong: [note: string, processes: Readiness[], check: string, verdict: Verdict, found: RegExp][] = [
		["nobody answers", [ready({ unreachable: "nobody answers" })], "approval", "FAIL", /nobody answers at http:\/\/a/],
		["a process is not ready", [ready({ isReady: false, checks: { events: "gone" } })], "approval", "FAIL", /events: gone/],
		["a folder was refused", [ready({ warnings: { folder: "refused, see a.yaml:1:2" } })], "approval's folder", "FAIL", /a\.yaml:1:2/],
		["a clock is a bit wrong", [ready({ clockAheadMs: -5_000 })], "clocks", "warn", /approval is 5 s behind/],
		["a clock is wrong", [ready(), ready({ process: "audit", clockAheadMs: 120_000 })], "clocks", "FAIL", /audit is 120 s ahead/],
		[
			"two streams",
			[ready(), ready({ process: "audit", durability: { ...sound, stream: { ...stream, identity: "two" } } })],
			"stream",
			"FAIL",
			/one \(approval\); two \(audit\)/,
		],
		["NATS acknowledges before it writes", [...told({}), ...told({ syncInterval: "120s" })], "power cut", "warn", /sync_interval is 120s/],
		["NATS does not say", told({ syncInterval: "unknown" }), "power cut", "warn", /does not say/],
		["the stream is in memory", told({ stream: { ...stream, storage: "memory" } }), "stream's terms", "FAIL", /^memory/],
		["a full stream drops", told({ stream: { ...stream, discard: "old" } }), "stream's terms", "FAIL", /discard old/],
		["one copy", told({ stream: { ...stream, copies: 1 } }), "disk loss", "warn", /one copy/],
		["the stream fills", told({ stream: { ...stream, bytes: 90 } }), "stream's size", "warn", /90 %/],
		["the stream is full", told({ stream: { ...stream, bytes: 99 } }), "stream's size", "FAIL", /99 %/],
		["the stream has no bound", told({ stream: { ...stream, bytesMax: -1 } }), "stream's size", "FAIL", /unknown/],
		["work piles up", told({ consumer: { name: "approval", pending: 20_000 } }), "approval's work", "warn", /20000 messages/],
		["Redis forgets", told({ redis: { ...sound.redis, appendonly: "no" } }), "Redis appendonly", "FAIL", /no/],
		["Redis writes when it likes", told({ redis: { ...sound.redis, appendfsync: "no" } }), "Redis appendfsync", "warn", /no/],
		["Redis evicts", told({ redis: { ...sound.redis, "maxmemory-policy": "allkeys-lru" } }), "Redis maxmemory-policy", "FAIL", /lru/],
		["Redis does not say", told({ redis: {} }), "Redis appendonly", "warn", /unknown/],
		["the record has no copy", told({ index: { replicas: 0, translog: "request" } }), "record's copies", "warn", /is 0/],
		["the record is written late", told({ index: { replicas: 1, translog: "async" } }), "record's disk", "warn", /async/],
	];
	test.each(wrong)("says so where %s", (_note, processes, check, verdict, found) => {
		const findings = diagnose(processes);
		const one = findings.find((finding) => finding.check === check && finding.verdict !== "ok");
		expect(one).toMatchObject({
			verdict,
			found: expect.stringMatching(found),
			expected: expect.stringMatching(/./),
			todo: expect.stringMatching(/./),
		});
	});
});

describe("the command", () => {
	const servers: Server[] = [];
	afterEach(async () => {
		for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
	});
	async function answering(status: number, text: string, headers: Record<string, string> = {}): Promise<string> {
		const server = createServer((_request, response) => response.writeHead(status, headers).end(text));
		servers.push(server);
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	}
	const allAt = (url: string) => ["url", "policy-url", "approval-url", "executor-url", "audit-url"].flatMap((name) => [`--${name}`, url]);
	const well = JSON.stringify({ status: "ready", checks: { events: "ok" }, durability: sound });

	test("ends with 0 where all is well, one line a check", async () => {
		const ran = await runProgram(["doctor", ...allAt(await answering(200, well))]);
		expect(ran).toMatchObject({ exitCode: 0, err: "" });
		expect(ran.out.split("\n")).toContain("ok    policy: ready");
		expect(ran.out).not.toMatch(/warn|FAIL|To do/);
	});

	test("ends with 1 where something failed, and names several of a kind apart", async () => {
		const [good, bad] = [
			await answering(200, well),
			await answering(503, JSON.stringify({ status: "not ready", checks: { vault: "shut" } })),
		];
		const ran = await runProgram(["doctor", ...allAt(good), "--executor-url", `${good},${bad}`]);
		expect(ran.exitCode).toBe(1);
		expect(ran.out).toMatch(/^FAIL {2}executor 2: vault: shut\. Expected: ready\. To do: /m);
		expect(ran.out).toContain("ok    executor 1: ready");
		const json = await runProgram(["doctor", "--json", ...allAt(good), "--executor-url", `${good},${bad}`]);
		expect(JSON.parse(json.out)).toMatchObject({
			ok: false,
			checks: expect.arrayContaining([expect.objectContaining({ verdict: "FAIL" })]),
		});
	});

	test("believes nothing else that answers", async () => {
		const strangers = [
			await answering(200, "<html>"),
			await answering(200, "[]"),
			await answering(200, "x".repeat(100_000)),
			await answering(302, "", { location: "http://127.0.0.1:1/readyz" }),
			"http://127.0.0.1:1",
		];
		for (const url of strangers) {
			const ran = await runProgram(["doctor", ...allAt(url)]);
			expect(ran.exitCode).toBe(1);
			expect(ran.out).toMatch(/^FAIL {2}ingress: (what answers there is not Callgate|nobody answers) at /m);
		}
	});

	test("prints nothing that moves the cursor, whatever a process says", async () => {
		const evil = await answering(503, JSON.stringify({ status: "x", checks: { "a\u001b[2J": "b\nok    audit: ready" } }));
		const ran = await runProgram(["doctor", ...allAt(evil)]);
		expect(ran.out).not.toContain("\u001b");
		expect(ran.out).not.toMatch(/^ok +audit/m);
	});

	test("does not take an address with a login, or what is none", async () => {
		for (const url of ["http://a:b@127.0.0.1", "ftp://x", "nothing"]) {
			const ran = await runProgram(["doctor", "--url", url]);
			expect(ran.exitCode).toBe(2);
			expect(ran.err).not.toContain("a:b");
		}
		expect((await runProgram(["doctor", "--port", "0"])).exitCode).toBe(2);
	});
});
