// Whether the events of one call are a story that can be: one decision, votes that count, one ending, one digest.
import { createHash } from "node:crypto";
import type { Find, Joined } from "./check-rows.ts";
import type { Evidence, StreamEvent } from "./evidence.ts";

/** Where a call stands. */
type State = "nothing" | "received" | "held" | "asked" | "granted" | "running" | "streaming" | "taken" | "ended";

/** From where an event leads where; by type and, where that matters, by writer. */
const moves: Readonly<Record<string, Partial<Record<State, State>>>> = {
	"call.received": { nothing: "received" },
	"call.held": { received: "held" },
	"approval.asked": { held: "asked" },
	"approval.delivered": { asked: "asked" },
	"approval.voted": { asked: "asked" },
	"approval.reminded": { asked: "asked" },
	"approval.escalated": { asked: "asked" },
	"call.granted policy": { received: "granted" },
	"call.granted approval": { asked: "granted" },
	// On subjects of its own a call that is tried again is claimed anew; in the ledger it is taken over before.
	"call.started": { granted: "running", running: "running", taken: "running" },
	// Its caller has seen a part of it: it is not tried again.
	"call.streamed": { running: "streaming", streaming: "streaming" },
	// Whoever takes over learns only afterwards that the call was ended before.
	"call.taken": { granted: "taken", running: "taken", taken: "taken", ended: "ended" },
	"call.ended policy": { received: "ended" },
	"call.ended approval": { held: "ended", asked: "ended" },
	"call.ended executor": { granted: "ended", running: "ended", streaming: "ended", taken: "ended" },
};
/** Said by callers, at any time. */
const anytime = new Set(["call.withdrawn", "approval.withdrawn"]);

export function checkStory(joined: Joined, evidence: Evidence, find: Find): void {
	const { events, forged } = joined;
	if (forged) return;
	// Never accepted: someone withdrew it and nobody had published it. That it was answered is another row.
	if (!events.some(({ type }) => type === "call.received")) return;
	const endings = events.filter(({ type }) => type === "call.ended");
	const story = () => storyOf(joined, evidence);
	if (endings.length > 1) find("ended twice", story());
	if (endings.length === 0) find("lost", story());
	const decisions = events.filter(({ type, writer }) => writer === "policy" && /^call\.(held|granted|ended)$/.test(type));
	if (decisions.length > 1) find("decided twice", story());
	checkOrder(joined, evidence, find);
	checkLedger(joined, evidence, find);
	checkPieces(joined, evidence, find);
	checkVotes(joined, evidence, find);
	checkDigests(joined, evidence, find);
	for (const { data } of endings) {
		if (data.ending === "unknown" && !wasGone(events, evidence)) {
			find("unknown without a death", story());
		}
	}
}

function checkOrder(joined: Joined, evidence: Evidence, find: Find): void {
	let state: State = "nothing";
	const seen = new Set<string>();
	for (const event of joined.events) {
		if (anytime.has(event.type)) continue;
		const move: Partial<Record<State, State>> | undefined = moves[event.type] ?? moves[`${event.type} ${event.writer}`];
		const next: State | undefined = move?.[state];
		const again = seen.has(event.id);
		seen.add(event.id);
		if (next === undefined || again) {
			find("illegal sequence", `${named(event)} while ${state}; ${storyOf(joined, evidence)}`);
			return;
		}
		state = next;
	}
}

/** A call is claimed and ended in one place, which its grant names. */
function checkLedger(joined: Joined, evidence: Evidence, find: Find): void {
	const { events } = joined;
	const inLedger = events.find(({ type }) => type === "call.granted")?.data.since !== undefined;
	let owner: StreamEvent | undefined;
	for (const event of events.filter(({ writer, type }) => writer === "executor" && /^call\.(started|taken|ended)$/.test(type))) {
		const isElsewhere = (event.lane !== undefined) !== inLedger;
		const fault = isElsewhere ? "is not where its grant says" : inLedger ? ledgerFaultOf(event, owner) : undefined;
		if (fault !== undefined) find("illegal sequence", `${named(event)} ${fault}: ${storyOf(joined, evidence)}`);
		if (event.type !== "call.ended") owner = event;
	}
}

