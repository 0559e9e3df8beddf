// What a document marks in its answers is found through references, lists, alternatives and circles; too much rather than too little.
import { expect, test } from "vitest";
import { markedAnswers, markedMax } from "./marked-places.ts";

const document = {
	components: {
		schemas: {
			Customer: {
				properties: {
					email: { type: "string", "x-callgate-mask": "hash" },
					cards: { type: "array", items: { $ref: "#/components/schemas/Card" } },
					secret: { type: "string", writeOnly: true },
					key: { type: "string", format: "password" },
					other: { anyOf: [{ type: "null" }, { "x-callgate-mask": "drop" }] },
				},
			},
			Card: { properties: { number: { "x-callgate-mask": "last4" }, brand: { type: "string" } } },
			Tree: { properties: { token: { "x-callgate-sensitive": true }, children: { items: { $ref: "#/components/schemas/Tree" } } } },
			Wrong: { properties: { a: { "x-callgate-mask": "hide" } } },
		},
	},
};
const placesOf = (...names: string[]) =>
	markedAnswers(
		document,
		names.map((name) => ({ $ref: `#/components/schemas/${name}` })),
	);

test("each with its own action; what is only said to be sensitive is redacted", () => {
	expect(placesOf("Customer")).toEqual({
		"$.email": "hash",
		"$.cards[*].number": "last4",
		"$.secret": "redact",
		"$.key": "redact",
		"$.other": "drop",
	});
});

test("of several answers all places count, and the stricter wish where they meet", () => {
	const plain = { properties: { email: { "x-callgate-mask": "last4" }, id: {} } };
	expect(markedAnswers(document, [{ $ref: "#/components/schemas/Customer" }, plain])).toMatchObject({ "$.email": "redact" });
});

test("in a circle the name is marked at every depth, and no mark that is misspelt is taken for none", () => {
	expect(placesOf("Tree")).toMatchObject({ "$..token": "redact" });
	expect(placesOf("Wrong")).toEqual({ "$.a": "redact" });
});

test("nothing is marked where nothing is, and everything where there is too much to list", () => {
	expect(markedAnswers(document, [{ properties: { a: {} } }, true, { $ref: "#/nowhere" }])).toEqual({});
	const many = Array.from({ length: markedMax + 1 }, (_, at) => [`m${at}`, { writeOnly: true }]);
	expect(markedAnswers({}, [{ properties: Object.fromEntries(many) }])).toEqual({ $: "redact" });
});
