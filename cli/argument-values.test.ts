// Text becomes the value that the schema says, or is refused: it is never guessed, never changed, never repeated.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { argumentValues } from "./argument-values.ts";

const of = (member: unknown, text: string, more: object = {}) =>
	argumentValues([`x=${text}`], { type: "object", properties: { x: member }, ...more }).x;

describe("the value of an argument", () => {
	it.each<[text: string, schema: unknown, value: unknown]>([
		["5", { type: "integer" }, 5],
		["5", { type: "number" }, 5],
		["5.50", { type: "number" }, 5.5],
		["5", { type: "string" }, "5"],
		["true", { type: "boolean" }, true],
		["true", { type: "string" }, "true"],
		["null", { type: ["string", "null"], enum: ["a", null] }, null],
		["null", { type: "string" }, "null"],
		["", { type: "string" }, ""],
		["a=b", { type: "string" }, "a=b"],
		['"quoted"', { type: "string" }, '"quoted"'],
		["[1, 2]", { type: "array", items: { type: "integer" } }, [1, 2]],
		['{"a": 1}', { type: "object" }, { a: 1 }],
		["5", { enum: [5, 6] }, 5],
		["5", { enum: ["5", 6] }, "5"],
		["5", { const: 5 }, 5],
		["5", { anyOf: [{ type: "integer" }, { type: "boolean" }] }, 5],
		["5", { oneOf: [{ type: "string" }, { type: "boolean" }] }, "5"],
		["5", { allOf: [{ type: ["string", "integer"] }, { type: "integer" }] }, 5],
		["5", { $ref: "#/$defs/amount" }, 5],
		["5", { $ref: "#/$defs/again" }, 5],
		["hello", {}, "hello"],
		["hello", true, "hello"],
		["soon", { $ref: "#/$defs/circle" }, "soon"],
		["007", { type: ["integer", "string"] }, "007"],
	])("%s under %j", (text, schema, value) => {
		const $defs = { amount: { type: "integer" }, again: { $ref: "#/$defs/amount" }, circle: { $ref: "#/$defs/circle" } };
		expect(of(schema, text, { $defs })).toEqual(value);
	});

	it.each<[text: string, schema: unknown, message: string]>([
		["5", {}, "string or integer"],
		["5", { type: ["string", "integer"] }, "string or integer"],
		["true", { anyOf: [{ type: "string" }, { type: "boolean" }] }, "string or boolean"],
		["null", { type: ["string", "null"] }, "string or null"],
		["5.5", { type: "integer" }, "expected integer"],
		["five", { type: "number" }, "expected number or integer"],
		["True", { type: "boolean" }, "expected boolean"],
		["1e999", { type: "number" }, "expected number"],
		["9007199254740993", { type: "integer" }, "expected integer"],
		['{"a":1,"a":2}', { type: "object" }, "expected object"],
		["5", false, "nothing at all"],
	])("%s under %j is refused", (text, schema, message) => {
		expect(() => of(schema, text)).toThrow(message);
	});

	it("that nothing declares is taken where the function is open, and only if it can mean one thing", () => {
		const open = { type: "object", properties: {} };
		expect(argumentValues(["note=hello"], open)).toEqual({ note: "hello" });
		expect(() => argumentValues(["note=5"], open)).toThrow("string or integer");
		expect(() => argumentValues(["note=x"], { ...open, additionalProperties: false })).toThrow("has no argument note. It takes none.");
	});

	it("is the text itself under a text's schema", () => {
		fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => of({ type: "string" }, text) === text));
	});

	it("is the same number again under a number's schema", () => {
		const number = fc.double({ noNaN: true, noDefaultInfinity: true });
		fc.assert(fc.property(number, (value) => Object.is(of({ type: "number" }, JSON.stringify(value)), value + 0)));
	});

	it("is in no message, whatever schema and text", () => {
		const member = fc.oneof(
			fc.constantFrom({}, false, { type: "integer" }, { enum: [1, 2] }, { type: ["boolean", "null"] }),
			fc.jsonValue(),
		);
		fc.assert(
			fc.property(member, fc.nat(), (schema, n) => {
				const text = `s3cret${n}`;
				try {
					of(schema, text, { additionalProperties: false });
				} catch (error) {
					expect(error).toMatchObject({ name: "CommandFailed", exitCode: 2 });
					expect(String(error)).not.toContain("s3cret");
				}
			}),
		);
	});
});
