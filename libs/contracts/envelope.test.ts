// An envelope says who said what about which call, and is refused where any of it does not fit the rest.
import { describe, expect, test } from "vitest";
import { answerMarkOf } from "./answer.ts";
import { decodeEvents, encodeEvents, MalformedEvent, newEvent } from "./envelope.ts";
import type { CallgateEvent } from "./events.ts";
import { documentOf } from "./index-template.ts";
import { subjectOf } from "./subjects.ts";

const at = new Date("2026-01-01T00:00:00.000Z");
const call = "01890000-0000-7000-8000-000000000001";
const other = "01890000-0000-7000-8000-000000000002";
const digest = `sha256:${"a".repeat(64)}`;
const caller = { issuer: "https://idp.example", subject: "robin", groups: [] };
const ended = newEvent(
	"executor",
	"call.ended",
	{
		call,
		connection: "bank",
		function: "pay",
		pool: "default",
		digest,
		revision: digest,
		caller,
		ending: "failed",
		rules: [],
		reasons: [],
	},
	{ at },
);
const withdrawn = newEvent("ingress", "call.withdrawn", { call, caller }, { at });
const subject = subjectOf(ended);

function faultOf(item: unknown, on = subject): string | undefined {
	const [read] = decodeEvents(on, new TextEncoder().encode(JSON.stringify([item])));
	return read?.ok ? undefined : (read?.fault ?? "nothing was read");
}

test("an event's id follows from what it says, so saying it again is the same event", () => {
	expect(ended.id).toBe(`${call}.call.ended.executor`);
	expect(newEvent("executor", "call.ended", ended.data, { at: new Date() }).id).toBe(ended.id);
	expect(newEvent("approval", "call.ended", ended.data, { at }).id).not.toBe(ended.id);
	expect(faultOf(ended)).toBeUndefined();
});

test("what does not fit its declaration is not made", () => {
	expect(() => newEvent("ingress", "call.withdrawn", { call: "nobody", caller }, { at })).toThrow(MalformedEvent);
	expect(() => newEvent("executor", "call.withdrawn", { call, caller }, { at })).toThrow(MalformedEvent);
	expect(() => newEvent("ingress", "call.withdrawn", { call, caller, more: 1 } as never, { at })).toThrow(MalformedEvent);
	expect(() => newEvent("ingress", "call.withdrawn", { call, caller }, { at, about: other })).toThrow(MalformedEvent);
});

describe("refused are", () => {
	test.each<[string, object]>([
		["another writer in the envelope than on the subject", { ...ended, source: "/callgate/policy", id: `${call}.call.ended.policy` }],
		["a writer that is none", { ...ended, source: "/callgate/constructor", id: `${call}.call.ended.constructor` }],
		["a type that is none", { ...ended, type: "constructor" }],
		["the id of another type", { ...ended, id: `${call}.call.started.executor` }],
		["the id of another call", { ...ended, id: `${other}.call.ended.executor` }],
		["the id of another writer", { ...ended, id: `${call}.call.ended.policy` }],
		["an id that only begins alike", { ...ended, id: `${call}.call.ended.executors` }],
		["another call in the data than in the envelope", { ...ended, data: { ...ended.data, call: other } }],
		[
			"another call than on the subject",
			{ ...ended, id: `${other}.call.ended.executor`, subject: other, data: { ...ended.data, call: other } },
		],
		["another pool than on the subject", { ...ended, data: { ...ended.data, pool: "dmz" } }],
		["another version of the envelope", { ...ended, specversion: "2.0", more: 1 }],
		["a known member with a value that cannot be, beside one that is not known", { ...ended, data: { ...ended.data, more: 1, status: 7 } }],
		["a missing member", { ...ended, data: { ...ended.data, digest: undefined } }],
		["an ending that is none", { ...ended, data: { ...ended.data, ending: "fine" } }],
		["a time that is none", { ...ended, time: "yesterday" }],
		["a trace that is none", { ...ended, traceparent: "00-xyz" }],
	])("%s", (_what, item) => {
		expect(faultOf(item)).toBeTypeOf("string");
	});
	test.each([[null], [1], ["text"], [[]], [{}]])("%j", (item) => {
		expect(faultOf(item)).toBeTypeOf("string");
	});
	test("an event on a subject that is none", () => {
		for (const on of ["callgate", "callgate.a.b", "other.ingress.default.executor.x.call.ended"])
			expect(faultOf(ended, on)).toBeTypeOf("string");
	});
	test("a forged parking of another call is only its writer's word, never that call's own event", () => {
		const parked = newEvent(
			"policy",
			"control.message.parked",
			{ service: "policy", position: 1, item: 0, tries: 1, fault: "f", call },
			{ at, about: "message-1", nth: "policy-0" },
		);
		expect(faultOf(parked, subjectOf(parked))).toBeUndefined();
	});
	test("nothing by a text that holds a value", () => {
		const secret = "4111111111111111";
		for (const item of [
			{ ...ended, data: { ...ended.data, digest: secret } },
			{ ...ended, data: { ...ended.data, digest: undefined, [secret]: 1 } },
			{ ...ended, subject: secret.repeat(20) },
			{ ...ended, type: secret },
		]) {
			expect(faultOf(item)).not.toContain(secret);
		}
	});
});

