// JSON is read in one way or not at all: duplicates, depth, size, names, surrogates, and every digit of every number.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type JsonFault, JsonRefused, jsonLimitsDefault, parseJsonStrictly } from "./json.ts";

function faultOf(text: string, limits = {}): JsonFault | undefined {
	try {
		parseJsonStrictly(text, { ...jsonLimitsDefault, ...limits });
		return undefined;
	} catch (error) {
		if (error instanceof JsonRefused) return error.fault;
		throw error;
	}
}

describe("what two readers could read in two ways is refused", () => {
	test.each<[string, JsonFault]>([
		['{"a":1,"a":1}', "duplicate_member"],
		['{"amount":1,"\\u0061mount":2}', "duplicate_member"],
		['{"a":{"b":[{"c":1,"c":2}]}}', "duplicate_member"],
		['{"a/b":1,"a\\/b":2}', "duplicate_member"],
		['{"":1,"":2}', "duplicate_member"],
		['{"\\ud83d\\ude00":1,"😀":2}', "duplicate_member"],
		['{"__proto__":{}}', "forbidden_member"],
		['{"\\u005f_proto__":{}}', "forbidden_member"],
		['"\\ud800"', "lone_surrogate"],
		['{"\\udc00":1}', "lone_surrogate"],
		['["\\ude00\\ud83d"]', "lone_surrogate"],
		['"\ud800"', "lone_surrogate"],
		["", "not_json"],
		["{", "not_json"],
		['{"a":1,}', "not_json"],
		["[1,]", "not_json"],
		["01", "not_json"],
		["+1", "not_json"],
		["NaN", "not_json"],
		["Infinity", "not_json"],
		["{'a':1}", "not_json"],
		["1 2", "not_json"],
		["\uFEFF{}", "not_json"],
		['"\t"', "not_json"],
		['{"a":1}//', "not_json"],
	])("%j", (text, fault) => {
		expect(faultOf(text)).toBe(fault);
	});

	test.each(['{"a":1,"A":2}', '{"a":{"b":1},"b":1}', '[{"a":1},{"a":2}]', '{"é":1,"e\u0301":2}', '["a","a"]', '{"a":"a","b":"a"}'])(
		"but not %j",
		(text) => {
			expect(parseJsonStrictly(text)).toEqual(JSON.parse(text));
		},
	);

	test("a message never repeats a value", () => {
		for (const text of ['{"a":"4111111111111111","a":1}', '{"card":4111111111111111111}', '"4111111111111111']) {
			expect(() => parseJsonStrictly(text)).toThrow(expect.not.objectContaining({ message: expect.stringContaining("4111") }));
		}
	});
});

describe("size is bounded", () => {
	const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
	test("depth, before anything recursive sees the text", () => {
		expect(faultOf(nested(32))).toBeUndefined();
		expect(faultOf(nested(33))).toBe("too_deep");
		expect(faultOf("[".repeat(1_000_000))).toBe("too_deep");
		expect(faultOf('{"a":'.repeat(33))).toBe("too_deep");
	});
	test("brackets inside strings are not levels", () => {
		expect(faultOf(JSON.stringify(`${"[{".repeat(100)}"\\`))).toBeUndefined();
	});
	test("members and items in total", () => {
		const limits = { nodesMax: 4 };
		expect(faultOf("[1,2,3,4]", limits)).toBeUndefined();
		expect(faultOf("[1,2,3,4,5]", limits)).toBe("too_many_nodes");
		expect(faultOf('{"a":1,"b":2,"c":3,"d":4}', limits)).toBeUndefined();
		expect(faultOf('{"a":1,"b":2,"c":3,"d":4,"e":5}', limits)).toBe("too_many_nodes");
		expect(faultOf('{"a":1,"a":2,"a":3,"a":4,"a":5}', { ...limits, anyMembers: true })).toBe("too_many_nodes");
	});
	test("a number of many million digits is refused in the time of a test", () => {
		// Linear work takes milliseconds. Quadratic work takes hours, and is ended by the limit that every test has.
		expect(faultOf(`{"a":0.1${"0".repeat(10_000_000)}1}`)).toBe("number_precision");
	});
});

