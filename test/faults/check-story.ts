// Whether the events of one call are a story that can be: one decision, votes that count, one ending, one digest.
import type { Find, Joined } from "./check-rows.ts";
import type { Evidence, StreamEvent } from "./evidence.ts";

/** Where a call stands. */
type State = "nothing" | "received" | "held" | "asked" | "granted" | "running" | "ended";

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
	"call.started": { granted: "running", running: "running" },
	"call.ended policy": { received: "ended" },
	"call.ended approval": { held: "ended", asked: "ended" },
	"call.ended executor": { granted: "ended", running: "ended" },
};
/** Said by callers, at any time. */
const anytime = new Set(["call.withdrawn", "approval.withdrawn"]);

export function checkStory(joined: Joined, evidence: Evidence, find: Find): void {
	const { call, events, forged } = joined;
	if (forged) return;
	// Never accepted: someone withdrew it and nobody had published it. That it was answered is another row.
	if (!events.some(({ type }) => type === "call.received")) return;
	const endings = events.filter(({ type }) => type === "call.ended");
	if (endings.length > 1) find("ended twice", `${call}: ${events.map(named).join(", ")}`);
	if (endings.length === 0) find("lost", `${call}: ${events.map(named).join(", ")}`);
	const decisions = events.filter(({ type, writer }) => writer === "policy" && /^call\.(held|granted|ended)$/.test(type));
	if (decisions.length > 1) find("decided twice", `${call}: ${decisions.map(named).join(", ")}`);
	checkOrder(joined, find);
	checkVotes(joined, evidence, find);
	checkDigests(joined, evidence, find);
	for (const { data } of endings) {
		if (data.ending === "unknown" && !wasGone(events, evidence)) {
			find("unknown without a death", `${call}: ${events.map(named).join(", ")}`);
		}
	}
}

function checkOrder({ call, events }: Joined, find: Find): void {
	let state: State = "nothing";
	const seen = new Set<string>();
	for (const event of events) {
		if (anytime.has(event.type)) continue;
		const move: Partial<Record<State, State>> | undefined = moves[event.type] ?? moves[`${event.type} ${event.writer}`];
		const next: State | undefined = move?.[state];
		const again = seen.has(event.id);
		seen.add(event.id);
		if (next === undefined || again) {
			find("illegal sequence", `${call}: ${named(event)} while ${state}: ${events.map(named).join(", ")}`);
			return;
		}
		state = next;
	}
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

export function named({ type, writer, sequence, data }: StreamEvent): string {
	return `${type}${data.ending === undefined ? "" : ` ${data.ending}`} (${writer}, ${sequence})`;
}
