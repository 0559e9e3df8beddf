// A call's story is what its events say, whichever of them come first, together or twice.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyEventOf } from "#libs/contracts/any-event.test-support.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import { type CallgateEvent, events } from "#libs/contracts/events.ts";
import { documentOf, type Place } from "#libs/contracts/index-template.ts";
import { type Story, stepsOfOneTypeMax, storyMappings } from "#libs/contracts/story.ts";
import { anEnded, aReceived, callId } from "./events.test-support.ts";
import { faultOf } from "./index-memory.ts";
import { recordedEvent } from "./recorded-event.ts";
import { isAsFar, mergeStories, storiesOf } from "./tell-story.ts";

const call = callId(1);
const recorded = (event: CallgateEvent, at: Place) => recordedEvent(JSON.parse(JSON.stringify(documentOf(event, at).document)));
const tell = (...said: CallgateEvent[]): Story => {
	const [story] = storiesOf(said.map((event, at) => recorded(event, { position: at + 1, item: 0 })));
	if (!story) throw new Error("nothing was told");
	return story;
};
const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
const digest = `sha256:${"a".repeat(64)}`;
const caller = { issuer: "https://idp.example", subject: "robin", groups: ["staff"] };
const theCall = { call, connection: "payments", function: "createTransfer", pool: "default", digest, revision: digest, caller };
const requirements = [{ rule: "large", anyOf: ["finance"], quorum: 1, reasonRequired: true }];
const terms = { requirements, expiresAt: at(1_800).toISOString(), remindAt: [], escalations: [] };
const receivedAt = at(0).toISOString();
const sealed = "sealed.RAWSECRET";

const received = aReceived(call, { callReason: "rent", findings: [{ detector: "card", path: "/card", count: 1 }] }, at(0));
const held = newEvent(
	"policy",
	"call.held",
	{ ...theCall, receivedAt, arguments: { amount: 5 }, rules: ["large"], reasons: [], terms, hold: "hold", sealed },
	{ at: at(1) },
);
const voted = newEvent(
	"approval",
	"approval.voted",
	{ call, voter: "dana@example.com", groups: ["finance"], verdict: "approve", reason: "known", via: "slack", digest },
	{ at: at(61), nth: "dana@example.com" },
);
const granted = newEvent(
	"approval",
	"call.granted",
	{
		...theCall,
		...{
			receivedAt,
			rules: ["large"],
			reasons: [],
			approvedBy: ["dana@example.com"],
			expiresAt: at(90).toISOString(),
			grant: "grant",
			sealed,
		},
	},
	{ at: at(62) },
);
const started = newEvent(
	"executor",
	"call.started",
	{ ...theCall, grantId: "g", executor: "e1", attempt: 1, leaseUntil: at(90).toISOString(), credential: "bank-api-key" },
	{ at: at(63), nth: 1 },
);
const ended = newEvent(
	"executor",
	"call.ended",
	{
		...{ ...theCall, ending: "completed", rules: [], reasons: [], answer: { http: { status: 201 } }, durationMs: 900, result: { id: 7 } },
		findings: [{ detector: "iban", path: "/iban", count: 2 }],
	},
	{ at: at(64) },
);

