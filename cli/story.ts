// The story of one call in lines a person reads: when, who, what, why, from the events on the record. Pure.
import { answerMarkOf } from "#libs/contracts/answer.ts";
import type { EventType } from "#libs/contracts/events.ts";
import { safeLine } from "./terminal-text.ts";

/** An event as the auditors' API answers it. */
export interface StoryEvent {
	readonly type: string;
	readonly source: string;
	readonly subject: string;
	readonly time: string;
	readonly position: number;
	readonly data: Readonly<Record<string, unknown>>;
}

export type Data = StoryEvent["data"];
/** What happened, and lines that explain it. */
type Step = readonly [happened: string, ...because: (string | readonly string[] | undefined)[]];

/** Those that have a name people know; others go by the one on the record. */
const waysIn = new Map<unknown, string>([
	["calls", "the API"],
	["proxy", "the proxy"],
	["mcp", "MCP"],
]);

/** How each event reads. A new event needs a line here, or the type checker says so. */
const steps: Readonly<Record<EventType, (data: Data) => Step>> = {
	"call.received": (data) => [
		`${who(data.caller)} asked for ${functionOf(data)} through ${waysIn.get(data.via) ?? safeLine(data.via)}`,
		said("because", data.callReason),
		members("arguments", data.arguments),
		findings(data.findings),
	],
	"call.withdrawn": (data) => [`${who(data.caller)} no longer wants it`],
	"call.held": (data) => [`policy wants people to decide${rules(data)}`, reasons(data), terms(data.terms)],
	"approval.asked": (data) => [`people are asked until ${instant(record(data.terms).expiresAt)}`, terms(data.terms)],
	"approval.delivered": (data) => [`the question is in ${safeLine(data.channel)}`],
	"approval.voted": (data) => [
		`${safeLine(data.voter)} of ${list(data.groups)} voted to ${safeLine(data.verdict)} through ${data.via === "slack" ? "Slack" : "the API"}`,
		said("because", data.reason),
	],
	"approval.reminded": (data) => [`approvers were reminded (${safeLine(data.reminder)})`],
	"approval.escalated": (data) => [`${list(data.to)} may decide as well`],
	"approval.withdrawn": (data) => [`${who(data.caller)} withdrew it before approvers were asked`],
	"call.granted": (data) => [
		`it may run once until ${instant(data.expiresAt)}${rules(data)}`,
		reasons(data),
		Array.isArray(data.approvedBy) ? `approved by ${list(data.approvedBy)}` : undefined,
	],
	"call.started": (data) => [
		`executor ${safeLine(data.executor)} claimed it (attempt ${safeLine(data.attempt)}) and dials`,
		`grant ${safeLine(data.grantId)}${data.credential === undefined ? "" : `, credential ${safeLine(data.credential)}`}`,
	],
	"call.taken": (data) => [
		`executor ${safeLine(data.executor)} took it over ${data.attempts === 0 ? "before anybody began" : `after attempt ${safeLine(data.attempts)}`}: nobody else may end it`,
	],
	"call.streamed": (data) => [`piece ${safeLine(data.piece)} of its answer (${safeLine(data.chars)} characters) was passed on`],
	"call.ended": (data) => [
		outcome(data),
		said("detail", data.detail),
		reasons(data),
		Array.isArray(data.by) ? `by ${list(data.by)}` : undefined,
		data.result === undefined ? undefined : members("answer", data.result),
		findings(data.findings),
	],
	"call.unspent": () => ["nothing of it was sent: the limits that counted it give it back"],
	"control.configuration.activated": (data) => [`configuration ${safeLine(data.revision)} is in force`],
	"control.message.parked": (data) => [
		`${safeLine(data.service)} set message ${safeLine(data.position)} aside (item ${safeLine(data.item)}): someone should look`,
		said("fault", data.fault),
	],
	"control.authentication.failed": (data) => [
		`someone who could not prove who they are was refused ${times(data.count)}: ${safeLine(data.refusal)}`,
		said("Issuer", data.issuer),
		said("from", data.from),
	],
	"control.vote.refused": (data) => [
		`a vote did not count ${times(data.count)}: ${safeLine(data.refusal)}, through ${data.via === "slack" ? "Slack" : "the API"}`,
		said("voter", data.voter),
	],
	"control.record.refused": (data) => [`${who(data.reader)}, who is no auditor, was refused the record ${times(data.count)}`],
	"control.function.quarantined": (data) => [
		`${safeLine(data.function)} of ${safeLine(data.connection)} is not what was pinned (${list(data.changed)}): its calls do not run`,
		`callgate pull FOLDER ${safeLine(data.connection)} --check shows the difference`,
	],
	"control.record.read": (data) => [`${who(data.reader)} read the record (${safeLine(data.hits)} events)`, said("query", data.query)],
};

/** The lines of a story. Events come in the order of the stream, and are told in it. */
export function tellStory(call: string, events: readonly StoryEvent[]): string[] {
	return [...tellHead(call, events), "", ...events.flatMap((event) => tellEvent(event))];
}

/** Which call it is, whose, and how it ended. */
export function tellHead(call: string, events: readonly StoryEvent[]): string[] {
	const about = events.find(({ data }) => typeof data.digest === "string")?.data;
	const ended = events.findLast(({ type }) => type === "call.ended")?.data;
	return [
		`call      ${safeLine(call)}`,
		...(about ? [`function  ${functionOf(about)}`, `caller    ${who(about.caller)}`, `digest    ${safeLine(about.digest)}`] : []),
		...(about ? [`revision  ${safeLine(about.revision)}, pool ${safeLine(about.pool)}`] : []),
		`ending    ${ended ? safeLine(ended.ending) : "none yet"}`,
	];
}

