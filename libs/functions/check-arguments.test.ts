// Arguments checked: what is refused, what is said about it, and what a hostile value or document cannot do.
import { expect, test } from "vitest";
import { functionOf } from "#libs/openapi/document.test-support.ts";
import { canCompile, compileArguments, patternWork, whyNotASchema } from "./check-arguments.ts";

const secret = "4111111111111111";
const properties = {
	amount: { type: "number", exclusiveMinimum: 0 },
	currency: { type: "string", enum: ["USD", "EUR"] },
	when: { type: "string", format: "date" },
	email: { type: "string", format: "email" },
	code: { type: "string", pattern: "^[A-Z]{2}$" },
	line1: { type: "string", maxLength: 3 },
	tags: { type: "array", items: { type: "string" }, uniqueItems: true },
	inner: { type: "object", additionalProperties: { type: "integer" } },
	fixed: { const: 1 },
};
const fn = functionOf({ body: { type: "object", required: ["amount"], properties } });
const check = compileArguments(fn);
const told = (args: Record<string, unknown>) => {
	const result = check(args);
	return result.ok ? [] : result.errors.map(({ pointer, message }) => `${pointer} ${message}`);
};

test.each([
	[{ amount: 1 }, []],
	[{}, ["/amount is missing"]],
	[{ amount: "1" }, ["/amount must be number"]],
	[{ amount: 0 }, ["/amount must be > 0"]],
	[{ amount: Number.NaN }, ["/amount must be number"]],
	[{ amount: 1, currency: secret }, ['/currency expected one of ["USD","EUR"]']],
	[{ amount: 1, code: secret }, ["/code does not match its pattern"]],
	[{ amount: 1, when: "2026-02-30" }, ['/when must match format "date"']],
	[{ amount: 1, email: `${secret}@` }, ['/email must match format "email"']],
	[{ amount: 1, line1: secret }, ["/line1 must NOT have more than 3 characters"]],
	[{ amount: 1, tags: [secret, secret] }, ["/tags expected items that differ"]],
	[{ amount: 1, inner: { [secret]: "x" } }, ["/inner/… must be integer"]],
	[{ amount: 1, fixed: secret }, ["/fixed expected [1]"]],
	[
		{ amount: 1, [secret]: 1 },
		["/… is not an argument of this function; expected amount, currency, when, email, code, line1, tags, inner, fixed"],
	],
	[
		{ amuont: 1, amount: null },
		[
			"/amuont is not an argument of this function; expected amount, currency, when, email, code, line1, tags, inner, fixed",
			"/amount must be number",
		],
	],
])("%j", (args, messages) => {
	expect(told(args)).toEqual(messages);
	expect(JSON.stringify(told(args))).not.toContain(secret);
});

const multiples = (multipleOf: number) => {
	const fits = compileArguments(functionOf({ body: { type: "object", properties: { a: { type: "number", multipleOf } } } }));
	return (a: number) => fits({ a });
};

test.each([
	[0.01, [19.99, 4.35, 1.1, 0, -0.07, 1e15, 123456789012.34, 90071992547409.91], [1.005, 0.001, 123456789012.345]],
	[0.1, [0.3, 1.1, 4e20], [0.35]],
	[1e-9, [1e-9, 2.5e-8, 1e300], [1e-10, 2.5e-9]],
	[2.5, [5, 7.5, -2.5], [6]],
	[3, [9, 9007199254740990], [9007199254740991, 1e22]],
])("multiples of %d are counted in decimals", (multipleOf, right, wrong) => {
	const fits = multiples(multipleOf);
	for (const value of right) expect({ value, ...fits(value) }).toEqual({ value, ok: true });
	for (const value of wrong)
		expect({ value, ...fits(value) }).toEqual({
			value,
			ok: false,
			errors: [{ pointer: "/a", message: `must be multiple of ${multipleOf}` }],
		});
});

test("every amount of cents is a multiple of 0.01", () => {
	const fits = multiples(0.01);
	for (let cents = 0; cents < 100_000; cents += 7)
		expect(fits(Number(`${Math.trunc(cents / 100)}.${String(cents % 100).padStart(2, "0")}`)).ok).toBe(true);
});

test("arguments are never changed", () => {
	const args = Object.freeze({ amount: 1 });
	const withDefault = compileArguments(functionOf({ body: { type: "object", properties: { a: { default: 1 }, b: { type: "integer" } } } }));
	expect(check(args)).toEqual({ ok: true });
	const own = { b: "1" };
	expect(withDefault(own).ok).toBe(false);
	expect(own).toEqual({ b: "1" });
	const empty = {};
	withDefault(empty);
	expect(empty).toEqual({});
});

test("members that every object inherits are not members", () => {
	const inherited = compileArguments(
		functionOf({ body: { type: "object", required: ["constructor"], properties: { constructor: { type: "string" } } } }),
	);
	expect(inherited({}).ok).toBe(false);
	expect(inherited({ constructor: "x" })).toEqual({ ok: true });
	expect(told(JSON.parse('{"amount":1,"__proto__":{"x":1}}'))).toHaveLength(1);
	expect(told({ amount: 1, toString: 1 })).toHaveLength(1);
});

test("a pattern that would stall a backtracking engine does not", () => {
	const hostile = compileArguments(
		functionOf({ body: { type: "object", properties: { a: { type: "string", pattern: "^(([a-z])+.)+[A-Z]([a-z])+$" } } } }),
	);
	// With a backtracking engine this takes longer than any test may.
	expect(hostile({ a: "a".repeat(50_000) }).ok).toBe(false);
});