describe("a story", () => {
	it("says who, what, on which arguments, by which rule, with whom, by which credential, how long and how it ended", () => {
		expect(tell(received, held, voted, granted, started, ended)).toEqual({
			...{ call, state: "ended", connection: "payments", function: "createTransfer", pool: "default", digest, revision: digest },
			...{ caller, receivedAt, via: "calls", callReason: "rent", arguments: { amount: 5 } },
			findings: [{ detector: "card", path: "/card", count: 1 }],
			decision: { effect: "hold", at: at(1).toISOString(), rules: ["large"], reasons: [] },
			...{ requirements, expiresAt: terms.expiresAt },
			votes: [{ voter: "dana@example.com", verdict: "approve", at: at(61).toISOString(), groups: ["finance"], reason: "known" }],
			...{ approvedBy: ["dana@example.com"], attempts: 1, executor: "e1", credential: "bank-api-key" },
			...{ ending: "completed", endedAt: at(64).toISOString(), endedBy: "executor", answer: { http: { status: 201 } } },
			answerFindings: [{ detector: "iban", path: "/iban", count: 2 }],
			durations: { totalMs: 64_000, decidingMs: 1_000, waitingMs: 61_000, dispatchMs: 1_000, functionMs: 900 },
			steps: [
				{ type: "call.received", service: "ingress", at: at(0).toISOString(), position: 1, item: 0 },
				{ type: "call.held", service: "policy", at: at(1).toISOString(), position: 2, item: 0 },
				{
					...{ type: "approval.voted", service: "approval", nth: "dana@example.com", at: at(61).toISOString(), position: 3, item: 0 },
					...{ voter: "dana@example.com", verdict: "approve", groups: ["finance"], reason: "known" },
				},
				{ type: "call.granted", service: "approval", at: at(62).toISOString(), position: 4, item: 0 },
				{
					...{ type: "call.started", service: "executor", nth: "1", at: at(63).toISOString(), position: 5, item: 0 },
					...{ executor: "e1", credential: "bank-api-key" },
				},
				{
					...{ type: "call.ended", service: "executor", at: at(64).toISOString(), position: 6, item: 0 },
					...{ ending: "completed", durationMs: 900 },
				},
			],
		});
	});

	it.each([
		["received", [received]],
		["waiting", [received, held, voted]],
		["granted", [received, held, voted, granted]],
		["running", [received, held, voted, granted, started]],
		["ended", [received, ended]],
	] as const)("says while it goes on that it is %s", (state, said) => {
		expect(tell(...said).state).toBe(state);
	});

	it("calls a denial policy's decision, and a failure none", () => {
		const denied = anEnded(call, { reasons: [{ code: "rule", rule: "never" }] }, at(2));
		expect(tell(received, denied).decision).toEqual({
			...{ effect: "deny", at: at(2).toISOString(), rules: ["never"], reasons: [{ code: "rule", rule: "never" }] },
		});
		expect(tell(received, anEnded(call, { ending: "failed" })).decision).toBeUndefined();
	});

	it("leaves a span out that clocks contradict", () => {
		const early = anEnded(call, {}, at(-3_600));
		expect(tell(received, early).durations).toEqual({});
	});

	it("keeps an event that was said twice at its first place", () => {
		const [first, again] = [7, 3].map((position) => storiesOf([recorded(received, { position, item: 0 })])[0]) as [Story, Story];
		expect(mergeStories(first, again).steps.map(({ position }) => position)).toEqual([3]);
		expect(isAsFar(first, again)).toBe(false);
		expect(isAsFar(again, first)).toBe(true);
	});

	it("keeps the first of steps that somebody repeats without end, and the ending", () => {
		const votes = Array.from({ length: 200 }, (_, n) => ({ ...voted, id: `${call}.approval.voted.approval.${n}` }) as CallgateEvent);
		const { steps, state } = tell(received, ...votes, ended);
		expect(steps).toHaveLength(stepsOfOneTypeMax + 2);
		expect(state).toBe("ended");
	});

	it("is of its own call alone", () => {
		const parked = newEvent(
			"audit",
			"control.message.parked",
			{ service: "audit", position: 1, item: 0, tries: 1, fault: "x", call },
			{ at: at(0), about: "m" },
		);
		expect(storiesOf([recorded(parked, { position: 1, item: 0 })])).toEqual([]);
		expect(
			storiesOf([received, aReceived(callId(2))].map((event, n) => recorded(event, { position: n + 1, item: 0 }))).map(
				(story) => story.call,
			),
		).toEqual([call, callId(2)]);
	});
});

describe("told of any events in any parts", () => {
	/** Events of one call: some said twice, and more of one type than are kept. */
	const ofOneCall = fc
		.array(fc.oneof(...events.filter(({ type }) => /^(call|approval)\./.test(type)).map(anyEventOf)), { minLength: 1, maxLength: 12 })
		.chain((said) => fc.array(fc.constantFrom(...said), { minLength: 1, maxLength: 24 }))
		.map((said) => said.map((event, n) => recorded(aboutCall(event), { position: n + 1, item: n % 3 })));
	const whole = (all: readonly ReturnType<typeof recorded>[]) => storiesOf(all)[0];

	it("is the same, and fits its index", () => {
		const parts = ofOneCall.chain((all) =>
			fc.record({
				all: fc.constant(all),
				parts: fc.array(fc.subarray(all), { maxLength: 6 }),
				order: fc.shuffledSubarray(all, { minLength: all.length }),
			}),
		);
		fc.assert(
			fc.property(parts, ({ all, parts, order }) => {
				// Each part by itself, in an order of its own, and everything at last: as batches of replicas come, and come again.
				const told = [...parts.map((part) => storiesOf(part.toReversed())), storiesOf(order)].flat();
				const story = told.reduce<Story | undefined>((one, other) => (one ? mergeStories(one, other) : other), undefined);
				const reversed = told.toReversed().reduce<Story | undefined>((one, other) => (one ? mergeStories(other, one) : other), undefined);
				expect(story).toEqual(whole(all));
				expect(reversed).toEqual(whole(all));
				if (story) {
					expect(mergeStories(story, story)).toEqual(story);
					expect(faultOf({ properties: storyMappings }, JSON.parse(JSON.stringify(story)), "")).toBeUndefined();
				}
			}),
			{ numRuns: 300 },
		);
	});
});

function aboutCall(event: CallgateEvent): CallgateEvent {
	const id = event.id.replace(event.subject, call);
	return { ...event, id, subject: call, data: { ...event.data, call } } as CallgateEvent;
}