/** One event: a line, then what explains it below it. @param when stands before what happened; its time unless said */
export function tellEvent(event: StoryEvent, when = clock(event.time)): string[] {
	const tell = Object.hasOwn(steps, event.type) ? steps[event.type as EventType] : undefined;
	const [happened, ...because] = tell ? tell(event.data) : (["an event this version does not know"] as const);
	const service = safeLine(event.source).replace("/callgate/", "");
	const explained = because.flat().filter((line) => line !== undefined && line !== "");
	const lead = `${when}  ${safeLine(event.type).padEnd(20)}${service.padEnd(10)}`;
	const indent = when.length + 2 + 20 + 10;
	return [`${lead}${happened}`, ...explained.map((line) => `${" ".repeat(indent)}${line}`)];
}

/** One line for a list of events of many calls. @param inZone an instant as it is to be shown */
export function tellBriefly({ type, time, subject, data }: StoryEvent, inZone = (instant: string) => instant): string {
	const person = data.caller ?? data.reader;
	const words = [
		clock(inZone(time)),
		safeLine(type).padEnd(30),
		functionOf(data),
		person === undefined ? "" : who(person),
		safeLine(data.ending ?? data.verdict ?? ""),
	];
	return [...words, safeLine(data.call ?? subject)].filter((word) => word !== "").join("  ");
}

/** One line for a list of calls. @param inZone as of {@link tellBriefly} */
export function tellCall(story: Data, inZone = (instant: string) => instant): string {
	const { receivedAt, state, ending, caller, decision, approvedBy, durations, call } = story;
	const { effect, rules: named } = record(decision);
	const { totalMs } = record(durations);
	const words = [
		clock(inZone(safeLine(receivedAt ?? "no time yet"))),
		safeLine(ending ?? state).padEnd(10),
		functionOf(story),
		caller === undefined ? "" : who(caller),
		effect === undefined ? "" : `${safeLine(effect)}${rules({ rules: named })}`,
		Array.isArray(approvedBy) ? `approved by ${list(approvedBy)}` : "",
		totalMs === undefined ? "" : `${safeLine(totalMs)} ms`,
	];
	return [...words.filter((word) => word !== ""), safeLine(call)].join("  ");
}

function clock(time: string): string {
	return safeLine(time).replace("T", " ");
}

function record(value: unknown): Data {
	return typeof value === "object" && value !== null ? (value as Data) : {};
}

function list(value: unknown): string {
	return Array.isArray(value) && value.length > 0 ? value.map(safeLine).join(", ") : "nobody";
}

function who(value: unknown): string {
	const { subject, email, issuer } = record(value);
	return `${safeLine(subject)}${typeof email === "string" ? ` <${safeLine(email)}>` : ""}${typeof issuer === "string" ? ` of ${safeLine(issuer)}` : ""}`;
}

function functionOf({ connection, function: name }: Data): string {
	return connection === undefined ? "" : `${safeLine(connection)}.${safeLine(name)}`;
}

function instant(value: unknown): string {
	return clock(safeLine(value));
}

function times(count: unknown): string {
	return count === 1 ? "once" : `${safeLine(count)} times within a second`;
}

function said(word: string, value: unknown): string | undefined {
	return typeof value === "string" && value !== "" ? `${word}: ${safeLine(value)}` : undefined;
}

function rules({ rules: names }: Data): string {
	return Array.isArray(names) && names.length > 0 ? `, rule ${list(names)}` : "";
}

function reasons({ reasons: given }: Data): string[] {
	if (!Array.isArray(given)) return [];
	return given.map(record).map(({ code, rule, message }) => {
		const of = rule === undefined ? "" : ` (${safeLine(rule)})`;
		return `reason: ${safeLine(code)}${of}${message === undefined ? "" : `: ${safeLine(message)}`}`;
	});
}

function terms(value: unknown): string[] {
	const { requirements } = record(value);
	if (!Array.isArray(requirements)) return [];
	return requirements.map(record).map(({ rule, anyOf, quorum, reasonRequired }) => {
		return `wants ${safeLine(quorum)} of ${list(anyOf)} for ${safeLine(rule)}${reasonRequired === true ? ", with a reason" : ""}`;
	});
}

/** A masked view, a member a line. */
function members(word: string, view: unknown): string[] {
	const entries = Object.entries(record(view));
	if (entries.length === 0) return [`${word}: none`];
	return [`${word}:`, ...entries.map(([name, value]) => `  ${safeLine(name)}: ${safeLine(JSON.stringify(value))}`)];
}

function findings(value: unknown): string[] {
	if (!Array.isArray(value)) return [];
	return value
		.map(record)
		.map(
			({ detector, path, count }) =>
				`masked: ${safeLine(detector)} at ${safeLine(path || "/")}${count === 1 ? "" : ` (${safeLine(count)} times)`}`,
		);
}

/** By protocol: HTTP's status, or what an MCP server says of its answer. */
function answerWords({ http, mcp }: Data): string {
	const { isError, code } = record(mcp);
	if (mcp === undefined) return safeLine(record(http).status);
	return code === undefined ? (isError === true ? "that it failed" : "well") : `with error ${safeLine(code)}`;
}

function outcome(data: Data): string {
	const mark = answerMarkOf(data);
	const answered = mark === undefined ? "" : `, the function answered ${answerWords(record(mark))}`;
	const took = data.durationMs === undefined ? "" : ` after ${safeLine(data.durationMs)} ms`;
	const code = data.code === undefined ? "" : ` (${safeLine(data.code)})`;
	return `the call is ${safeLine(data.ending)}${code}${answered}${took}${rules(data)}`;
}
