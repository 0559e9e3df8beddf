// `callgate audit remask`: today's detectors over what the record shows; lists where they find what had passed, and never what it is.
import type { Command } from "commander";
import type { JsonObject, JsonValue } from "#libs/contracts/json.ts";
import { recordFields } from "#libs/contracts/record-fields.ts";
import { QUERY_DETECTORS } from "#libs/masking/detectors.ts";
import type { Finding } from "#libs/masking/findings.ts";
import { compileMask, type Mask } from "#libs/masking/mask.ts";
import { MaskingError } from "#libs/masking/masking-error.ts";
import { compileView } from "#libs/masking/view.ts";
import { addReachOptions, type ReachOptions, reach } from "./api-client.ts";
import { CommandFailed } from "./command-failed.ts";
import { readTime, Zone } from "./instants.ts";
import type { Io } from "./io.ts";
import { listOf, recordOf } from "./problem.ts";
import { eventsOf } from "./search-record.ts";
import type { StoryEvent } from "./story.ts";
import { safeJson, safeLine } from "./terminal-text.ts";

interface RemaskOptions extends ReachOptions {
	readonly since: string;
	readonly zone: string;
}

const pageSize = 500;
/** The masks that what is on the record went through: today's of views and texts, and of what auditors look for. */
const [view, asked] = [compileView(), compileMask({ paths: {}, detect: QUERY_DETECTORS })];
/** Members of an event's data with what callers, functions and people wrote: all else names things of the configuration. */
const written = new Set(
	[...recordFields].flatMap(([field, kind]) => (kind === "flat" || kind === "text" ? [field.split(".")[1] ?? ""] : [])),
);

const explained = `
Detectors get better. This asks those of this version about all that is on the record since then: arguments, answers, reasons, details, searches.
Each line is a place that they would mask today: when, which event of which call, where (a JSON pointer into the event's data), which detector, how
often. What stands there is not shown; nothing is changed. What is sealed is not looked at: audit has no key. It exits with 1 if anything had passed.

Examples:
  $ callgate audit remask --since 2026-01-01
  $ callgate audit remask --since 30d --json
`;

export function registerRemask(command: Command, io: Io): void {
	addReachOptions(command.description("Look for what had passed unmasked, with today's detectors"), "audit")
		.requiredOption("--since <time>", "from this on: a day, a time in --zone, an instant with its offset, or how long ago (90m, 7d)")
		.option("--zone <name>", "the time zone of days and times, typed and shown", "UTC")
		.addHelpText("after", explained)
		.action(async (options: RemaskOptions) => await remask(options, io));
}

async function remask(options: RemaskOptions, io: Io): Promise<void> {
	const zone = new Zone(options.zone);
	// Up to now alone: reading makes events of its own.
	const until = new Date();
	const query = new URLSearchParams({
		from: readTime("--since", options.since, zone, until),
		to: until.toISOString(),
		size: String(pageSize),
	});
	const api = await reach("audit", options, io);
	let [events, places] = [0, 0];
	for (;;) {
		const answer = await api.ask("GET", `/v1/audit/events?${query}`);
		for (const event of eventsOf(answer)) {
			events++;
			for (const finding of passedIn(event)) {
				places++;
				io.print(options.json ? jsonOf(event, finding) : lineOf(event, finding, zone));
			}
		}
		const { next } = recordOf(answer.value);
		if (typeof next !== "string") break;
		query.set("cursor", next);
	}
	if (places > 0)
		throw new CommandFailed(`${places} places in ${events} events hold what today's detectors would mask.`, { shown: { places, events } });
	io.tell(`Nothing had passed: today's detectors find nothing in ${events} events.`);
}

/** What today's detectors find in an event and did not when it was masked; a surrogate looks like what it stands for, and was found then. */
export function passedIn({ data }: Pick<StoryEvent, "data">): Finding[] {
	return Object.entries(data).flatMap(([name, value]) => {
		if (!written.has(name)) return [];
		const known = name === "arguments" || name === "result" ? listOf(data.findings) : [];
		return foundBy(name === "query" ? asked : view, value as JsonValue)
			.filter(({ path, detector }) => !known.some((then) => then.path === path && (then.detector === detector || then.detector === "path")))
			.map((finding) => ({ ...finding, path: `/${name}${finding.path}` }));
	});
}

function foundBy(mask: Mask, value: JsonValue): Finding[] {
	try {
		return mask.mask({ value } as JsonObject).findings.map(({ path, ...finding }) => ({ ...finding, path: path.replace(/^\/value/, "") }));
	} catch (error) {
		// Beyond what masking takes: it says which bound, and no event that fits a message can be.
		if (error instanceof MaskingError) return [{ detector: "unreadable", path: "", count: 1 }];
		throw error;
	}
}

function lineOf({ time, type, subject }: StoryEvent, { path, detector, count }: Finding, zone: Zone): string {
	return [
		zone.show(safeLine(time)),
		safeLine(type),
		safeLine(subject),
		safeLine(path),
		`${detector}${count === 1 ? "" : ` (${count} times)`}`,
	].join("  ");
}

function jsonOf({ time, type, subject, position, id }: StoryEvent & { readonly id?: string }, finding: Finding): string {
	return safeJson(JSON.stringify({ time, type, subject, position, id, ...finding }));
}
