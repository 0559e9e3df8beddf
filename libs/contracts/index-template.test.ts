// The index knows every field that may be seen, and no other: a secret has nowhere to go.
import fc from "fast-check";
import { Type } from "typebox";
import { describe, expect, it } from "vitest";
import { anyEventOf } from "./any-event.test-support.ts";
import { pub, sensitive } from "./classification.ts";
import { defineEvent } from "./define-event.ts";
import { type CallgateEvent, events } from "./events.ts";
import { documentOf, indexTemplate, MappingConflict, type Mappings, mappingsOf, pathsOf, recordMappings } from "./index-template.ts";
import { cutToTerm, documentIdOf, fitFlat, termBytesMax } from "./index-terms.ts";

const someEvent = (data: Parameters<typeof defineEvent>[0]["data"], type = "test.happened") =>
	defineEvent({ type, says: "A test.", reader: "record", writers: { audit: "grouped" }, data }) as unknown as (typeof events)[number];
const anyEvent = fc.oneof(...events.map(anyEventOf));
const place = { position: 1, item: 0 };

/** Every path of a value for which the mapping has no field. */
function unmapped(mappings: Mappings, value: unknown, path = ""): string[] {
	if (Array.isArray(value)) return value.flatMap((item) => unmapped(mappings, item, path));
	return Object.entries(value as object).flatMap(([name, inner]) => {
		const mapping = mappings[name];
		if (inner === undefined) return [];
		if (!mapping) return [`${path}.${name}`];
		return mapping.properties ? unmapped(mapping.properties, inner, `${path}.${name}`) : [];
	});
}

describe("the mapping", () => {
	it("is strict and has the envelope and the union of all events' fields", () => {
		const { template, data_stream: dataStream } = indexTemplate({ replicas: 1 });
		expect(template.mappings.dynamic).toBe("strict");
		expect(template.settings.index).toMatchObject({ number_of_shards: 1, number_of_replicas: 1 });
		expect(dataStream).toBeDefined();
		expect(pathsOf(["date"])).toEqual(
			expect.arrayContaining(["@timestamp", "data.receivedAt", "data.terms.escalations.at", "data.terms.remindAt"]),
		);
		expect(pathsOf(["flat_object"])).toEqual(["data.arguments", "data.result"]);
		expect(pathsOf(["text"])).toEqual(expect.arrayContaining(["data.reasons.message", "data.callReason"]));
		expect(pathsOf(["keyword"])).toEqual(expect.arrayContaining(["id", "traceId", "data.call", "data.caller.email", "data.ending"]));
	});

	it("has no field for what is sealed or signed", () => {
		const all = pathsOf(["keyword", "text", "flat_object", "date", "long", "double", "boolean"]);
		for (const secret of ["data.sealed", "data.grant", "data.hold"]) expect(all).not.toContain(secret);
	});

	it("has none for a field that somebody adds without a class, wherever it is", () => {
		const declaration = someEvent({
			seen: pub(Type.String()),
			added: Type.String(),
			inner: Type.Object({ seen: sensitive(Type.Integer()), added: Type.Object({ deep: Type.String() }) }),
			list: Type.Array(Type.Object({ added: Type.String() })),
			texts: Type.Array(Type.String()),
		});
		expect(pathsOf(["keyword", "long"], mappingsOf([declaration])).filter((path) => path.startsWith("data"))).toEqual([
			"data.seen",
			"data.inner.seen",
		]);
	});

	it("is refused where two events give one name two types", () => {
		const one = someEvent({ amount: pub(Type.Integer()) }, "test.one");
		const other = someEvent({ amount: pub(Type.String()) }, "test.other");
		expect(() => mappingsOf([one, other])).toThrow(MappingConflict);
		expect(() => mappingsOf([one, other])).toThrow("data.amount is long in one event and keyword in another");
		const asObject = someEvent({ amount: Type.Object({ value: pub(Type.Integer()) }) }, "test.object");
		expect(() => mappingsOf([one, asObject])).toThrow(MappingConflict);
		expect(() => mappingsOf([someEvent({ a: pub(Type.String(), "date") }), someEvent({ a: pub(Type.String()) })])).toThrow(MappingConflict);
		expect(mappingsOf([one, one]).data).toEqual(mappingsOf([one]).data);
	});

	it("is refused for a field that does not say how it is indexed", () => {
		expect(() => mappingsOf([someEvent({ any: pub(Type.Unknown()) })])).toThrow("mark it as keyword, text, flat or date");
		expect(() => mappingsOf([someEvent({ any: pub(Type.Union([Type.String(), Type.Integer()])) })])).toThrow("different types");
	});
});

