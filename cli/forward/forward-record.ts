// `callgate audit forward`: the record into somebody else's system, event after event, from where it was the last time. One process a receiver.
import { setTimeout as delay } from "node:timers/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { reach } from "../api-client.ts";
import { CommandFailed } from "../command-failed.ts";
import { Zone } from "../instants.ts";
import type { Io } from "../io.ts";
import { addNarrowing, askPatiently, type NarrowingOptions, pageOf, queryOf, waitSeconds } from "../search-record.ts";
import { safeLine } from "../terminal-text.ts";
import { formats } from "./formats.ts";
import type { RecordedEvent } from "./ocsf.ts";
import { openTarget, type TargetOptions } from "./open-target.ts";
import { readPlace, writePlace } from "./place.ts";
import { batchId, type Gathering, type Line, NotDelivered, type Target } from "./target.ts";

interface ForwardOptions extends NarrowingOptions, TargetOptions {
	readonly state: string;
	readonly once?: true;
}

const pageSize = 200;
const onceSeconds = 10;
const pauseMs = { first: 250, max: 30_000 };
/** What is gathered stays in memory. One page may go beyond it. */
const gatheredCharactersMax = 16_000_000;
const pageByPage: Gathering = { eventsMax: pageSize, forMs: 0 };

const explained = `
Each event is forwarded at least once, in the order of the stream: --state keeps the place, and is written when the receiver has the events. A
receiver that does not answer is tried again until it does; meanwhile nothing is lost and nothing else waits, since each receiver has a process and a
state file of its own. Without --state's file it begins now, or at --from. It reads as an auditor, with a token that is read anew for each request.

  file:///folder/name          one event a line; at --rotate-bytes it is renamed to name.1, name.1 to name.2, …
  https://host/path            Standard Webhooks: a list of events a request, signed with the secret in --secret-file (whsec_ and base64)
  syslog+tls://host:6514       RFC 5424 in RFC 5425 frames. Syslog acknowledges nothing: what is on its way when the receiver dies is lost there
  splunk+https://host:8088     Splunk's HTTP Event Collector, with its token in --secret-file; waits for the indexers where the token has acknowledgement
  s3://bucket/prefix           objects of gzip NDJSON, once a minute or 10,000 events, never written over; credentials where the AWS SDK finds them
  otlp+https://host:4318       OTLP logs in JSON at /v1/logs; headers that the collector asks for (authorization: …) in --secret-file

Examples:
  $ callgate audit forward --as ocsf --to file:///var/log/callgate/ocsf.ndjson --state /var/lib/callgate/ocsf.json
  $ callgate audit forward --as cloudevents --to https://siem.example.com/hook --secret-file hook.secret --state hook.json --ending denied
  $ callgate audit forward --as cef --to syslog+tls://siem.example.com:6514 --state syslog.json --from 7d
  $ callgate audit forward --as ocsf --to splunk+https://splunk.example.com:8088 --secret-file hec.token --state splunk.json
`;

export function registerForward(command: Command, io: Io): void {
	addNarrowing(command.description("Forward the record to files, webhooks, syslog, Splunk, S3 or OTLP, as OCSF, CloudEvents or CEF"))
		.addOption(new Option("--as <format>", "what the receiver reads").choices(Object.keys(formats)).makeOptionMandatory())
		.requiredOption("--to <url>", "the receiver")
		.requiredOption("--state <file>", "where its place in the record is kept; one file a receiver")
		.option("--once", "end when everything there is was forwarded")
		.option("--rotate-bytes <n>", "of a file: its size", count(1_000_000_000_000), 100_000_000)
		.option("--keep <n>", "of a file: how many older ones are kept", count(1_000), 10)
		.option("--object-seconds <n>", "of S3: for how long events are gathered for one object", count(86_400), 60)
		.option("--secret-file <file>", "of a webhook the secret that signs, of Splunk the token, of OTLP headers")
		.option("--ca-file <file>", "PEM of the authority of the receiver's certificate, where it is not a public one")
		.addHelpText("after", explained)
		.action(async (options: ForwardOptions) => {
			const target = await openTarget(options, io);
			try {
				await forward(target, options, io);
			} finally {
				await target.close();
			}
		});
}

function count(max: number): (value: string) => number {
	return (value) => {
		if (/^[1-9]\d{0,12}$/.test(value) && Number(value) <= max) return Number(value);
		throw new InvalidArgumentError(`expected a number, 1 to ${max}`);
	};
}

