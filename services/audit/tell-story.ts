// The story of a call out of its events. A join-semilattice: whichever events come, in whichever order and however often, the story is the same. Pure.
import type { Place } from "#libs/contracts/index-template.ts";
import { type Step, type Story, stepsOfOneTypeMax } from "#libs/contracts/story.ts";
import type { RecordedEvent } from "./ports.ts";

/** What the first event of a kind says, and no later one changes. */
interface Chapter {
	readonly fields: readonly (keyof Story)[];
	readonly isToldBy: (step: Pick<Step, "type" | "service" | "ending">) => boolean;
	tell(event: RecordedEvent): Fields;
}
/** Its values are those of events that were checked when they were read. */
type Fields = Partial<Record<keyof Story, unknown>>;

/** One story of two of the same call: associative, commutative and idempotent. */
export function mergeStories(one: Story, other: Story): Story {
	const fields: Fields = {};
	for (const chapter of chapters) {
		const first = inStream(beginOf(one, chapter), beginOf(other, chapter)) <= 0 ? one : other;
		for (const field of chapter.fields) fields[field] = first[field];
	}
	return derived(fields, one.call, mergeSteps(one.steps, other.steps));
}

/** The stories that these events tell, one a call. */
export function storiesOf(events: readonly RecordedEvent[]): Story[] {
	const calls = new Map<string, Told[]>();
	for (const event of events) {
		if (!isStep(event)) continue;
		const told = { event, step: stepOf(event) };
		const known = calls.get(event.subject);
		if (known) known.push(told);
		else calls.set(event.subject, [told]);
	}
	return [...calls].map(([call, told]) => storyOf(call, told));
}

interface Told {
	readonly event: RecordedEvent;
	readonly step: Step;
}

/** Pieces are many, and the ending counts them; what is said about a call beside it is found by its id. */
function isStep({ type, subject, data }: RecordedEvent): boolean {
	return (type.startsWith("call.") || type.startsWith("approval.")) && type !== "call.streamed" && data.call === subject;
}

function storyOf(call: string, told: readonly Told[]): Story {
	const inOrder = [...told].sort((one, other) => inStream(one.step, other.step));
	const fields: Fields = {};
	for (const chapter of chapters) {
		const first = inOrder.find(({ step }) => chapter.isToldBy(step));
		if (first) Object.assign(fields, chapter.tell(first.event));
	}
	return derived(fields, call, firstSteps(inOrder.map(({ step }) => step)));
}

/** Whether one has all that the other tells. */
export function isAsFar(one: Story, other: Story): boolean {
	const steps = mergeSteps(one.steps, other.steps);
	return steps.length === one.steps.length && steps.every((step, at) => inStream(step, one.steps[at] ?? step) === 0);
}

const aboutTheCall = new Set([
	...["call.received", "call.held", "approval.asked", "call.granted", "call.started", "call.taken", "call.ended", "call.unspent"],
]);

const chapters: readonly Chapter[] = [
	{
		fields: ["connection", "function", "pool", "digest", "revision", "caller"],
		isToldBy: ({ type }) => aboutTheCall.has(type),
		tell: ({ data: { connection, function: name, pool, digest, revision, caller } }) => ({
			...{ connection, function: name, pool, digest, revision, caller },
		}),
	},
	{
		fields: ["receivedAt", "via", "callReason", "arguments", "findings"],
		isToldBy: ({ type }) => type === "call.received",
		tell: ({ data: { receivedAt, via, callReason, arguments: given, findings } }) => ({
			...{ receivedAt, via, callReason, arguments: given, findings: someOf(findings) },
		}),
	},
	{
		fields: ["decision"],
		isToldBy: ({ type, service, ending }) =>
			service === "policy" && (type === "call.held" || type === "call.granted" || (type === "call.ended" && ending === "denied")),
		tell: ({ type, time, data: { rules, reasons } }) => ({
			decision: { effect: type === "call.held" ? "hold" : type === "call.granted" ? "grant" : "deny", at: time, rules, reasons },
		}),
	},
	{
		fields: ["requirements", "expiresAt"],
		isToldBy: ({ type }) => type === "call.held",
		tell: ({ data: { terms } }) => {
			const { requirements, expiresAt } = (terms ?? {}) as Record<string, unknown>;
			return { requirements, expiresAt };
		},
	},
	{
		fields: ["approvedBy"],
		isToldBy: ({ type }) => type === "call.granted",
		tell: ({ data: { approvedBy } }) => ({ approvedBy }),
	},
	{
		fields: ["ending", "endedAt", "endedBy", "code", "detail", "rules", "reasons", "by", "sent", "answer", "answerFindings", "streamed"],
		isToldBy: ({ type }) => type === "call.ended",
		tell: (event) => {
			const { ending, code, detail, rules, reasons, by, sent, status, answer, findings, streamed } = event.data;
			return {
				...{ ending, endedAt: event.time, endedBy: serviceOf(event), code, detail, by, sent, streamed },
				...{ rules: someOf(rules), reasons: someOf(reasons), answerFindings: someOf(findings) },
				answer: answer ?? (status === undefined ? undefined : { http: { status } }),
			};
		},
	},
];

