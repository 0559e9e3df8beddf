// A recorded decision beside one that is made again: what policy said of the call then, and where another revision says something else. Pure.
import type { CallgateEvent, Event } from "#libs/contracts/events.ts";
import type { Decision } from "./decide.ts";

/** What policy put on the record. */
export interface RecordedDecision {
	readonly effect: Decision["effect"];
	readonly rules: readonly string[];
	/** Codes of reasons with the rule each is about, sorted. */
	readonly reasons: readonly string[];
	/** Of a hold, each as text, sorted. */
	readonly requirements: readonly string[];
	/** A limit denied it, whose sums were those of other calls: that cannot be decided again. */
	readonly isByLimit: boolean;
}

type Reasons = Event<"call.granted">["data"]["reasons"];

/** What policy decided about a call; undefined where it ended without a decision (`revision_superseded`, a fault) or is not decided yet. */
export function recordedDecision(events: readonly CallgateEvent[]): RecordedDecision | undefined {
	for (const event of events) {
		if (event.source !== "/callgate/policy") continue;
		if (event.type === "call.granted") return { effect: "grant", ...why(event.data) };
		if (event.type === "call.held") return { effect: "hold", ...why(event.data, event.data.terms.requirements) };
		if (event.type === "call.ended" && event.data.ending === "denied") return { effect: "deny", ...why(event.data) };
	}
	return undefined;
}

function why(
	{ rules, reasons }: { rules: readonly string[]; reasons: Reasons },
	requirements: Requirements = [],
): Omit<RecordedDecision, "effect"> {
	return {
		rules: [...rules].sort(),
		reasons: reasons.map(({ code, rule }) => (rule === undefined ? code : `${code} (${rule})`)).sort(),
		requirements: requirements.map(requirementText).sort(),
		isByLimit: reasons.some(({ code }) => code === "limit_exceeded"),
	};
}

type Requirements = NonNullable<Decision["approval"]>["requirements"];

function requirementText({ rule, anyOf, quorum, reasonRequired }: Requirements[number]): string {
	return `${quorum} of ${anyOf.join(" or ")} for ${rule}${reasonRequired ? ", with a reason" : ""}`;
}

export interface Difference {
	readonly what: "effect" | "rules" | "reasons" | "requirements";
	readonly recorded: string;
	readonly again: string;
}

/**
 * Where a decision made again differs from the recorded one; empty if it agrees. A denial by a limit agrees with a grant that this limit would
 * have charged: what the limit had counted by then is no property of the call.
 */
export function differences(recorded: RecordedDecision, again: Decision): Difference[] {
	if (recorded.isByLimit) {
		const charges = again.limits?.map(({ rule }) => rule) ?? [];
		if (again.effect === "grant" && recorded.rules.every((rule) => charges.includes(rule))) return [];
	}
	const found = { effect: again.effect, ...why({ rules: again.rules, reasons: again.reasons as Reasons }, again.approval?.requirements) };
	const pairs = (["effect", "rules", "reasons", "requirements"] as const).map((what) => {
		return { what, recorded: [recorded[what]].flat().join(", "), again: [found[what]].flat().join(", ") };
	});
	return pairs.filter((pair) => pair.recorded !== pair.again);
}
