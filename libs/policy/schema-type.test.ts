// What is refused for a function can never be true for it: held against schemas, calls that fit them and conditions, all of them drawn.
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { JsonValue } from "#libs/contracts/json.ts";
import { viewOf } from "./call-view.ts";
import { compileCondition } from "./condition.ts";
import { stepsMax, withBudget } from "./condition-budget.ts";
import { SchemaTypes } from "./schema-type.ts";

type Schema = { readonly [keyword: string]: unknown };

const texts = ["a", "b", "long"];
const scalars: readonly JsonValue[] = [...texts, 0, 1, 1.5, 7, true, null];
const scalar: fc.Arbitrary<JsonValue> = fc.constantFrom(...scalars);

const { schema } = fc.letrec<{ schema: Schema }>((tie) => ({
	schema: fc.oneof(
		{ depthSize: "small" },
		fc.constantFrom<Schema>({ type: "string" }, { type: "integer" }, { type: ["number", "null"] }, { type: "boolean" }, {}),
		fc.record({ enum: fc.uniqueArray(scalar, { minLength: 1, maxLength: 4 }) }),
		fc.record({ const: scalar }),
		fc.record({ minimum: fc.constantFrom(0, 1), exclusiveMaximum: fc.constantFrom(1, 2, 7) }),
		fc.record({ type: fc.constant("string"), maxLength: fc.constantFrom(1, 4) }),
		fc.record({ type: fc.constant("string"), pattern: fc.constantFrom("^a", "[^a]$") }),
		fc.record({ type: fc.constant("array"), items: tie("schema") }),
		fc.record({ prefixItems: fc.tuple(tie("schema")), items: fc.oneof(tie("schema"), fc.constant(false)) }),
		fc.record({
			properties: fc.dictionary(fc.constantFrom("x", "y"), tie("schema")),
			additionalProperties: fc.oneof(fc.boolean(), tie("schema")),
		}),
		fc.record({ allOf: fc.tuple(tie("schema"), tie("schema")) }),
		fc.record({ anyOf: fc.tuple(tie("schema"), tie("schema")) }),
		fc.record({ oneOf: fc.tuple(tie("schema"), tie("schema")) }),
		fc.record({ not: tie("schema") }),
		fc.record({ properties: fc.dictionary(fc.constantFrom("x", "y"), tie("schema")), unevaluatedProperties: fc.constant(false) }),
		fc.constant({ $ref: "#/$defs/again" }),
	),
}));

const value: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
	value: fc.oneof(
		{ depthSize: "small" },
		scalar,
		fc.array(tie("value"), { maxLength: 2 }),
		fc.dictionary(fc.constantFrom("x", "y", "z"), tie("value")) as fc.Arbitrary<JsonValue>,
	),
})).value;

const place = fc.constantFrom("args.v", "args.v.x", "args.v[0]", 'args.v["y"]', "args.v.x.y", "args.v[0].x");
const written = scalar.map((one) => JSON.stringify(one));
const condition = fc.oneof(
	fc
		.tuple(place, fc.constantFrom("==", "!=", "<", "<=", ">", ">="), written)
		.map(([left, operator, right]) => `${left} ${operator} ${right}`),
	fc.tuple(place, fc.constantFrom("==", "!="), place).map(([left, operator, right]) => `${left} ${operator} ${right}`),
	fc.tuple(place, written, written).map(([left, one, other]) => `${left} in [${one}, ${other}]`),
	fc.tuple(written, place).map(([left, right]) => `${left} in ${right}`),
	fc.tuple(place, written).map(([list, one]) => `${list}.exists(i, i == ${one})`),
	fc.constantFrom('args.v.startsWith("a")', "has(args.v.x)", "args.v.x", "!args.v", "args.v + 1 > 1", "size(args.v) == 1"),
);

test("no condition is refused that some call makes true", () => {
	let refused = 0;
	fc.assert(
		fc.property(schema, schema, value, fc.array(condition, { minLength: 30, maxLength: 30 }), (of, again, given, conditions) => {
			const whole = { properties: { v: of }, $defs: { again: { properties: { x: again, y: { type: "string" } } } } };
			const fits = new Ajv2020({ strict: false }).compile(whole)({ v: given });
			if (!fits) return;
			const args = new SchemaTypes(whole).of(whole);
			const call = { caller: { issuer: "i", subject: "s", groups: [] }, connection: "c", function: "f", arguments: { v: given } };
			const view = viewOf({ ...call, receivedAt: "2026-01-01T00:00:00Z" }, new Set(["v"]));
			for (const when of conditions) {
				const compiled = compiledOrNot(when);
				const faults = compiled?.faultsFor({ all: [{ connection: "c", name: "f", args }], areNamed: true }) ?? [];
				// A list of values is refused for each of them.
				if (!compiled || faults.length === 0 || when.includes(" in [")) continue;
				refused++;
				const answer = withBudget(stepsMax, () => compiled.ask(view));
				// A `!=` that is always true is refused too: it was meant to be false for something.
				expect([when, answer]).not.toEqual([when, when.includes("!=") ? "false" : "true"]);
			}
		}),
		{ numRuns: 300 },
	);
	expect(refused).toBeGreaterThan(100);
});

function compiledOrNot(when: string) {
	try {
		return compileCondition(when);
	} catch {
		return undefined;
	}
}