describe("numbers are read with every digit or refused", () => {
	test.each([
		"0",
		"-0",
		"0.1",
		"1.50",
		"1e3",
		"15e-1",
		"1E+2",
		"9007199254740991",
		"9007199254740992",
		"-9007199254740992",
		"9007199254740994",
		"0.30000000000000004",
		"1e308",
		"1.7976931348623157e308",
		"5e-324",
		"123456789012345680000",
		"0e999999",
		"0.000000000000000000000",
		"4111111111111111",
		"1000000000000000000000000",
	])("%s is held", (text) => {
		expect(parseJsonStrictly(`[${text}]`)).toEqual([Number(text)]);
	});
	test.each([
		"9007199254740993",
		"-9007199254740993",
		"0.1000000000000000055511151231257827",
		"1e400",
		"-1e400",
		"1e-400",
		"4111111111111111111",
		"12345678901234567890",
		"0.30000000000000001",
		"1.00000000000000000001",
		"9007199254740992.5",
		"2e-324",
	])("%s is not", (text) => {
		expect(faultOf(`[${text}]`)).toBe("number_precision");
		expect(parseJsonStrictly(`{"a":[${text}]}`, { ...jsonLimitsDefault, longNumbersAsText: true })).toEqual({ a: [text] });
	});

	test("an integer is accepted exactly where a double prints it", () => {
		fc.assert(
			fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), (integer) => {
				const printed = BigInt(Number(integer)) === integer;
				// Beyond 2^53 the shortest print of a double pads with zeros, so an integer may be exact as a double and still print otherwise.
				const same = Number(integer).toLocaleString("en", { useGrouping: false, maximumSignificantDigits: 17 });
				const accepted = faultOf(String(integer)) === undefined;
				if (accepted) expect(decimal(String(Number(integer)))).toBe(decimal(String(integer)));
				if (printed && same === String(integer)) expect(decimal(same)).toBe(decimal(String(integer)));
				if (Number.isSafeInteger(Number(integer)) && printed) expect(accepted).toBe(true);
			}),
		);
	});
	test("every double survives as it is printed, and any digit more beyond its precision is refused", () => {
		fc.assert(
			fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
				expect(parseJsonStrictly(`[${JSON.stringify(number)}]`)).toEqual([Object.is(number, -0) ? 0 : number]);
			}),
		);
		fc.assert(
			fc.property(fc.bigInt({ min: 10n ** 17n, max: 10n ** 40n }), (digits) => {
				const exact = decimal(String(digits)) === decimal(String(Number(digits)));
				expect(faultOf(`0.${digits}`) === undefined).toBe(decimal(`0.${digits}`) === decimal(String(Number(`0.${digits}`))));
				expect(faultOf(String(digits)) === undefined).toBe(exact);
			}),
		);
	});
});

/** Digits and power of ten by BigInt: another way to the same answer. */
function decimal(text: string): string {
	const [mantissa = "", exponent = "0"] = text.toLowerCase().split("e");
	const [whole = "", fraction = ""] = mantissa.split(".");
	let digits = BigInt(whole + fraction);
	let power = Number(exponent) - fraction.length;
	while (digits !== 0n && digits % 10n === 0n) {
		digits /= 10n;
		power++;
	}
	return digits === 0n ? "0" : `${digits}e${power}`;
}

describe("answers of functions", () => {
	const answers = { ...jsonLimitsDefault, longNumbersAsText: true };
	test("a long number becomes text wherever it stands; others stay numbers", () => {
		expect(parseJsonStrictly('{"a":6011000990139424123,"b":[1,{"c":1e999}],"d":2.5}', answers)).toEqual({
			a: "6011000990139424123",
			b: [1, { c: "1e999" }],
			d: 2.5,
		});
	});
	test("with any members, the last of a name counts and keeps its digits, and __proto__ is only a name", () => {
		const value = parseJsonStrictly('{"a":1,"a":6011000990139424123,"__proto__":{"b":1}}', { ...answers, anyMembers: true });
		expect(Object.entries(value as object)).toEqual([
			["a", "6011000990139424123"],
			["__proto__", { b: 1 }],
		]);
		expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
	});
	test("any members does not mean any text", () => {
		expect(faultOf('{"a":1,"a":"\\ud800"}', { anyMembers: true })).toBe("lone_surrogate");
	});
});

test("whatever JSON.stringify writes is read back", () => {
	fc.assert(
		fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
			const text = JSON.stringify(value);
			if (text.includes("__proto__") || /\\ud[89a-f]/i.test(text)) return;
			expect(parseJsonStrictly(text)).toEqual(JSON.parse(text));
		}),
	);
});