/** Pieces are numbered, and an ending that knows them has their number and digest. */
function checkPieces(joined: Joined, evidence: Evidence, find: Find): void {
	const pieces = joined.events.filter(({ type }) => type === "call.streamed");
	const ended = joined.events.find(({ type }) => type === "call.ended");
	const streamed = ended?.data.streamed as { pieces: number; digest: string } | undefined;
	const isNumbered = pieces.every(({ data }, nth) => data.piece === nth + 1);
	const digest = createHash("sha256")
		.update(pieces.map(({ data }) => `${data.sealed}\n`).join(""))
		.digest("hex");
	const isTold = streamed
		? streamed.pieces === pieces.length && streamed.digest === digest
		: ended?.data.ending !== "completed" || pieces.length === 0;
	if (!isNumbered || !isTold) find("illegal sequence", `${pieces.length} pieces are not those of the ending: ${storyOf(joined, evidence)}`);
}

/** In the ledger only who has a call ends it, and nobody claims what another has but by a take-over. @param owner the last word before, on the lane of whoever has it. */
function ledgerFaultOf({ type, lane }: StreamEvent, owner: StreamEvent | undefined): string | undefined {
	if (type === "call.ended" && lane !== owner?.lane) return "ends what another has";
	if (type === "call.started" && owner && (owner.type !== "call.taken" || owner.lane !== lane)) return "claims what another has";
	return undefined;
}

function checkVotes({ call, events }: Joined, { approvers }: Evidence, find: Find): void {
	const caller = events.find(({ type }) => type === "call.received")?.data.caller as { email?: string } | undefined;
	for (const { type, data, sequence } of events) {
		if (type !== "approval.voted") continue;
		const voter = String(data.voter);
		if (!approvers.has(voter) || voter === caller?.email) find("vote that cannot count", `${call}: a vote at ${sequence}`);
	}
}

/** Every mention of the digest, on the stream, in the tokens, on Slack's buttons. */
function checkDigests({ call, events, permissions }: Joined, { slack }: Evidence, find: Find): void {
	const wanted = events.find(({ type }) => type === "call.received")?.data.digest;
	const differing = [
		...events.filter(({ data }) => data.digest !== undefined && data.digest !== wanted).map(named),
		...permissions.filter(({ digest }) => digest !== undefined && digest !== wanted).map(({ sequence }) => `the grant at ${sequence}`),
		...permissions
			.filter(({ holdDigest }) => holdDigest !== undefined && holdDigest !== wanted)
			.map(({ sequence }) => `the hold in ${sequence}`),
		...slack.filter((message) => message.call === call && message.digest !== wanted).map(() => "a message in Slack"),
	];
	if (differing.length > 0) find("digests differ", `${call}: ${differing.join(", ")}`);
}

/** Whether one of the executors that claimed it died, or was away for longer than its lease. */
function wasGone(events: readonly StreamEvent[], { gone }: Evidence): boolean {
	return events.some(({ type, data }) => {
		// `host-pid-random`, see services/executor/main.ts.
		const pid = /-(\d+)-[0-9a-f]{8}$/.exec(String(data.executor))?.[1];
		return type === "call.started" && pid !== undefined && gone.has(Number(pid));
	});
}

/** Everything that was said about a call, also what was said again: each with its position, when it was stored, and when it was gone. */
export function storyOf({ call, said }: Joined, { removals }: Evidence): string {
	const gone = new Map(removals.map(({ sequence, at }) => [sequence, at]));
	const timeOf = (at: number) => new Date(at).toISOString().slice(11, 23);
	const lines = said.map((event) => {
		const { executor, code, detail } = event.data;
		const goneAt = gone.get(event.sequence);
		const more = [executor, code, detail, goneAt && `trimmed ${timeOf(goneAt)}`].filter(Boolean);
		return [`${named(event)} ${timeOf(event.at)}`, ...more].join(" ");
	});
	return `${call}: ${lines.join(", ")}`;
}

export function named({ type, writer, sequence, data }: StreamEvent): string {
	return `${type}${data.ending === undefined ? "" : ` ${data.ending}`} (${writer}, ${sequence})`;
}
