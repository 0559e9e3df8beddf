// Records are what the format says, however the bytes were cut on their way; what never ends is not read for ever.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DialError } from "./dial-error.ts";
import { type Framing, framingOf, readRecords, recordCharsMax } from "./read-records.ts";

async function* chunksOf(bytes: Uint8Array, places: readonly number[]): AsyncGenerator<Uint8Array> {
	const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((one, other) => one - other);
	for (const [index, end] of [...at, bytes.length].entries()) yield bytes.subarray(index === 0 ? 0 : at[index - 1], end);
}
const read = async (text: string | Uint8Array, framing: Framing, places: readonly number[] = []): Promise<string[]> =>
	await Array.fromAsync(readRecords(chunksOf(typeof text === "string" ? Buffer.from(text) : text, places), framing, 200));

describe("records", () => {
	test.each<[Framing, string, string[]]>([
		["events", "data: a\n\ndata: b\n\n", ["data: a\n\n", "data: b\n\n"]],
		["events", "data: a\r\n\r\ndata: b\r\rdata: c\n\r\nd", ["data: a\r\n\r\n", "data: b\r\r", "data: c\n\r\n", "d"]],
		["events", "data: a\n\n\ndata: b\n\n", ["data: a\n\n", "\ndata: b\n\n"]],
		["events", "data: never ended", ["data: never ended"]],
		["lines", '{"a":1}\n{"b":2}\r\n\nx', ['{"a":1}\n', '{"b":2}\r\n', "\n", "x"]],
		["lines", "", []],
		["events", "\ufeffdata: a\n\ndata: \ufeff\n\n", ["data: a\n\n", "data: \ufeff\n\n"]],
	])("%s of %j", async (framing, text, records) => {
		expect(await read(text, framing)).toEqual(records);
	});

	test("are the same wherever the bytes are cut", async () => {
		const piece = fc.constantFrom("data: ü🙂", "\r", "\n", "\r\n", "\n\n", "x", "id: 1");
		await fc.assert(
			fc.asyncProperty(fc.array(piece, { maxLength: 30 }), fc.array(fc.nat(), { maxLength: 30 }), async (pieces, places) => {
				const text = pieces.join("");
				for (const framing of ["events", "lines"] as const) {
					const whole = await read(text, framing);
					expect(whole.join("")).toBe(text);
					expect(await read(text, framing, places)).toEqual(whole);
				}
			}),
		);
	});

	test("that never end are not read to their end", async () => {
		const endless = async function* (): AsyncGenerator<Uint8Array> {
			for (;;) yield Buffer.alloc(1_000, "x");
		};
		const reading = Array.fromAsync(readRecords(endless(), "lines", 200));
		await expect(reading).rejects.toMatchObject({ code: "body_too_large", answered: { http: { status: 200 } } });
		expect(recordCharsMax).toBeLessThan(1_000_000);
	});

	test("that are no UTF-8 are none", async () => {
		await expect(read(Buffer.from([0x64, 0xff, 0x0a]), "lines")).rejects.toThrow(DialError);
		await expect(read(Buffer.from([0x64, 0x0a, 0xc3]), "lines")).rejects.toThrow(DialError);
	});
});

test.each([
	["text/event-stream", "events"],
	['Text/Event-Stream; charset="UTF-8"', "events"],
	["application/x-ndjson", "lines"],
	["application/json", undefined],
	["text/event-stream; charset=latin1", undefined],
	["toString", undefined],
])("an answer of type %s", (type, framing) => {
	const head = (status: number, ...more: [string, string][]) => ({
		status,
		headers: [["content-type", type] as [string, string], ...more],
	});
	expect(framingOf(head(200))).toBe(framing);
	expect(framingOf(head(200, ["content-encoding", "gzip"]))).toBeUndefined();
	expect(framingOf(head(200, ["content-type", type]))).toBeUndefined();
	expect(framingOf(head(500))).toBeUndefined();
});
