// The past that is put under a bench is made of events like any others: each valid on its subject, none twice, every call whole.
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeEvents } from "#libs/contracts/envelope.ts";
import { declarationOf } from "#libs/contracts/events.ts";
import { subjectOf } from "#libs/contracts/subjects.ts";
import { anyEventOf } from "../../libs/contracts/any-event.test-support.ts";
import { floorEvents } from "./floor-plan.ts";
import { planMessages } from "./preload.ts";

const call = "0198c5a0-0000-7000-8000-000000000001";
const template = {
	call,
	events: floorEvents.map((name) => {
		const declaration = declarationOf(`call.${name}`);
		if (!declaration) throw new Error(`no event is called call.${name}`);
		const [sample] = fc.sample(anyEventOf(declaration), { numRuns: 1, seed: 7 });
		const text = JSON.stringify(sample).replaceAll(sample?.subject ?? "", call);
		return { subject: subjectOf(JSON.parse(text)), text };
	}),
};
const calls = 21;
const messages = planMessages(template, calls);
const items = messages.map(({ subject, text }) => decodeEvents(subject, new TextEncoder().encode(text)));

test("each message is one that its reader accepts", () => {
	expect(items.flat().filter((item) => !item.ok)).toEqual([]);
});

test("every call has each of its events once, and none is the template's", () => {
	const ids = items.flat().map((item) => (item.ok ? item.event.id : ""));
	expect(new Set(ids).size).toBe(calls * floorEvents.length);
	expect(ids).toHaveLength(calls * floorEvents.length);
	expect(messages.filter(({ subject, text }) => subject.includes(call) || text.includes(call))).toEqual([]);
});

test("events on a subject of their call's own lie alone, the others in groups, as services publish them", () => {
	const perCall = messages.map(({ subject }) => /\.[0-9a-f]{8}-[0-9a-f-]{27}\./.test(subject));
	expect(items.filter((_, at) => perCall[at]).map(({ length }) => length)).toEqual(Array.from({ length: calls * 2 }, () => 1));
	expect(items.filter((_, at) => !perCall[at]).map(({ length }) => length)).toEqual([8, 8, 5, 8, 8, 5]);
});
