// A lane that drops, refuses, doubles or forgets calls has no figures: the measurement fails and says why.
import { expect, test } from "vitest";
import { events } from "#libs/contracts/events.ts";
import { floorEvents } from "./floor-plan.ts";
import { assertSound, assertStored, BenchFailed } from "./measure-lane.ts";

const sound = { sent: 100, answered: 100, failed: 0, faults: [] };
const arrived = { requests: 100, calls: 100 };

test("a lane in which every call is answered and arrives once is sound", () => {
	expect(() => assertSound("floor", sound, arrived)).not.toThrow();
	expect(() => assertStored("documents", 400, 100)).not.toThrow();
});

test.each([
	["refuses", { ...sound, answered: 99, failed: 1, faults: ["503 no"] }, arrived, /1 of 100 calls.*503 no/],
	["drops an answer", { ...sound, answered: 99 }, arrived, /100 calls were sent and 99 answered/],
	["answers without asking the bank", sound, { requests: 90, calls: 90 }, /the bank saw 90/],
	["asks the bank twice", sound, { requests: 101, calls: 100 }, /101 requests of 100 calls/],
	["asks for one call in place of another", sound, { requests: 100, calls: 99 }, /100 requests of 99 calls/],
	["makes no call", { ...sound, sent: 0, answered: 0 }, { requests: 0, calls: 0 }, /not one call/],
])("a lane that %s fails", (_name, result, bank, message) => {
	expect(() => assertSound("callgate", result, bank)).toThrow(BenchFailed);
	expect(() => assertSound("callgate", result, bank)).toThrow(message);
});

test("an event that is missing or doubled fails", () => {
	expect(() => assertStored("documents", 399, 100)).toThrow(/399 documents of 100 calls, expected 400/);
	expect(() => assertStored("documents", 401, 100)).toThrow(BenchFailed);
});

test("the floor has a message for each event that Callgate declares for an allowed call", () => {
	const declared = events.map(({ type }) => type as string).filter((type) => type.startsWith("call."));
	const onlyOthers = ["call.withdrawn", "call.held", "call.taken", "call.streamed", "call.unspent"];
	expect(floorEvents.map((event) => `call.${event}`)).toEqual(declared.filter((type) => !onlyOthers.includes(type)));
});
