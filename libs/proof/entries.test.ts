// Entries and segments come back as they were written, whatever is in a subject or an event, and are refused when cut or changed in form.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf, type Entry, entryText, readEntry } from "./entry.ts";
import { decodeSegment, encodeSegment, SegmentMalformed } from "./segment.ts";

const position = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const instant = fc.date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true }).map((date) => date.toISOString());
const era = fc.record({ identity: fc.uuid(), acceptedAt: instant }, { requiredKeys: ["identity"] });
const entries: fc.Arbitrary<Entry> = fc.oneof(
	fc.record({
		...{ kind: fc.constant("event" as const), position, item: fc.nat(), subject: fc.stringMatching(/^[!-$&-~]{1,60}$/) },
		digest: fc.uint8Array().map(digestOf),
	}),
	fc.record({ kind: fc.constant("stream" as const), era }),
	fc.record({ kind: fc.constant("missing" as const), from: position, to: position }),
	fc.record({ kind: fc.constant("time" as const), at: instant, position, era }),
	fc.record({ kind: fc.constant("key" as const), key: fc.constant("a.example/log+01020304+AQID") }),
);

describe("an entry", () => {
	it("is read as it was written", () => {
		fc.assert(
			fc.property(entries, (entry) => {
				expect(readEntry(entryText(entry))).toEqual(entry);
			}),
		);
	});

	it("is one line of printable ASCII, whatever a subject holds, and two subjects never give one line", () => {
		const line = (subject: string) => entryText({ kind: "event", position: 1, item: 0, subject, digest: "0".repeat(64) });
		fc.assert(
			fc.property(fc.string({ unit: "binary", minLength: 1 }), fc.string({ unit: "binary", minLength: 1 }), (one, other) => {
				expect(line(one)).toMatch(/^event 1 0 [!-~]+ 0{64}$/);
				if (one.toWellFormed() !== other.toWellFormed()) expect(line(one)).not.toBe(line(other));
			}),
		);
		expect(line("a%20b")).not.toBe(line("a b"));
	});

	it("is nothing else", () => {
		for (const text of [
			"",
			"event",
			"event 1 2 a",
			`event 01 2 a ${"0".repeat(64)}`,
			"time now 5",
			"toString x",
			"missing 1 2 ",
			"key a b",
		])
			expect(readEntry(text), text).toBeUndefined();
	});
});

describe("a segment", () => {
	const leaf = fc.oneof(
		fc.record({
			entry: fc.constant(`event 1 0 callgate.x ${"0".repeat(64)}`),
			event: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
		}),
		fc.record({ entry: fc.constant("time 2026-01-01T00:00:00.000Z 5 some-stream -") }),
	);
	const segment = fc.record({ note: fc.constant("origin\n1\nroot\n\n— origin AAAA\n"), leaves: fc.array(leaf) });

	it("comes back as it was written, and is refused when it is cut anywhere but behind a leaf", () => {
		fc.assert(
			fc.property(segment, fc.nat(), (written, pick) => {
				const bytes = encodeSegment(written);
				expect(decodeSegment(bytes)).toEqual(written);
				const cut = bytes.subarray(0, pick % bytes.length);
				try {
					const { leaves } = decodeSegment(cut);
					expect(leaves).toEqual(written.leaves.slice(0, leaves.length));
				} catch (error) {
					expect(error).toBeInstanceOf(SegmentMalformed);
				}
			}),
		);
		expect(() => decodeSegment(Buffer.from("something\n"))).toThrow(/callgate-segment-v1/);
	});
});