test("a pattern is not run on text that it would take too long for, nor to say more about text that is too long anyway", () => {
	const pattern = "[A-Za-z0-9]{1,1000}$";
	const dear = compileArguments(functionOf({ body: { type: "object", properties: { a: { type: "string", maxLength: 1_000, pattern } } } }));
	expect(dear({ a: "a".repeat(900_000) })).toEqual({
		ok: false,
		errors: [{ pointer: "/a", message: "must NOT have more than 1000 characters" }],
	});
	const a = "a".repeat(900);
	expect(dear({ a }, 1_000_000)).toMatchObject({ ok: false, tooDear: true });
	expect(dear({ a }, patternWork.aside)).toEqual({ ok: true });
	// Together, not each for itself.
	const many = compileArguments(
		functionOf({ body: { type: "object", properties: { a: { type: "array", items: { type: "string", pattern } } } } }),
	);
	expect(many({ a: Array.from({ length: 10_000 }, () => "ab") }, 1_000_000)).toMatchObject({ ok: false, tooDear: true });
});

test("items that must differ are told apart by their value, however many they are", () => {
	const unique = compileArguments(functionOf({ body: { type: "object", properties: { a: { type: "array", uniqueItems: true } } } }));
	expect(unique({ a: [1, "1", [1], { b: 1, c: 2 }, { b: 2, c: 1 }, null, "null"] })).toEqual({ ok: true });
	for (const a of [
		[1, 1],
		[null, null],
		[
			{ b: 1, c: [2] },
			{ c: [2], b: 1 },
		],
	])
		expect(unique({ a })).toEqual({ ok: false, errors: [{ pointer: "/a", message: "expected items that differ" }] });
	expect(unique({ a: Array.from({ length: 50_000 }, (_, at) => ({ at })) })).toEqual({ ok: true });
});

test("a format is not looked for in a text that is too long for one", () => {
	expect(told({ amount: 1, email: `${"a.".repeat(200_000)}@` })).toEqual(['/email must match format "email"']);
});

test("errors have a bound, whatever is sent", () => {
	const many = compileArguments(
		functionOf({ body: { type: "object", properties: { list: { type: "array", items: { type: "integer" } } } } }),
	);
	const result = many({ list: Array.from({ length: 100_000 }, () => "x") });
	expect(!result.ok && result.errors).toHaveLength(1);
	const few = many({ list: Array.from({ length: 100 }, () => "x") });
	expect(!few.ok && few.errors).toHaveLength(20);
});

test("what no request can carry is refused here already", () => {
	const get = compileArguments(
		functionOf({ path: "/a/{id}", parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }] }),
	);
	for (const id of ["..", "", "a/b", "%2e%2e", "\ud800"]) expect(get({ id })).toMatchObject({ ok: false, errors: [{ pointer: "/id" }] });
	expect(get({ id: "a.b" })).toEqual({ ok: true });
});

test("a schema too large to compile is told when the configuration is compiled, and refuses every call", () => {
	const chain = Object.fromEntries(
		Array.from({ length: 2_000 }, (_, index) => [
			`S${index}`,
			{ type: "object", properties: { a: { $ref: `#/components/schemas/S${index + 1}` } } },
		]),
	);
	const large = functionOf({ body: { $ref: "#/components/schemas/S0" } }, "3.0.0", { schemas: { ...chain, S2000: {} } });
	expect(canCompile(large.argumentsSchema)).toBe(false);
	expect(canCompile(fn.argumentsSchema)).toBe(true);
	expect(compileArguments(large)({}).ok).toBe(false);
	expect(whyNotASchema({ type: "object", properties: { a: { maxLength: "x" } } })).toContain("at /properties/a/maxLength");
});

test("definitions that lead to each other by several ways cost no more than they may, in the schema or in the arguments", () => {
	const chain = (length: number) =>
		Object.fromEntries(
			Array.from({ length }, (_, nth) => {
				const next = nth + 1 < length ? { $ref: `#/$defs/d${nth + 1}` } : { const: "never" };
				return [`d${nth}`, { anyOf: [next, next] }];
			}),
		);
	const inSchema = { ...fn, argumentsSchema: { type: "object", properties: { a: { $ref: "#/$defs/d0" } }, $defs: chain(22) } };
	expect(compileArguments(inSchema)({ a: 1 })).toMatchObject({ ok: false, tooDear: true });

	const node = { $ref: "#/$defs/node" };
	const either = { type: "object", properties: { next: node }, required: ["next"] };
	const $defs = { node: { anyOf: [either, { ...either }, { type: "string" }] } };
	const inArguments = { ...fn, argumentsSchema: { type: "object", properties: { a: node }, $defs } };
	const nested = (levels: number): unknown => (levels === 0 ? 7 : { next: nested(levels - 1) });
	expect(compileArguments(inArguments)({ a: nested(22) })).toMatchObject({ ok: false, tooDear: true });
	expect(compileArguments(inArguments, undefined)({ a: nested(3) })).toMatchObject({ ok: false });
});

test("an honest tree is checked where it came in", () => {
	const $defs = {
		node: { type: "object", properties: { children: { type: "array", items: { $ref: "#/$defs/node" } } }, additionalProperties: false },
	};
	const tree = { ...fn, argumentsSchema: { type: "object", properties: { a: { $ref: "#/$defs/node" } }, $defs } };
	const a = { children: Array.from({ length: 2_000 }, () => ({ children: [{}] })) };
	const { ok, ...rest } = compileArguments(tree)({ a });
	expect(rest).not.toHaveProperty("tooDear");
	expect(ok).toBeTypeOf("boolean");
});
