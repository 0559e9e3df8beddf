// Which of a caller's headers reach a function: the declared, and never those that say who someone is.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assertForwardableHeaders, buildOutboundHeaders, dropHopByHop, isForwardableHeader, isHeaderValue } from "./outbound-headers.ts";

test.each([
	"Authorization",
	"authorization",
	"Cookie",
	"Set-Cookie",
	"Proxy-Authorization",
	"proxy-anything",
	"Host",
	"Forwarded",
	"X-Forwarded-For",
	"x-forwarded-anything",
	"X-Real-IP",
	"Via",
	"Connection",
	"Transfer-Encoding",
	"Content-Length",
	"Upgrade",
	"Expect",
	"Accept-Encoding",
	"TE",
	"Callgate-Call",
	"not a token",
	"a:b",
	"",
])("%j can never be declared", (name) => {
	expect(isForwardableHeader(name)).toBe(false);
	expect(() => assertForwardableHeaders(["accept-language", name])).toThrow(RangeError);
	expect(() => buildOutboundHeaders([[name, "x"]], [name], [])).toThrow(RangeError);
});

test.each(["Accept-Language", "X-Request-Id", "Idempotency-Key", "Content-Type", "If-Match"])("%j can be declared", (name) => {
	expect(isForwardableHeader(name)).toBe(true);
});

describe("buildOutboundHeaders", () => {
	test("drops what is not declared, lets Callgate's own win, and writes names in lower case", () => {
		const caller: [string, string][] = [
			["Authorization", "Bearer caller"],
			["Accept-Language", "de"],
			["accept-language", "en"],
			["Content-Type", "text/plain"],
			["X-Other", "1"],
		];
		expect(buildOutboundHeaders(caller, ["accept-language", "Content-Type"], [["Content-Type", "application/json"]])).toEqual([
			["accept-language", "de"],
			["accept-language", "en"],
			["content-type", "application/json"],
		]);
	});

	test("a caller's value that cannot be written is dropped; one of our own is an error", () => {
		expect(buildOutboundHeaders([["x-a", "1\r\nx-b: 2"]], ["x-a"], [])).toEqual([]);
		expect(() => buildOutboundHeaders([], [], [["x-a", "1\n"]])).toThrow(RangeError);
		expect(() => buildOutboundHeaders([], [], [["x a", "1"]])).toThrow(RangeError);
	});

	test("whatever the caller sends, nothing undeclared goes out", () => {
		fc.assert(
			fc.property(fc.array(fc.tuple(fc.string(), fc.string({ unit: "binary" }))), (caller) => {
				for (const [name, value] of buildOutboundHeaders(caller, ["x-a"], [])) {
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
