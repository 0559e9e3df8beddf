// Fields of the record are named as its events name them.
import { expect, it } from "vitest";
import { kindOfField, valuesAt } from "./record-fields.ts";

it("knows members of flat fields and of nothing else", () => {
	expect(kindOfField("time")).toBe("instant");
	expect(kindOfField("data.result.user.name")).toBe("flat");
	expect(kindOfField("data.voter.name")).toBeUndefined();
	expect(kindOfField("data")).toBeUndefined();
	expect(kindOfField("data.sealed")).toBeUndefined();
	expect(kindOfField("@timestamp")).toBeUndefined();
});

it("finds values through lists, under names with dots, and never one that is inherited", () => {
	const event = { time: "t", data: { findings: [{ count: 1 }, { count: 2 }], arguments: { "e.mail": { x: null, y: [3] } } } };
	expect(valuesAt(event, "time")).toEqual(["t"]);
	expect(valuesAt(event, "data.findings.count")).toEqual([1, 2]);
	expect(valuesAt(event, "data.arguments.e.mail.y")).toEqual([3]);
	expect(valuesAt(event, "data.arguments.e.mail.x")).toEqual([]);
	expect(valuesAt(event, "data.arguments")).toEqual([event.data.arguments]);
	expect(valuesAt(event, "data.constructor.name")).toEqual([]);
	expect(valuesAt(event, "time.length")).toEqual([]);
});
