// Violations of what holds for servers and stream, to seed into sound evidence: each in one place, with the row that must find it.
import type { Row } from "./check-rows.ts";
import { type BreakableEvidence, callIds } from "./sound-evidence.test-support.ts";

type Seeded = readonly [what: string, row: Row, how: (evidence: BreakableEvidence) => void];

const { proxied, approved, denied } = callIds;

function event({ stream }: BreakableEvidence, call: string, type: string) {
	const one = stream.find((candidate) => candidate.type === type && candidate.data.call === call);
	if (!one) throw new Error(`no ${type} of ${call}`);
	return one;
}

function removal(evidence: BreakableEvidence, call: string, type: string) {
	const { sequence } = event(evidence, call, type);
	const one = evidence.removals.find((candidate) => candidate.sequence === sequence);
	if (!one) throw new Error(`${type} of ${call} was not removed`);
	return one;
}

function keep(evidence: BreakableEvidence, call: string, type: string): void {
	evidence.removals.splice(evidence.removals.indexOf(removal(evidence, call, type)), 1);
}

function unindexed({ poison }: BreakableEvidence) {
	const one = poison.find(({ expects }) => expects === "unindexed");
	if (!one) throw new Error("nothing is refused by the index");
	return one;
}

function noteOf(evidence: BreakableEvidence) {
	const { sequence } = unindexed(evidence);
	const one = evidence.stream.find(({ type, data }) => type === "control.message.parked" && data.position === sequence);
	if (!one) throw new Error("no note");
	return one;
}

export const seededOfServers: readonly Seeded[] = [
	["a claim that went before its grant", "retention", (e) => Object.assign(removal(e, proxied, "call.started"), { step: 0 })],
	["a claim that went in one go with its grant", "retention", (e) => Object.assign(removal(e, proxied, "call.started"), { step: 1 })],
	["a claim that went while its grant stayed", "retention", (e) => keep(e, proxied, "call.granted")],
	[
		"an ending that went while its grant stayed",
		"retention",
		(e) => {
			keep(e, proxied, "call.granted");
			keep(e, proxied, "call.started");
		},
	],
	[
		"a claim that went while its grant could still run",
		"retention",
		(e) => Object.assign(removal(e, proxied, "call.started"), { at: event(e, proxied, "call.granted").at + 19_000 }),
	],
	[
		"a claim that went while a second grant was there",
		"retention",
		(e) => void e.stream.push({ ...event(e, proxied, "call.granted"), sequence: 9_001 }),
	],
	["a claim that went before approval's grant", "retention", (e) => Object.assign(removal(e, approved, "call.granted"), { step: 4 })],
	["a question that went before its hold", "retention", (e) => Object.assign(removal(e, approved, "call.held"), { step: 4 })],
	["a denial that went before its call", "retention", (e) => Object.assign(removal(e, denied, "call.received"), { step: 4 })],
	["a message that went by itself", "stream differs", (e) => void e.changed.push("the message at 7 is gone")],
	["an event that the tree has not", "record unproven", (e) => void e.unproven.push("the tree has not the event at 7.0")],
	[
		"an event in a full stream",
		"stored while full",
		({ outages, stream: [first] }) => Object.assign(outages[0] ?? {}, { from: (first?.at ?? 0) - 1 }),
	],
	[
		"a refusal that does not say until when",
		"refused without advice",
		({ calls }) => {
			for (const { requests } of calls) for (const request of requests) Object.assign(request, { retryAfter: undefined });
		},
	],
	["a fault that did nothing", "fault without effect", (e) => void e.effectless.push("OpenSearch was not too busy")],
	["an event that the index refused, and nobody was told", "poison not handled", (e) => void e.alarms.pop()],
	["an event that the index refused, without a note", "poison not handled", (e) => void e.stream.splice(e.stream.indexOf(noteOf(e)), 1)],
	["an event that the index refused, told of twice", "poison not handled", (e) => void e.stream.push({ ...noteOf(e), id: "another" })],
	[
		"a neighbour of what the index refused that is set aside too",
		"record missing",
		(e) => {
			const { sequence } = unindexed(e);
			e.documents.splice(
				e.documents.findIndex(({ position, item }) => position === sequence && item === 2),
				1,
			);
		},
	],
	[
		"a neighbour of what the index refused that was parked",
		"parked without reason",
		(e) => {
			const note = noteOf(e);
			e.stream.push({ ...note, id: "another", data: { ...note.data, item: 2 } });
		},
	],
];
