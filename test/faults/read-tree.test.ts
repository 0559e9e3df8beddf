// What the harness finds where the record's tree is not what it heard of the stream.
import { expect, test } from "vitest";
import { digestOf, type Entry } from "#libs/proof/entry.ts";
import { HeardEvents } from "./read-tree.ts";

const heard = new HeardEvents();
heard.hear({ sequence: 1, bytes: Buffer.from('[{"a":1}, {"b":2}]') });
heard.hear({ sequence: 2, bytes: Buffer.from("no list") });
heard.hear({ sequence: 3, bytes: Buffer.from("[3]") });

const event = (position: number, item: number, text: string): Entry => ({
	...{ kind: "event", position, item, subject: "callgate.x" },
	digest: digestOf(Buffer.from(text)),
});
const sound = [event(1, 0, '{"a":1}'), event(1, 1, '{"b":2}'), event(2, 0, "no list")];

test.each<[what: string, entries: Entry[], upTo: number, found: string[]]>([
	["nothing, where it has all up to there", sound, 2, []],
	["nothing of what came after", [...sound, event(3, 0, "3"), event(4, 0, "4")], 2, []],
	["an event that is missing", sound, 3, ["the tree has not the event at 3.0"]],
	["an event in other bytes", [event(1, 0, '{"a": 1}'), ...sound.slice(1)], 2, ["the tree has another event at 1.0 than the stream"]],
	["an event twice", [...sound, event(1, 1, '{"b":2}')], 2, ["the tree has an event at 1.1 twice"]],
	["an event of nobody", [...sound, event(1, 2, "{}")], 2, ["the tree has an event at 1.2 that the stream has not"]],
	[
		"positions that were gone",
		[...sound, { kind: "missing", from: 3, to: 4 }],
		2,
		["the tree says that positions 3 to 4 were gone when it came to them"],
	],
])("finds %s", (_what, entries, upTo, found) => {
	expect(heard.compare(entries, upTo)).toEqual(found);
});
