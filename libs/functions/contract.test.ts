// The digest of a function changes with what callers are shown of it, and with nothing else.
import { expect, test } from "vitest";
import { contractOf } from "./contract.ts";
import type { MadeFunction } from "./function.ts";

const shown = {
	name: "pay",
	description: "Pays.",
	argumentsSchema: { type: "object", properties: { amount: { type: "number" }, to: true } },
};

test.each<[string, Partial<MadeFunction>]>([
	["its name", { name: "paid" }],
	["its description", { description: "Pays!" }],
	["a schema deep inside", { argumentsSchema: { ...shown.argumentsSchema, properties: { amount: { type: "integer" }, to: true } } }],
])("%s", (_what, changed) => {
	expect(contractOf({ ...shown, ...changed })).not.toBe(contractOf(shown));
});

test("the order of members, where it is reached and what policy knows of it are not shown", () => {
	const { type, properties } = shown.argumentsSchema;
	const turned = { properties: { to: properties.to, amount: properties.amount }, type };
	const more = { ...shown, argumentsSchema: turned, sensitive: { "$.to": "redact" }, transport: {}, timeoutMs: 1 };
	expect(contractOf(more)).toBe(contractOf(shown));
	expect(contractOf(shown)).toMatch(/^sha256:[0-9a-f]{64}$/);
});