async function forward(target: Target, options: ForwardOptions, io: Io): Promise<void> {
	const ask = pagesOf(options, io);
	let place = await readPlace(options.state);
	for (;;) {
		const { lines, events, cursor, isAll } = await gather(ask, place?.cursor, target.gathering ?? pageByPage, options);
		await deliver(target, options.as, lines, io);
		const eventTime = lines.at(-1)?.event.time ?? place?.eventTime;
		place = { cursor, forwarded: (place?.forwarded ?? 0) + events, ...(eventTime && { eventTime }), at: new Date().toISOString() };
		await writePlace(options.state, place);
		if (options.once && isAll) return;
	}
}

interface Page {
	readonly events: readonly RecordedEvent[];
	readonly next: string;
}
/** @param waitMs for how long audit may wait where there is nothing yet */
type AskPage = (cursor: string | undefined, waitMs: number) => Promise<Page>;

function pagesOf(options: ForwardOptions, io: Io): AskPage {
	const query = queryOf([], options, new Zone(options.zone));
	query.set("size", String(pageSize));
	return async (cursor, waitMs) => {
		if (cursor !== undefined) {
			query.set("cursor", cursor);
			// Only to begin with: `--from 7d` of a later start would leave out what waited for longer.
			query.delete("from");
			query.set("wait", String(Math.ceil(waitMs / 1_000)));
		}
		const { found, next } = pageOf(await askPatiently(() => reach("audit", options, io), query, io));
		if (next === undefined)
			throw new CommandFailed("What answers is not Callgate's audit service of this version: it does not say where to go on.");
		return { events: found as readonly RecordedEvent[], next };
	};
}

interface Gathered {
	readonly lines: readonly Line[];
	readonly events: number;
	/** Behind the last of them. */
	readonly cursor: string;
	/** There was nothing more. */
	readonly isAll: boolean;
}

/** Pages from the cursor on until there is as much as the target wants at once, or nothing more for as long as it waits. */
async function gather(ask: AskPage, from: string | undefined, wanted: Gathering, { as, once }: ForwardOptions): Promise<Gathered> {
	const lines: Line[] = [];
	let [events, characters, cursor, until] = [0, 0, from, Number.POSITIVE_INFINITY];
	for (;;) {
		// Audit knows only after some seconds how far all is indexed, if nobody has asked for long.
		const longest = (once ? onceSeconds : waitSeconds) * 1_000;
		const page = await ask(cursor, Math.max(0, Math.min(longest, until - performance.now())));
		const isAll = page.events.length < pageSize && cursor !== undefined;
		cursor = page.next;
		if (events === 0 && page.events.length > 0) until = performance.now() + (once ? 0 : wanted.forMs);
		for (const event of page.events) {
			const texts = formats[as].linesOf(event);
			lines.push(...texts.map((text) => ({ text, event })));
			characters += texts.reduce((sum, { length }) => sum + length, 0);
		}
		events += page.events.length;
		const isEnough = events + pageSize > wanted.eventsMax || characters >= gatheredCharactersMax;
		const isLate = events === 0 || performance.now() >= until;
		if (isEnough || (page.events.length < pageSize && isLate)) return { lines, events, cursor, isAll };
	}
}

/** Until the receiver has them: what waits is the record itself. */
async function deliver(target: Target, as: ForwardOptions["as"], lines: readonly Line[], io: Io): Promise<void> {
	const [first, last] = [lines[0]?.event, lines.at(-1)?.event];
	if (!first || !last) return;
	const batch = { format: formats[as], lines, id: batchId(first.id, last.id) };
	for (let tries = 0; ; tries++) {
		try {
			await target.send(batch);
			if (tries > 0) io.tell("callgate: the receiver takes events again");
			return;
		} catch (error) {
			if (!(error instanceof NotDelivered)) throw error;
			if (error.isFinal)
				throw new CommandFailed(`The receiver refuses what is forwarded: ${error.message}. The place is kept; correct it and start again.`);
			if (tries === 0) io.tell(`callgate: ${safeLine(error.message)}; trying until it takes them`);
			await delay(Math.max(error.afterMs, Math.min(pauseMs.max, pauseMs.first * 2 ** Math.min(tries, 16))));
		}
	}
}
