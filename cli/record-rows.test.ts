// What others wrote stays text: in a terminal, in a spreadsheet and in a line of JSON.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Zone } from "./instants.ts";
import { csvHead, csvLine, jsonLine, readColumns } from "./record-rows.ts";

const utc = new Zone("UTC");
const event = {
	...{ time: "2026-07-01T09:30:00.000Z", position: 7, item: 0, type: "call.received" },
	data: {
		arguments: { note: "=1+1", amount: -5 },
		rules: ["one", "two"],
		caller: { subject: 'a"b' },
		expiresAt: "2026-07-01T09:30:00.000Z",
	},
};

describe("CSV", () => {
	it("has the fields' own names above, and a line an event", () => {
		const columns = readColumns("time,position,data.rules,data.caller.subject,data.caller,data.ending");
		expect(csvHead(columns)).toBe('"time","position","data.rules","data.caller.subject","data.caller","data.ending"');
		expect(csvLine(event, columns, utc)).toBe('"2026-07-01T09:30:00.000Z","7","one; two","a""b","{""subject"":""a\\""b""}",""');
		expect(csvLine(event, ["time", "data.expiresAt"], new Zone("Europe/Berlin"))).toBe(
			'"2026-07-01T11:30:00.000+02:00","2026-07-01T11:30:00.000+02:00"',
		);
	});

	it.each(["=1+1", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", " =1", "\t=1", "\r=1", "\uff1d1", "\u00a0=1", "-"])(
		"makes no formula of %j",
		(note) => {
			expect(csvLine({ data: { arguments: { note } } }, ["data.arguments.note"], utc)).toMatch(/^"(?:'|\\)/);
		},
	);

	it.each([
		["see;=HYPERLINK(1)", "see;'=HYPERLINK(1)"],
		["a; -2+3;\u00a0@SUM(1)", "a;' -2+3;'\u00a0@SUM(1)"],
		["=1;-3;+1", "'=1;-3;'+1"],
	])("makes no formula of %j where a semicolon parts cells", (note, cell) => {
		expect(csvLine({ data: { arguments: { note } } }, ["data.arguments.note"], utc)).toBe(`"${cell}"`);
	});

	it.each([-5, "-5", "1; -2; -3.5", "-1.5e-7", "a=b", "1-2", ""])("leaves %j as it is", (note) => {
		expect(csvLine({ data: { arguments: { note } } }, ["data.arguments.note"], utc)).toBe(`"${note}"`);
	});

	it("is one line of as many cells as there are columns, whatever is in them", () => {
		fc.assert(
			fc.property(fc.array(fc.string({ unit: "binary" }), { minLength: 2, maxLength: 2 }), ([note, other]) => {
				const line = csvLine({ data: { arguments: { note, other } } }, ["data.arguments.note", "data.arguments.other"], utc);
				expect(line).toMatch(/^"(?:[^"]|"")*","(?:[^"]|"")*"$/);
				expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
				expect(line).not.toMatch(/(?:^|,)"\s*[=+@]/);
			}),
		);
	});

	it("knows the record's fields and no others", () => {
		expect(readColumns(undefined)).toContain("data.caller.email");
		expect(readColumns("data.arguments.any.thing, data")).toEqual(["data.arguments.any.thing", "data"]);
		expect(() => readColumns("data.endng")).toThrow('did you mean "data.ending"?');
		expect(() => readColumns("")).toThrow("does not have");
		expect(() => readColumns(Array(65).fill("time").join(","))).toThrow("at most 64");
	});
});

it("JSON stays JSON, on one line, without a character that a terminal obeys", () => {
	const line = jsonLine({ note: "\u001b[2J\n\u202e" });
	expect(line).toBe('{"note":"\\u001b[2J\\n\\u202e"}');
});