describe("what a newer version added is left out", () => {
	const reason = { code: "rule", rule: "small" };
	const full = { ...ended, data: { ...ended.data, reasons: [reason], result: { kept: { whole: [{ deep: 1 }] } } } };
	const read = (item: object) => decodeEvents(subject, new TextEncoder().encode(JSON.stringify([item])))[0];

	test.each<[string, object]>([
		["of the envelope", { ...full, tracestate: "a=b" }],
		["of the data", { ...full, data: { ...full.data, more: { secret: "4111111111111111" } } }],
		["of an object in the data", { ...full, data: { ...full.data, caller: { ...caller, actor: "someone" } } }],
		["of an object in a list", { ...full, data: { ...full.data, reasons: [{ ...reason, weight: 3 }] } }],
	])("a member %s", (_what, item) => {
		expect(read(item)).toEqual({ ok: true, event: full });
	});
	test("a member that has the name of what every object has", () => {
		const text = JSON.stringify([full]).replace('"data":{', '"data":{"__proto__":{"ending":"completed"},');
		const [item] = decodeEvents(subject, new TextEncoder().encode(text));
		expect(item).toEqual({ ok: true, event: full });
		expect(item?.ok && Object.getPrototypeOf(item.event.data)).toBe(Object.prototype);
	});
	test("a member that stands in for a missing one does not help", () => {
		const { digest: _, ...rest } = full.data;
		expect(read({ ...full, data: { ...rest, Digest: digest } })).toMatchObject({ ok: false });
	});
});

describe("an answer", () => {
	const read = (data: object) => {
		const text = JSON.stringify([{ ...ended, data: { ...ended.data, ...data } }]);
		const [item] = decodeEvents(subject, new TextEncoder().encode(text));
		if (!item?.ok || item.event.type !== "call.ended") throw new Error("it is not read");
		return { answer: answerMarkOf(item.event.data), shown: documentOf(item.event, { position: 1, item: 0 }).document.data };
	};
	test("is marked by its protocol, for everyone", () => {
		const answer = { http: { status: 201 } };
		expect(read({ answer })).toMatchObject({ answer, shown: { answer } });
	});
	test("of a version that knew HTTP alone is read, and goes on the record as it was written", () => {
		expect(read({ status: 201 })).toMatchObject({ answer: { http: { status: 201 } }, shown: { status: 201 } });
	});
	test("of a protocol that only a newer version knows leaves the ending readable, and is not shown", () => {
		const { answer, shown } = read({ answer: { telex: { line: "4111111111111111" } } });
		expect([answer, shown]).toEqual([{}, { ...ended.data, answer: {} }]);
	});
	test("with a status that is none is refused", () => {
		expect(faultOf({ ...ended, data: { ...ended.data, answer: { http: { status: 99 } } } })).toBeTypeOf("string");
		expect(faultOf({ ...ended, data: { ...ended.data, answer: { http: {} } } })).toBeTypeOf("string");
	});
});

describe("a way in", () => {
	const received = (via: string) => ({
		...{ call, connection: "bank", function: "pay", pool: "default", digest, revision: digest, caller },
		...{ via, receivedAt: at.toISOString(), arguments: {}, findings: [], sealed: "x" },
	});
	test.each(["calls", "proxy", "mcp", "openai-chat"])("may be called %s", (via) => {
		expect(newEvent("ingress", "call.received", received(via), { at }).data.via).toBe(via);
	});
	test.each(["", "MCP", "a b", "4111111111111111", `a${"b".repeat(32)}`])("is not called %j", (via) => {
		expect(() => newEvent("ingress", "call.received", received(via), { at })).toThrow(MalformedEvent);
	});
});

describe("a message", () => {
	test("keeps the order, and a bad item does not take its neighbours with it", () => {
		const second = newEvent("ingress", "call.withdrawn", { call: other, caller }, { at });
		const bytes = new TextEncoder().encode(JSON.stringify([withdrawn, { bad: true }, second]));
		const read = decodeEvents(subjectOf(withdrawn), bytes);
		expect(read.map((item) => (item.ok ? item.event : "bad"))).toEqual([withdrawn, "bad", second]);
	});
	test("is read as it was written", () => {
		const events: CallgateEvent[] = [withdrawn];
		expect(decodeEvents(subjectOf(withdrawn), encodeEvents(events))).toEqual([{ ok: true, event: withdrawn }]);
	});
	test.each([["not JSON"], ["[]"], ["{}"], ["null"], ['"text"']])("that is %s is refused whole", (text) => {
		expect(() => decodeEvents(subject, new TextEncoder().encode(text))).toThrow(MalformedEvent);
	});
	test("that is not UTF-8 is refused whole", () => {
		expect(() => decodeEvents(subject, new Uint8Array([0x5b, 0xff, 0x5d]))).toThrow(MalformedEvent);
	});
});
