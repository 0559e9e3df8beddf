// Which headers reach a function: the caller's where declared, the function's own before them, and defaults only where nobody says anything.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isHeaderValue } from "#libs/outbound/header-syntax.ts";
import { buildOutboundHeaders, dropHopByHop, type HeaderSources } from "./outbound-headers.ts";

const built = (sources: Partial<HeaderSources>) => buildOutboundHeaders({ caller: [], forward: [], own: [], defaults: [], ...sources });

describe("buildOutboundHeaders", () => {
	test("drops what is not declared, lets the function's own win, and writes names in lower case", () => {
		const caller: [string, string][] = [
			["Authorization", "Bearer caller"],
			["Accept-Language", "de"],
			["accept-language", "en"],
			["X-Key", "caller's"],
			["X-Other", "1"],
		];
		expect(built({ caller, forward: ["accept-language", "X-Key"], own: [["X-KEY", "argument"]] })).toEqual([
			["accept-language", "de"],
			["accept-language", "en"],
			["x-key", "argument"],
		]);
	});

	test("a default is said only where neither the caller nor the function says it", () => {
		const defaults: [string, string][] = [
			["accept", "a"],
			["user-agent", "callgate"],
		];
		expect(built({ defaults })).toEqual(defaults);
		expect(built({ caller: [["Accept", "text/csv"]], defaults })).toEqual(defaults);
		expect(built({ caller: [["Accept", "text/csv"]], forward: ["accept"], own: [["User-Agent", "argument"]], defaults })).toEqual([
			["accept", "text/csv"],
			["user-agent", "argument"],
		]);
	});

	test("what may never pass does not, even where it is declared", () => {
		for (const name of ["Authorization", "x-api-key", "Cookie", "Content-Type", "Proxy-Foo", "Callgate-Call"])
			expect(built({ caller: [[name, "x"]], forward: [name] }), name).toEqual([]);
	});

	test("a caller's value that cannot be written is dropped", () => {
		expect(built({ caller: [["x-a", "1\r\nx-b: 2"]], forward: ["x-a"] })).toEqual([]);
	});

	test("whatever the caller sends, nothing undeclared goes out", () => {
		fc.assert(
			fc.property(fc.array(fc.tuple(fc.string(), fc.string({ unit: "binary" }))), (caller) => {
				for (const [name, value] of built({ caller, forward: ["x-a"] })) {
					expect(name).toBe("x-a");
					expect(isHeaderValue(value)).toBe(true);
				}
			}),
		);
	});
});

test("a value that passes is one line in Latin-1", () => {
	fc.assert(
		fc.property(fc.string({ unit: "binary" }), (value) => {
			const bytes = Buffer.from(value, "latin1");
			const safe = [...bytes].every((byte) => byte === 9 || (byte >= 32 && byte !== 127)) && bytes.toString("latin1") === value;
			expect(isHeaderValue(value)).toBe(safe);
		}),
	);
});

test("Connection names the fields that go no further", () => {
	const headers: [string, string][] = [
		["Connection", "close, X-A"],
		["X-A", "1"],
		["X-B", "2"],
		["Keep-Alive", "timeout=5"],
	];
	expect(dropHopByHop(headers)).toEqual([["X-B", "2"]]);
});