function stepOf(event: RecordedEvent): Step {
	const { id, type, subject, time, position, item, data } = event;
	const service = serviceOf(event);
	const stem = `${subject}.${type}.${service}`;
	const own = {
		...(type === "approval.voted" && { voter: data.voter, verdict: data.verdict, groups: data.groups, reason: data.reason }),
		...(type === "approval.escalated" && { to: data.to }),
		...(type === "call.started" && { executor: data.executor, credential: data.credential }),
		...(type === "call.taken" && { executor: data.executor }),
		...(type === "call.ended" && { ending: data.ending, durationMs: data.durationMs }),
	};
	const nth = id.length > stem.length ? id.slice(stem.length + 1) : undefined;
	return defined({ type, service, nth, at: time, position, item, ...own }) as Step;
}

function mergeSteps(one: readonly Step[], other: readonly Step[]): Step[] {
	return firstSteps([...one, ...other].sort(inStream));
}

/** All steps once, each at its first place; of each type the first. @param inOrder in the order of the stream */
function firstSteps(inOrder: readonly Step[]): Step[] {
	const known = new Set<string>();
	const counts = new Map<string, number>();
	return inOrder.filter(({ type, service, nth = "" }) => {
		const key = `${type} ${service} ${nth}`;
		if (known.has(key)) return false;
		known.add(key);
		const count = (counts.get(type) ?? 0) + 1;
		counts.set(type, count);
		return count <= stepsOfOneTypeMax;
	});
}

/** What follows from the steps alone stands beside them, where it can be searched. */
function derived(told: Fields, call: string, steps: readonly Step[]): Story {
	const votes = steps.flatMap(({ voter, verdict, at, groups = [], reason }) =>
		voter === undefined || verdict === undefined ? [] : [defined({ voter, verdict, at, groups, reason }) as NonNullable<Story["votes"]>[0]],
	);
	const claims = steps.filter(({ type }) => type === "call.started");
	const executor = steps.findLast((step) => step.executor !== undefined)?.executor;
	const credential = claims.findLast((step) => step.credential !== undefined)?.credential;
	return {
		call,
		state: stateOf(steps),
		...(defined(told) as Partial<Story>),
		...(votes.length > 0 && { votes }),
		...(claims.length > 0 && { attempts: claims.length }),
		...(executor !== undefined && { executor }),
		...(credential !== undefined && { credential }),
		durations: durationsOf(steps),
		steps: [...steps],
	};
}

function stateOf(steps: readonly Step[]): Story["state"] {
	const has = (...types: readonly string[]) => steps.some(({ type }) => types.includes(type));
	if (has("call.ended")) return "ended";
	if (has("call.started")) return "running";
	if (has("call.granted")) return "granted";
	return has("call.held", "approval.asked") ? "waiting" : "received";
}

function durationsOf(steps: readonly Step[]): NonNullable<Story["durations"]> {
	const at = (type: string) => Date.parse(steps.find((step) => step.type === type)?.at ?? "");
	const [received, held, granted, started, ended] = ["received", "held", "granted", "started", "ended"].map((name) =>
		at(`call.${name}`),
	) as [...[number, number, number, number, number]];
	const decided = firstKnown(held, granted, ended);
	const functionMs = steps.find(({ durationMs }) => durationMs !== undefined)?.durationMs;
	const spans = {
		totalMs: ended - received,
		decidingMs: decided - received,
		waitingMs: firstKnown(granted, ended) - held,
		dispatchMs: started - granted,
		functionMs: functionMs ?? Number.NaN,
	};
	return Object.fromEntries(Object.entries(spans).filter(([, ms]) => ms >= 0));
}

function firstKnown(...times: readonly number[]): number {
	return times.find((time) => !Number.isNaN(time)) ?? Number.NaN;
}

/** Where a story's word on a chapter stands in the stream; beyond its end where it has none. */
function beginOf({ steps }: Story, { isToldBy }: Chapter): Place {
	return steps.find(isToldBy) ?? { position: Number.POSITIVE_INFINITY, item: 0 };
}

function inStream(one: Place, other: Place): number {
	return one.position === other.position ? one.item - other.item : one.position - other.position;
}

function serviceOf({ source }: RecordedEvent): string {
	return source.replace("/callgate/", "");
}

/** An empty list says nothing. */
function someOf(list: unknown): unknown {
	return Array.isArray(list) && list.length === 0 ? undefined : list;
}

function defined<T extends object>(value: T): T {
	return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
