// `callgate audit forward`: the record into somebody else's system, event after event, from where it was the last time. One process a receiver.
import { setTimeout as delay } from "node:timers/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { createMetrics } from "#libs/service/metrics.ts";
import { CommandFailed } from "../command-failed.ts";
import type { Io } from "../io.ts";
import { addNarrowing, type NarrowingOptions, waitSeconds } from "../search-record.ts";
import { safeLine } from "../terminal-text.ts";
import { formats } from "./formats.ts";
import { Lag } from "./lag.ts";
import { openTarget, type TargetOptions } from "./open-target.ts";
import { type AskPage, pagesOf } from "./pages.ts";
import { readPlace, writePlace } from "./place.ts";
import { type MetricsAddress, readMetricsAddress, serveMetrics } from "./serve-metrics.ts";
import { batchId, type Gathering, type Line, NotDelivered, type Target } from "./target.ts";

interface ForwardOptions extends NarrowingOptions, TargetOptions {
	readonly state: string;
	readonly once?: true;
	readonly metrics?: MetricsAddress;
}

const pageSize = 200;
const pauseMs = { first: 250, max: 30_000 };
/** While a receiver takes nothing: how often the record is asked how much more there is. */
const countEveryMs = 30_000;
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
		.option("--metrics <port>", "serve Prometheus' metrics there, to this machine; with host:port to others", readMetricsAddress)
		.option("--rotate-bytes <n>", "of a file: its size", count(1_000_000_000_000), 100_000_000)
		.option("--keep <n>", "of a file: how many older ones are kept", count(1_000), 10)
		.option("--object-seconds <n>", "of S3: for how long events are gathered for one object", count(86_400), 60)
		.option("--secret-file <file>", "of a webhook the secret that signs, of Splunk the token, of OTLP headers")
		.option("--ca-file <file>", "PEM of the authority of the receiver's certificate, where it is not a public one")
		.addHelpText("after", explained)
		.action(async (options: ForwardOptions) => {
			const metrics = createMetrics("forward");
			const target = await openTarget(options, io);
			const serving = options.metrics && (await serveMetrics(options.metrics, metrics));
			try {
				await forward({ target, options, io, ask: pagesOf(options, io), lag: new Lag(metrics, Date.now) });
			} finally {
				await Promise.all([target.close(), serving?.close()]);
			}
		});
}

function count(max: number): (value: string) => number {
	return (value) => {
		if (/^[1-9]\d{0,12}$/.test(value) && Number(value) <= max) return Number(value);
		throw new InvalidArgumentError(`expected a number, 1 to ${max}`);
	};
}

interface Parts {
	readonly target: Target;
	readonly options: ForwardOptions;
	readonly io: Io;
	readonly ask: AskPage;
	readonly lag: Lag;
}

async function forward(parts: Parts): Promise<void> {
	const { options } = parts;
	let place = await readPlace(options.state);
	for (;;) {
		const { lines, events, cursor, isAll } = await gather(parts, place?.cursor);
		await deliver(parts, lines, events, cursor);
		const eventTime = lines.at(-1)?.event.time ?? place?.eventTime;
		place = { cursor, forwarded: (place?.forwarded ?? 0) + events, ...(eventTime && { eventTime }), at: new Date().toISOString() };
		await writePlace(options.state, place);
		if (options.once && isAll) return;
	}
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
async function gather({ target, options: { as, once }, ask, lag }: Parts, from: string | undefined): Promise<Gathered> {
	const { eventsMax, forMs } = target.gathering ?? pageByPage;
	const lines: Line[] = [];
	let [events, characters, cursor, until] = [0, 0, from, Number.POSITIVE_INFINITY];
	for (;;) {
		const longestMs = once ? 0 : waitSeconds * 1_000;
		const page = await ask({ cursor, size: pageSize, waitMs: Math.max(0, Math.min(longestMs, until - performance.now())) });
		cursor = page.next;
		if (events === 0 && page.events.length > 0) until = performance.now() + (once ? 0 : forMs);
		for (const event of page.events) {
			const texts = formats[as].linesOf(event);
			lines.push(...texts.map((text) => ({ text, event })));
			characters += texts.reduce((sum, { length }) => sum + length, 0);
		}
		events += page.events.length;
		lag.read({ inHand: events, oldest: lines[0]?.event.time, left: page.left });
		const isEnough = events + pageSize > eventsMax || characters >= gatheredCharactersMax;
		const isLate = events === 0 || performance.now() >= until;
		if (isEnough || (page.left === 0 && isLate)) return { lines, events, cursor, isAll: page.left === 0 };
	}
}

/** Until the receiver has them: what waits is the record itself. */
async function deliver(parts: Parts, lines: readonly Line[], events: number, cursor: string): Promise<void> {
	const { target, options, io, ask, lag } = parts;
	const [first, last] = [lines[0]?.event, lines.at(-1)?.event];
	if (!first || !last) return;
	const batch = { format: formats[options.as], lines, id: batchId(first.id, last.id) };
	let countedAt = performance.now();
	for (let tries = 0; ; tries++) {
		try {
			await target.send(batch);
			if (tries > 0) io.tell("callgate: the receiver takes events again");
			lag.took(events, last.time);
			return;
		} catch (error) {
			if (!(error instanceof NotDelivered)) throw error;
			if (error.isFinal)
				throw new CommandFailed(`The receiver refuses what is forwarded: ${error.message}. The place is kept; correct it and start again.`);
			if (tries === 0) io.tell(`callgate: ${safeLine(error.message)}; trying until it takes them`);
			lag.failed();
			await delay(Math.max(error.afterMs, Math.min(pauseMs.max, pauseMs.first * 2 ** Math.min(tries, 16))));
		}
		if (performance.now() - countedAt < countEveryMs) continue;
		countedAt = performance.now();
		const { events: next, left } = await ask({ cursor, size: 1, waitMs: 0 });
		lag.read({ inHand: events, oldest: first.time, left: next.length + left });
	}
}
