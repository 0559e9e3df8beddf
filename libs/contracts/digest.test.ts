// The digest names exactly one call, whatever order its members came in.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson, type DigestedCall, digestOf, sha256 } from "./digest.ts";

const call: DigestedCall = {
	caller: { issuer: "https://idp.example", subject: "robin" },
	connection: "bank",
	function: "createTransfer",
	arguments: { to: "acc-2", amount: 10, memo: { b: 1, a: [1, 2] } },
	salt: "0".repeat(32),
};

test("the canonical form is that of RFC 8785", () => {
	// Section 3.2.2 and 3.2.3 of the RFC.
	const value = {
		numbers: [Number("333333333.33333329"), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
		string: '€$\u000F\nA\'B"\\\\"/',
		literals: [null, true, false],
	};
	expect(canonicalJson(value)).toBe(
		'{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
	);
	const names = { "\u20ac": "Euro", "\r": "CR", "\ufb33": "Dalet", "1": "One", "\ud83d\ude00": "Grin", "\u0080": "Control", "\u00f6": "o" };
	expect(Object.values(JSON.parse(canonicalJson(names)) as object).sort()).toEqual(Object.values(names).sort());
	expect([...canonicalJson(names).matchAll(/:"(\w+)"/g)].map(([, name]) => name)).toEqual([
		"CR",
		"One",
		"Control",
		"o",
		"Euro",
		"Grin",
		"Dalet",
	]);
});

describe("the digest", () => {
	test("does not depend on the order of members", () => {
		const turned = { ...call, arguments: { memo: { a: [1, 2], b: 1 }, amount: 10, to: "acc-2" } };
		expect(digestOf(turned)).toBe(digestOf(call));
	});
	test.each<[string, Partial<DigestedCall>]>([
		["issuer", { caller: { ...call.caller, issuer: "https://other.example" } }],
		["subject", { caller: { ...call.caller, subject: "dana" } }],
		["connection", { connection: "bank2" }],
		["function", { function: "closeAccount" }],
		["an argument", { arguments: { ...call.arguments, amount: 11 } }],
		["an argument's type", { arguments: { ...call.arguments, amount: "10" } }],
		["an argument more", { arguments: { ...call.arguments, extra: null } }],
		["the order of items", { arguments: { ...call.arguments, memo: { b: 1, a: [2, 1] } } }],
		["the salt", { salt: "1".repeat(32) }],
	])("depends on %s", (_what, change) => {
		expect(digestOf({ ...call, ...change })).not.toBe(digestOf(call));
	});
	test("takes nothing of the caller but issuer and subject", () => {
		const dressed = { ...call, caller: { ...call.caller, email: "robin@example.com", groups: ["ci"] } };
		expect(digestOf(dressed)).toBe(digestOf(call));
	});
	test("cannot be reached by moving text from one part to the next", () => {
		const moved = { ...call, connection: "ban", function: "kcreateTransfer" };
		expect(digestOf(moved)).not.toBe(digestOf(call));
	});
	test("is equal exactly for equal JSON", () => {
		fc.assert(
			fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()), (one, other) => {
				const digests = [one, other].map((args) => digestOf({ ...call, arguments: args as DigestedCall["arguments"] }));
				expect(digests[0] === digests[1]).toBe(canonicalJson(one as never) === canonicalJson(other as never));
			}),
		);
	});
});

test("sha256 says which hash it is", () => {
	expect(sha256("abc")).toBe("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});
