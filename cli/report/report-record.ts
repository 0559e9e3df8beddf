// `callgate audit report`: who called what and who approved what in a period, from the audit service or from a record that proves itself.
import { Argument, type Command } from "commander";
import { keyText, type NoteKey } from "#libs/merkle/signed-note.ts";
import type { LeafLine } from "#libs/proof/export-record.ts";
import { addReachOptions, type ReachOptions, reach } from "../api-client.ts";
import { CommandFailed, wrongUsage } from "../command-failed.ts";
import { readTime, Zone } from "../instants.ts";
import type { Io } from "../io.ts";
import { recordOf } from "../problem.ts";
import { gatherKeys, verifyExport } from "../prove.ts";
import { readLeaf } from "../read-leaf.ts";
import { eventsOf } from "../search-record.ts";
import type { Data, StoryEvent } from "../story.ts";
import { AccessReview, accessEvents } from "./access.ts";
import { ApprovalsReview, approvalEvents, askedBeforeMs } from "./approvals.ts";
import { csvOf, pageOf, type Report, textOf } from "./report.ts";

interface ReportOptions extends ReachOptions {
	readonly since: string;
	readonly until?: string;
	readonly zone: string;
	readonly csv?: true;
	readonly html?: true;
	readonly record?: string;
	readonly key?: readonly NoteKey[];
}

interface Period {
	/** RFC 3339: inclusive, exclusive. */
	readonly since: string;
	readonly until: string;
}

const pageSize = 500;

const explained = `
access      calls that ended in the period: by person and function, by person, by function
approvals   votes of the period: by approver, and by approver and function. "within 10 s" are approvals so soon after the question, "in a row" those
            less than a minute after the approver's last one for the same caller and function: look at them

It is read from the audit service, which proves nothing, or with --record and --key from an export, which is verified first: what does not verify
gives no report.

Examples:
  $ callgate audit report access --since 2026-01-01 --until 2026-04-01 --zone Europe/Berlin --html > access.html
  $ callgate audit report approvals --since 90d --csv > approvals.csv
  $ callgate audit report access --since 90d --record record.ndjson --key callgate.example.com/record+0a1b2c3d+AQ…
`;

export function registerReport(command: Command, io: Io): void {
	addReachOptions(command.description("Tell who called what, or who approved what, in a period"), "audit")
		.addArgument(new Argument("<report>", "which report").choices(["access", "approvals"]))
		.requiredOption("--since <time>", "from this on: a day, a time in --zone, an instant with its offset, or how long ago (90m, 7d)")
		.option("--until <time>", "before this; now, where nothing is said")
		.option("--zone <name>", "the time zone of days and times, typed and shown", "UTC")
		.option("--csv", "print CSV, for spreadsheets; no cell is a formula")
		.option("--html", "print a page that needs nothing else")
		.option("--record <file>", "an export instead of the audit service; it is verified first")
		.option("--key <key>", "with --record: a public key of the record, as `callgate audit key` prints it (repeatable)", gatherKeys)
		.addHelpText("after", explained)
		.action(async (name: "access" | "approvals", options: ReportOptions) => {
			refuseContradictions(options);
			const zone = new Zone(options.zone);
			const now = new Date();
			const since = readTime("--since", options.since, zone, now);
			const period = { since, until: options.until === undefined ? now.toISOString() : readTime("--until", options.until, zone, now) };
			const report = await reportOf(name, period, options, zone, io);
			const lines = options.html ? [pageOf(report, zone)] : options.csv ? csvOf(report, zone) : textOf(report, zone);
			for (const line of options.json ? [JSON.stringify(report)] : lines) io.print(line);
		});
}

function refuseContradictions({ json, csv, html, record, key }: ReportOptions): void {
	if ([json, csv, html].filter(Boolean).length > 1) throw wrongUsage("--json, --csv and --html exclude each other. Choose one.");
	if ((record === undefined) !== (key === undefined))
		throw wrongUsage("--record and --key belong together: what nobody signed proves nothing.");
}

async function reportOf(name: "access" | "approvals", period: Period, options: ReportOptions, zone: Zone, io: Io): Promise<Report> {
	if (name === "access") {
		const review = new AccessReview();
		const proof = await read(accessEvents, period, options, io, (event) => review.add(event));
		return { title: "Access review", ...period, proof, tables: review.tables((instant) => zone.show(instant)) };
	}
	const review = new ApprovalsReview(period.since);
	const before = new Date(Date.parse(period.since) - askedBeforeMs).toISOString();
	const proof = await read(approvalEvents, { ...period, since: before }, options, io, (event) => review.add(event));
	return { title: "Approvals", ...period, proof, tables: review.tables() };
}

type Read = Pick<StoryEvent, "type" | "time" | "data">;

/** Each event of these kinds in the period, once. @returns what proves them */
async function read(
	types: readonly string[],
	period: Period,
	{ record, key = [], ...options }: ReportOptions,
	io: Io,
	hear: (event: Read) => void,
): Promise<string[]> {
	if (record !== undefined) return await readExport(types, period, record, key, hear);
	const api = await reach("audit", options, io);
	for (const type of types) {
		const query = new URLSearchParams({ type, from: period.since, to: period.until, size: String(pageSize) });
		for (;;) {
			const answer = await api.ask("GET", `/v1/audit/events?${query}`);
			for (const event of eventsOf(answer)) hear(event);
			const { next } = recordOf(answer.value);
			if (typeof next !== "string") break;
			query.set("cursor", next);
		}
	}
	return ["none: it was read from the index. Made with --record and --key it comes from a record that proves itself"];
}

async function readExport(
	types: readonly string[],
	{ since, until }: Period,
	file: string,
	key: readonly NoteKey[],
	hear: (event: Read) => void,
): Promise<string[]> {
	const [from, to] = [Date.parse(since), Date.parse(until)];
	/** What was said again is one event. */
	const known = new Set<string>();
	const { finding, events, checkpoints, root, ...verified } = await verifyExport(file, { key }, (line) => {
		// Most lines are of other kinds, and are not worth reading.
		if (!types.some((type) => line.includes(type))) return;
		const leaf = JSON.parse(line) as LeafLine;
		if (typeof leaf.entry !== "string" || !types.some((type) => leaf.entry.includes(`.${type} `))) return;
		const event = readLeaf(leaf);
		const at = Date.parse(event.time);
		if (!types.includes(event.type) || at < from || at >= to || known.has(event.id)) return;
		known.add(event.id);
		hear({ type: event.type, time: event.time, data: event.data as Data });
	});
	if (finding) throw new CommandFailed(`the export does not verify, so nothing is reported from it: ${finding.message}`);
	const end = verified.to;
	return [
		`${events} events under ${checkpoints} checkpoints, ${verified.from ?? "?"} to ${end ?? "?"}, verified with ${key.map((one) => keyText(one)).join(", ")}`,
		`root of the tree: ${root ?? "?"}`,
		...(end === undefined || Date.parse(end) < to ? [`the record ends at ${end ?? "?"}: what happened later is not in it`] : []),
		...(verified.noticesTotal > 0 ? [`${verified.noticesTotal} notices: \`callgate audit verify\` tells them`] : []),
	];
}
