// What the bench may be told, and what it does not guess.
import { expect, test } from "vitest";
import { readOptions, usage } from "./options.ts";

const toPeer = ["--port", "18800", "--peer", "http://127.0.0.1:8080/pay?a=b"];
const ofThePeer = ["peer", "peer-header", "peer-pid", "port"];

test("by default everything is measured, five times, at four numbers of callers, and again on a million events", () => {
	expect(readOptions([])).toMatchObject({
		...{ quick: false, repetitions: 5, callers: [1, 16, 64, 256], syncInterval: "always", preloadEvents: 1_000_000, soakMinutes: 10 },
		...{ beside: true, peer: undefined, firstPort: undefined },
		lanes: ["direct", "proxy", "floor", "callgate-unindexed", "callgate", "callgate-mcp", "callgate-two"],
	});
});

test("a quick look and one lane leave out what takes long", () => {
	expect(readOptions(["--quick"])).toMatchObject({ callers: [64], preloadEvents: 0, soakMinutes: 0, beside: true });
	expect(readOptions(["--quick"]).lanes).toEqual(["direct", "proxy", "floor", "callgate-unindexed", "callgate"]);
	expect(readOptions(["--lane", "callgate", "--lane", "floor"])).toMatchObject({
		lanes: ["floor", "callgate"],
		preloadEvents: 0,
		beside: false,
	});
	expect(readOptions(["--quick", "--stored", "5000", "--sync", "2m"])).toMatchObject({ preloadEvents: 5_000, syncInterval: "2m" });
});

test("masking can be measured alone, and nothing else", () => {
	expect(readOptions([])).toMatchObject({ maskingOnly: false, misses: false });
	expect(readOptions(["masking", "--misses"])).toMatchObject({ maskingOnly: true, misses: true });
	expect(() => readOptions(["policies"])).toThrow('there is no part "policies": only masking can be measured alone');
});

test("a peer has a URL, headers and processes, and a lane beside the others", () => {
	const given = ["--peer-header", "Authorization: Bearer a:b", "--peer-header", "X-Tenant:bench ", "--peer-pid", "7", "--peer-pid", "8"];
	const { peer, firstPort, lanes } = readOptions([...toPeer, ...given]);
	const headers = { authorization: "Bearer a:b", "x-tenant": "bench" };
	expect(peer).toEqual({ url: "http://127.0.0.1:8080/pay?a=b", headers, pids: [7, 8] });
	expect(firstPort).toBe(18_800);
	expect(lanes).toEqual(["direct", "proxy", "peer", "floor", "callgate-unindexed", "callgate", "callgate-mcp", "callgate-two"]);
	expect(readOptions([...toPeer, "--lane", "peer", "--lane", "direct"]).lanes).toEqual(["direct", "peer"]);
});

test.each(["of-the-peer", ": of-the-peer", "x y: of-the-peer", "x:of-the-peer\n", "x:of-the-peer\u00e9"])(
	"a header that is none (%j) is not repeated",
	(text) => {
		const reading = () => readOptions([...toPeer, "--peer-header", "a:b", "--peer-header", text]);
		expect(reading).toThrow("--peer-header: number 2 is not NAME:VALUE");
		expect(reading).not.toThrow(/of-the-peer/);
	},
);

test.each([
	[["--lane", "fast"], /no lane "fast", only direct, /],
	[["--callers", "64,many"], /"many" is not a whole number/],
	[["--callers", "0"], /from 1/],
	[["--repetitions", "0"], /from 1/],
	[["--sync", "never"], /neither "always"/],
	[["--sync", "always }"], /neither "always"/],
	[["--fast"], /--fast/],
	[["--port", "80"], /from 1024/],
	[["--lane", "peer"], /say where the peer is/],
	[["--peer", "http://127.0.0.1:8080/pay"], /say --port N too: the bank listens at N \+ 15/],
	[["--peer", "bank", "--port", "18800"], /expected an http or https URL/],
	[["--peer", "ftp://127.0.0.1/pay", "--port", "18800"], /expected an http or https URL/],
	[["--peer", "http://me:word@127.0.0.1/pay", "--port", "18800"], /credentials go into --peer-header/],
	[["--peer-header", "a:b"], /give its URL/],
	[["--peer-pid", "1"], /give its URL/],
	[[...toPeer, "--peer-pid", "self"], /"self" is not a whole number/],
	[[...toPeer, "--peer-header", "Content-Length: 3"], /set content-length themselves/],
])("%j is refused", (args, message) => expect(() => readOptions(args)).toThrow(message));

test("every option is explained", () => {
	for (const name of ["quick", "lane", "callers", "repetitions", "stored", "soak", "sync", "json", "write-docs", "profile", "help"].concat(
		ofThePeer,
	))
		expect(usage).toContain(`\n  --${name} `);
});