describe("a document", () => {
	it("has a field in the mapping for everything in it, for any event", () => {
		fc.assert(
			fc.property(anyEvent, (event) => {
				const document = JSON.parse(JSON.stringify(documentOf(event, place).document));
				expect(unmapped(recordMappings, document)).toEqual([]);
			}),
		);
	});

	it("never holds a secret, for any event", () => {
		const canary = "CANARY-of-a-secret";
		fc.assert(
			fc.property(anyEvent, (event) => {
				const filled = { ...event, data: withSecrets(event.data as Record<string, unknown>, canary) } as CallgateEvent;
				expect(JSON.stringify(documentOf(filled, place))).not.toContain(canary);
			}),
		);
	});

	it("keeps what may be seen", () => {
		const [event] = fc.sample(
			anyEventOf(events[0]).filter(({ traceparent }) => traceparent !== undefined),
			{ numRuns: 1, seed: 7 },
		);
		if (event?.type !== "call.received") throw new Error("expected the first event");
		const { id, document } = documentOf(event, { position: 7, item: 3 });
		expect(id).toBe(event.id.toWellFormed());
		expect(document).toMatchObject({
			"@timestamp": event.time,
			type: "call.received",
			position: 7,
			item: 3,
			traceparent: event.traceparent,
		});
		expect(document.traceId).toBe(event.traceparent?.slice(3, 35));
		expect(document.data).toMatchObject({ call: event.data.call, caller: { subject: event.data.caller.subject }, via: event.data.via });
	});

	it("fits the terms of an index, for any view", () => {
		fc.assert(
			fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat({ max: 40_000 }), (value, length) => {
				const view = fitFlat({ value, long: "é".repeat(length), ["k".repeat(length)]: { inner: "x" } }, "data.arguments");
				expect(longestTerm(view, "data.arguments.data.arguments")).toBeLessThanOrEqual(termBytesMax);
			}),
		);
	});

	it.each([
		["a string", "text", { value: "text" }],
		["a list", [1, { a: 2 }], { value: [1, { a: 2 }] }],
		["nothing", null, { value: null }],
		["an object", { a: { b: ["c"] } }, { a: { b: ["c"] } }],
	])("indexes a view that is %s as an object", (_, value, expected) => {
		expect(fitFlat(value, "data.result")).toEqual(expected);
	});

	it("keeps a member that is called __proto__ as a member", () => {
		const view = fitFlat(JSON.parse('{"__proto__":{"a":1}}'), "data.result");
		expect(JSON.stringify(view)).toBe('{"__proto__":{"a":1}}');
	});
});

describe("a term", () => {
	it("is cut between characters and never longer than the limit", () => {
		fc.assert(
			fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 8, max: 64 }), (text, bytesMax) => {
				const cut = cutToTerm(text, bytesMax);
				expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(bytesMax);
				expect(cut.isWellFormed()).toBe(true);
				if (cut !== text.toWellFormed()) expect(text.toWellFormed().startsWith(cut.slice(0, -1))).toBe(true);
			}),
		);
	});

	it("is the event's id as long as OpenSearch takes it", () => {
		expect(documentIdOf("a".repeat(512))).toBe("a".repeat(512));
		expect(documentIdOf("é".repeat(257))).toMatch(/^sha256:[0-9a-f]{64}$/);
		expect(documentIdOf("é".repeat(257))).not.toBe(documentIdOf(`${"é".repeat(256)}e`));
	});
});

/** Every string that only its reader may open, replaced; and what nobody declared, added. */
function withSecrets(data: Record<string, unknown>, canary: string): Record<string, unknown> {
	const filled = Object.fromEntries(
		Object.entries(data).map(([name, value]) => {
			if (["sealed", "grant", "hold"].includes(name)) return [name, canary];
			const isMembers = typeof value === "object" && value !== null && !Array.isArray(value) && !["arguments", "result"].includes(name);
			return [name, isMembers ? withSecrets(value as Record<string, unknown>, canary) : value];
		}),
	);
	return { ...filled, undeclared: canary };
}

function longestTerm(value: unknown, path: string): number {
	if (Array.isArray(value)) return Math.max(0, ...value.map((item) => longestTerm(item, path)));
	if (typeof value === "object" && value !== null) {
		return Math.max(0, ...Object.entries(value).map(([name, member]) => longestTerm(member, `${path}.${name}`)));
	}
	return Buffer.byteLength(`${path}=${String(value)}`);
}
