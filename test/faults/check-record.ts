// Whether index and tree have each event once, as the stream has it, and whether bad messages were set aside and good ones were not.
import type { Find, Joined } from "./check-rows.ts";
import type { Evidence, Poison, RecordedDocument, StreamEvent } from "./evidence.ts";

export function checkRecord(calls: ReadonlyMap<string, Joined>, evidence: Evidence, find: Find): void {
	const bad = new Set(evidence.poison.filter(({ expects }) => expects === "parked").map(({ sequence }) => sequence));
	const unindexed = new Set(evidence.poison.filter(({ expects }) => expects === "unindexed").map(placeOf));
	const good = evidence.stream.filter((event) => !bad.has(event.sequence) && !unindexed.has(placeOf(event)));
	const events = Map.groupBy(good, ({ id }) => id);
	const documents = Map.groupBy(evidence.documents, ({ id }) => id);
	for (const [id, said] of events) {
		const recorded = documents.get(id) ?? [];
		if (recorded.length === 0) find("record missing", `${id} at ${said.map(({ sequence }) => sequence).join(", ")}`);
		if (recorded.length > 1) find("record doubled", `${id} in ${recorded.map(({ index }) => index).join(", ")}`);
		for (const document of recorded) {
			if (!said.some((event) => isOf(document, event))) find("record differs", `${id} is not what the stream says at ${document.position}`);
		}
	}
	for (const id of documents.keys()) if (!events.has(id)) find("record differs", `${id} is in the index and not on the stream`);
	for (const fault of evidence.unproven) find("record unproven", fault);
	checkParked(evidence, bad, find);
	for (const poison of evidence.poison) checkForged(calls, poison, find);
}

/** One event of a message. */
function placeOf({ sequence, item }: { readonly sequence: number; readonly item?: number | undefined }): string {
	return `${sequence}.${item ?? ""}`;
}

function isOf(document: RecordedDocument, { sequence, item, type, data }: StreamEvent): boolean {
	return (
		document.position === sequence &&
		document.item === item &&
		document.type === type &&
		document.call === data.call &&
		document.digest === data.digest &&
		document.ending === data.ending
	);
}

/** Each bad message by its reader and by audit; no other message by anybody. */
function checkParked({ stream, poison, unreadable, alarms }: Evidence, bad: ReadonlySet<number>, find: Find): void {
	const alarmed = new Set(alarms.map(({ position, item }) => placeOf({ sequence: position, item })));
	const notes = stream.filter(({ type }) => type === "control.message.parked");
	const isParked = (position: number, service: string) =>
		notes.some(({ data, writer }) => data.position === position && data.service === service && writer === service);
	for (const { sequence, item, kind, expects, reader } of poison) {
		if (expects === "unindexed") {
			const own = notes.filter(({ data, writer }) => data.position === sequence && data.item === item && writer === reader);
			const said = new Set(own.map(({ id }) => id)).size;
			if (said !== 1) find("poison not handled", `${kind} at ${sequence}: ${said} notes that it was parked`);
			if (!alarmed.has(placeOf({ sequence, item }))) find("poison not handled", `${kind} at ${sequence}: no alarm`);
		}
		const by = expects === "parked" ? [reader, "audit"] : expects === "refused" ? [reader] : [];
		for (const service of by)
			if (!isParked(sequence, service)) find("poison not handled", `${kind} at ${sequence} was not parked by ${service}`);
	}
	const places = new Set(poison.flatMap(({ sequence, item }) => (item === undefined ? [sequence] : [])));
	const items = new Set(poison.map(placeOf));
	for (const { data } of notes) {
		const isExpected =
			places.has(Number(data.position)) || items.has(placeOf({ sequence: Number(data.position), item: Number(data.item) }));
		if (!isExpected) find("parked without reason", `${data.service} parked ${data.position}: ${data.fault}`);
	}
	for (const sequence of unreadable) if (!bad.has(sequence)) find("illegal sequence", `the message at ${sequence} is no list of events`);
}

/** What was forged ends as failed, once, and never begins. */
function checkForged(calls: ReadonlyMap<string, Joined>, { call, kind, sequence, expects }: Poison, find: Find): void {
	if (call === undefined || expects === "parked" || expects === "unindexed") return;
	const events = calls.get(call)?.events ?? [];
	const endings = events.filter(({ type }) => type === "call.ended").map(({ data }) => data.ending);
	const begun = events.some(({ type }) => type === "call.started" || type === "call.held");
	if (begun || endings.length !== 1 || endings[0] !== "failed") {
		find("poison not handled", `${kind} at ${sequence}: ${begun ? "it began" : `it ended ${endings.join(", ") || "never"}`}`);
	}
}
