// The dashboards of the record: which question each answers, and with which panels.
import { secondsSinceReceived } from "./fields.ts";
import { chooser, distinct, listing, median, newest, number, overTime, ranking, shares, spans, story } from "./panels.ts";
import type { Dashboard } from "./saved-objects.ts";

const received = "type:call.received";
const ended = "type:call.ended";
const denied = `${ended} AND data.ending:denied`;
const asked = "type:approval.asked";
const voted = "type:approval.voted";
const started = "type:call.started";
const parked = "type:control.message.parked";
const found = "_exists_:data.findings.detector";
const granted = "type:call.granted";
const grantedByPeople = `${granted} AND _exists_:data.approvedBy`;
const goneWrong = `${ended} AND data.ending:(failed OR unknown)`;

const caller = "data.caller.subject";
const called = ["data.connection", "data.function"];

/** Faster than anyone reads what they approve, and than anyone looks it up. */
const quickSeconds = [10, 60, 600];

export const dashboards: readonly Dashboard[] = [
	{
		name: "overview",
		title: "overview",
		says: "What happened, how it ended, who looked at it.",
		since: "24h",
		panels: [
			number("Calls asked for", received),
			number("Denied", denied),
			number("Held for people", asked),
			number("Failed or unknown", goneWrong),
			overTime("How calls ended", ended, "data.ending"),
			shares("Functions called", received, called),
			ranking("Configurations put in force", "type:control.configuration.activated", ["data.revision", "source"]),
			ranking("Who read the record", "type:control.record.read", ["data.reader.subject"]),
		],
	},
	{
		name: "callers",
		title: "who called what",
		says: "Every call that was asked for: by whom, of what, through which protocol.",
		since: "24h",
		panels: [
			number("Callers", received, distinct(caller)),
			number("Functions", received, distinct("data.function")),
			shares("Ways in", received, ["data.via"]),
			overTime("Calls by caller", received, caller),
			ranking("Who called what", received, ["data.caller.issuer", caller, ...called]),
			listing("Calls", received, [caller, ...called, "data.via", "data.callReason", "data.call"]),
		],
	},
	{
		name: "denials",
		title: "denials and why",
		says: "What policy denied, by which rules, and who was turned away before there was a call.",
		since: "7d",
		panels: [
			overTime("Denials by rule", denied, "data.rules"),
			ranking("Rules that denied", denied, ["data.rules", ...called]),
			shares("Reasons", denied, ["data.reasons.code"]),
			ranking("Refused: who they are was not proven", "type:control.authentication.failed", ["data.refusal", "source"]),
			ranking("Refused: no auditors", "type:control.record.refused", ["data.reader.subject"]),
			listing("Denied calls", denied, [...called, "data.rules", "data.reasons.code", "data.reasons.message", "data.call"]),
		],
	},
	{
		name: "approvals",
		title: "approvals",
		says: "What people were asked, who decided, how long it took, and who decided faster than one can read.",
		since: "30d",
		panels: [
			number("Questions", asked),
			number("Approved", grantedByPeople),
			number("Seconds to approval: half, and 95 of 100", grantedByPeople, median(secondsSinceReceived)),
			ranking("Time to approval by approver, seconds", grantedByPeople, ["data.approvedBy"], { metrics: [median(secondsSinceReceived)] }),
			ranking("Quick approvals: seconds to approval", grantedByPeople, ["data.approvedBy"], {
				by: [spans(secondsSinceReceived, quickSeconds)],
			}),
			ranking("Votes", voted, ["data.voter", "data.verdict", "data.via"]),
			ranking("Votes that did not count", "type:control.vote.refused", ["data.refusal", "data.via"]),
			ranking("What asked for people", asked, ["data.rules", ...called, "data.terms.requirements.anyOf"]),
			ranking("Ended without approval", `${ended} AND data.ending:(rejected OR expired OR cancelled)`, ["data.ending", ...called]),
			listing("Votes, one by one", voted, ["data.voter", "data.verdict", "data.reason", "data.via", "data.call"]),
		],
	},
	{
		name: "findings",
		title: "masked findings",
		says: "Events in which masking found something, by detector; an event with several places counts once for each detector.",
		since: "7d",
		panels: [
			overTime("Findings by detector", found, "data.findings.detector"),
			ranking("Where: asked for or answered", found, ["data.findings.detector", "type"]),
			ranking("Callers who sent something", `${found} AND ${received}`, [caller, ...called, "data.findings.detector"]),
			ranking("Functions that answered something", `${found} AND ${ended}`, [...called, "data.findings.detector"]),
			ranking("Places", found, ["data.findings.path"]),
		],
	},
	{
		name: "credentials",
		title: "credentials used",
		says: "Which credential was used for which function, and by which executor. A credential has a name here, and no value anywhere.",
		since: "7d",
		panels: [
			overTime("Credentials over time", `${started} AND _exists_:data.credential`, "data.credential"),
			ranking("Used for", started, ["data.credential", ...called]),
			ranking("Used by", started, ["data.credential", "data.pool", "data.executor"]),
		],
	},
	{
		name: "call",
		title: "one call's timeline",
		says: "Choose a call: everything that is on the record about it, in the order in which it happened.",
		since: "30d",
		panels: [
			chooser("Call", "data.call"),
			overTime("Its steps over time", "_exists_:data.call", "type"),
			story("Its steps", "_exists_:data.call", [
				...["type", "source", "data.ending", "data.rules", "data.reasons.message", "data.voter", "data.verdict", "data.approvedBy"],
				...["data.credential", "data.durationMs", "data.arguments", "data.result", "data.call"],
			]),
		],
	},
	{
		name: "incident",
		title: "one caller's incident view",
		says: "Choose a caller: what they asked for, from where, what was held or granted. Endings name the call and not the caller: follow a call in its timeline.",
		since: "30d",
		panels: [
			chooser("Caller", caller),
			number("Their calls", received),
			number("Functions they called", received, distinct("data.function")),
			overTime("What they called", received, "data.function"),
			ranking("Functions and ways in", received, [...called, "data.via"]),
			ranking("Groups they came with", received, [caller, "data.caller.groups"]),
			ranking("Held", "type:call.held", ["data.rules", ...called]),
			ranking("Granted", granted, ["data.rules", ...called]),
			ranking("Found in what they sent", `${found} AND ${received}`, ["data.findings.detector", ...called]),
			story("Step by step", `_exists_:${caller}`, [
				"type",
				caller,
				...called,
				"data.rules",
				"data.callReason",
				"data.arguments",
				"data.call",
			]),
		],
	},
	{
		name: "health",
		title: "health of the pipeline",
		says: "Whether events come, how fast calls are decided and answered, and what was set aside. How far the index is behind is a metric of audit, not on the record.",
		since: "24h",
		panels: [
			number("Newest event in the index", "*", newest("@timestamp")),
			number("Highest position in the stream", "*", newest("position")),
			number("Messages set aside", parked),
			number("Calls failed or unknown", goneWrong),
			overTime("Events by service", "*", "source"),
			ranking("Set aside: where and why", parked, ["data.service", "data.fault"]),
			ranking("From receipt to policy's grant, seconds", `${granted} AND NOT _exists_:data.approvedBy`, ["data.connection"], {
				metrics: [median(secondsSinceReceived)],
			}),
			ranking("Duration of functions, milliseconds", `${ended} AND _exists_:data.durationMs`, called, {
				metrics: [median("data.durationMs")],
			}),
			ranking("Failures by code", goneWrong, ["data.code", ...called]),
		],
	},
];
