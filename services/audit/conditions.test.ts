// An auditor's conditions are read exactly or refused: a misspelt one must not answer another question.
import { describe, expect, it } from "vitest";
import { readCondition } from "./conditions.ts";

describe("a condition", () => {
	it.each([
		["type=call.ended", { field: "type", operator: "=", value: "call.ended" }],
		["data.voter!=dana@example.com", { field: "data.voter", operator: "!=", value: "dana@example.com" }],
		["data.durationMs>=1000", { field: "data.durationMs", operator: ">=", value: 1_000 }],
		["data.sent=false", { field: "data.sent", operator: "=", value: false }],
		["data.credential", { field: "data.credential", operator: "exists" }],
		["data.arguments.note=a=b<c", { field: "data.arguments.note", operator: "=", value: "a=b<c" }],
		["data.expiresAt<2026-01-01T01:00:00+01:00", { field: "data.expiresAt", operator: "<", value: "2026-01-01T00:00:00.000Z" }],
		["time>2026-01-01", { field: "time", operator: ">", value: "2026-01-01T00:00:00.000Z" }],
	])("%s", (text, condition) => expect(readCondition(text)).toEqual(condition));

	it.each([
		["", "is no condition"],
		["=x", "is no condition"],
		["data.votr=x", 'names no field of the record; did you mean "data.voter"?'],
		["data.sealed=x", "names no field of the record"],
		["data.arguments2.x=1", "names no field"],
		["data.voter>x", "no number and no time"],
		["data.arguments.amount>=5", "no number and no time"],
		["data.durationMs=fast", "needs a number"],
		["data.durationMs=1e999", "needs a number"],
		["data.voter=", "needs a text"],
		["data.sent=yes", "needs true or false"],
		["time>yesterday", "needs a day or an instant"],
		["time>2026-13-45", "needs a day or an instant"],
	])("refuses %j", (text, fault) => expect(readCondition(text)).toMatchObject({ fault: expect.stringContaining(fault) }));
});
