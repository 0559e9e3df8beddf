// The bytes of each event of a message: together with JSON.parse on whatever callers can put in, and on what is no list of events.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { itemsMax, splitMessage } from "./split-message.ts";

const texts = (message: string) => splitMessage(Buffer.from(message)).map((item) => Buffer.from(item).toString());

describe("the items of a message", () => {
	it("are the texts that it was joined from, whatever is in them", () => {
		fc.assert(
			fc.property(fc.array(fc.json({ maxDepth: 4 }), { minLength: 1, maxLength: 20 }), (events) => {
				expect(texts(`[${events.join(",")}]`)).toEqual(events);
			}),
			{ numRuns: 400 },
		);
	});

	it("are the same with white space between them, which belongs to none", () => {
		const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
		fc.assert(
			fc.property(fc.array(fc.tuple(space, fc.json(), space), { minLength: 1, maxLength: 8 }), space, (events, around) => {
				const message = `${around}[${events.map((parts) => parts.join("")).join(",")}]${around}`;
				expect(texts(message)).toEqual(events.map(([, event]) => event));
			}),
		);
	});

	it("are not where a text only looks like an end, however long it is", () => {
		for (const text of ['"},{"', "]", '\\"],[', "\\\\", `${"a".repeat(100)}\\`, `${"\\".repeat(61)}"`, "é".repeat(50)]) {
			const event = JSON.stringify({ text, [text]: [text] });
			expect(texts(`[${event},${event}]`), text).toEqual([event, event]);
		}
	});

	it("are the message itself where it is no list, is cut, or holds more than any of ours", () => {
		const many = `[${Array.from({ length: itemsMax + 1 }, () => "0").join(",")}]`;
		for (const message of ["", " ", "{}", "[]", "[1", '["a]', "[1]x", "[1}", "[1,]", "[,1]", "x[1]", "[[1]", '["\\"]', many])
			expect(texts(message), message.slice(0, 20)).toEqual([message]);
		expect(splitMessage(Buffer.from([0xff, 0x5b]))).toEqual([Buffer.from([0xff, 0x5b])]);
		expect(texts(many.replace("0,", ""))).toHaveLength(itemsMax);
	});
});
