// A field without a class is a secret, and redaction drops what it does not know.
import fc from "fast-check";
import { Type } from "typebox";
import { describe, expect, test } from "vitest";
import { anyEventOf } from "./any-event.test-support.ts";
import { marksOf, pub, redact, sensitive } from "./classification.ts";
import { type AnyDeclaration, events } from "./events.ts";

const schema = Type.Object({
	open: pub(Type.String()),
	masked: sensitive(Type.String()),
	bare: Type.String(),
	inner: Type.Object({ open: pub(Type.String()), bare: Type.String() }),
	list: Type.Array(Type.Object({ open: pub(Type.String()), masked: sensitive(Type.String()) })),
	names: pub(Type.Array(Type.String())),
	bareNames: Type.Array(Type.String()),
	view: sensitive(Type.Unknown(), "flat"),
});
const value = {
	...{ open: "o", masked: "m", bare: "SECRET", inner: { open: "o", bare: "SECRET" }, list: [{ open: "o", masked: "m", more: "SECRET" }] },
	...{ names: ["n"], bareNames: ["SECRET"], view: { a: 1 }, unknown: "SECRET" },
};

test("a field without a class is a secret", () => {
	expect(marksOf(Type.String()).class).toBe("secret");
	expect(redact(Type.String(), "SECRET", "sensitive")).toBeUndefined();
});

test("who may see public fields sees them alone", () => {
	expect(redact(schema, value, "public")).toEqual({ open: "o", inner: { open: "o" }, list: [{ open: "o" }], names: ["n"] });
});

test("who may see sensitive fields sees public ones too, and never a secret", () => {
	expect(redact(schema, value, "sensitive")).toEqual({
		...{ open: "o", masked: "m", inner: { open: "o" }, list: [{ open: "o", masked: "m" }], names: ["n"], view: { a: 1 } },
	});
});

test("a public object does not make its members public", () => {
	const object = pub(Type.Object({ bare: Type.String() }));
	expect(redact(object, { bare: "SECRET" }, "public")).toEqual({});
	expect(redact(pub(Type.Array(Type.Object({ bare: Type.String() }))), [{ bare: "SECRET" }], "public")).toEqual([{}]);
});

describe.each(events.map((declaration): [string, AnyDeclaration] => [declaration.type, declaration]))("%s", (_type, declaration) => {
	test("never shows a seal or a signature, whoever is cleared", () => {
		fc.assert(
			fc.property(anyEventOf(declaration), (event) => {
				const shown = redact(declaration.data, event.data, "sensitive") as object;
				for (const name of ["sealed", "grant", "hold"]) expect(shown).not.toHaveProperty(name);
				const open = redact(declaration.data, event.data, "public") as object;
				for (const name of ["arguments", "result", "callReason", "detail", "voter", "by", "approvedBy", "reason", "query"]) {
					expect(open).not.toHaveProperty(name);
				}
				expect(JSON.stringify(open)).not.toMatch(/"email":/);
			}),
			{ numRuns: 20 },
		);
	});
});
