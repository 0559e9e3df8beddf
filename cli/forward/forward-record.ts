// `callgate audit forward`: the record into somebody else's system, event after event, from where it was the last time. One process a receiver.
import { randomUUID } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Command, InvalidArgumentError, Option } from "commander";
import { reach } from "../api-client.ts";
import { CommandFailed, wrongUsage } from "../command-failed.ts";
import { Zone } from "../instants.ts";
import type { Io } from "../io.ts";
import { readText } from "../read-input.ts";
import { addNarrowing, askPatiently, type NarrowingOptions, pageOf, queryOf, waitSeconds } from "../search-record.ts";
import { safeLine } from "../terminal-text.ts";
import { type FormatName, formats } from "./formats.ts";
import type { RecordedEvent } from "./ocsf.ts";
import { batchId, fileTarget, NotDelivered, syslogTarget, type Target, webhookTarget } from "./targets.ts";

interface ForwardOptions extends NarrowingOptions {
	readonly as: FormatName;
	readonly to: string;
	readonly state: string;
	readonly once?: true;
	readonly rotateBytes: number;
	readonly keep: number;
	readonly secretFile?: string;
	readonly caFile?: string;
}

/** What is kept between two runs. `eventTime` beside `at` is how far it is behind. */
interface State {
	readonly cursor: string;
	readonly forwarded: number;
	/** Of the last event that was forwarded. */
	readonly eventTime?: string;
	readonly at: string;
}

const pageSize = 200;
const onceSeconds = 10;
const pauseMs = { first: 250, max: 30_000 };
const secretBytes = { min: 24, max: 64 };

const explained = `
Each event is forwarded at least once, in the order of the stream: --state keeps the place, and is written when the receiver has the events. A
receiver that does not answer is tried again until it does; meanwhile nothing is lost and nothing else waits, since each receiver has a process and a
state file of its own. Without --state's file it begins now, or at --from. It reads as an auditor, with a token that is read anew for each request.

  file:///folder/name          one event a line; at --rotate-bytes it is renamed to name.1, name.1 to name.2, …
  https://host/path            Standard Webhooks: a list of events a request, signed with the secret in --secret-file (whsec_ and base64)
  syslog+tls://host:6514       RFC 5424 in RFC 5425 frames. Syslog acknowledges nothing: what is on its way when the receiver dies is lost there

Examples:
  $ callgate audit forward --as ocsf --to file:///var/log/callgate/ocsf.ndjson --state /var/lib/callgate/ocsf.json
  $ callgate audit forward --as cloudevents --to https://siem.example.com/hook --secret-file hook.secret --state hook.json --ending denied
  $ callgate audit forward --as cef --to syslog+tls://siem.example.com:6514 --state syslog.json --from 7d
`;

export function registerForward(command: Command, io: Io): void {
	addNarrowing(command.description("Forward the record to a file, a webhook or syslog, as OCSF, CloudEvents or CEF"))
		.addOption(new Option("--as <format>", "what the receiver reads").choices(Object.keys(formats)).makeOptionMandatory())
		.requiredOption("--to <url>", "the receiver")
		.requiredOption("--state <file>", "where its place in the record is kept; one file a receiver")
		.option("--once", "end when everything there is was forwarded")
		.option("--rotate-bytes <n>", "of a file: its size", count(1_000_000_000_000), 100_000_000)
		.option("--keep <n>", "of a file: how many older ones are kept", count(1_000), 10)
		.option("--secret-file <file>", "of a webhook: the secret that signs")
		.option("--ca-file <file>", "of syslog: PEM of the authority of its certificate, where it is not a public one")
		.addHelpText("after", explained)
		.action(async (options: ForwardOptions) => {
			const target = await targetOf(options);
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

async function targetOf({ to, rotateBytes, keep, secretFile, caFile }: ForwardOptions): Promise<Target> {
	const url = URL.canParse(to) ? new URL(to) : undefined;
	const isHere = url !== undefined && /^(127(\.\d{1,3}){3}|\[::1\]|localhost)$/.test(url.hostname);
	if (url?.username || url?.password) throw wrongUsage("--to has a login. Leave it out: `ps` would show it.");
	if (url?.protocol === "file:" && url.host === "") return fileTarget(fileURLToPath(url), { bytesMax: rotateBytes, kept: keep });
	if (url?.protocol === "https:" || (url?.protocol === "http:" && isHere)) {
		if (secretFile === undefined) throw wrongUsage("--secret-file is missing: a webhook's receiver must be able to tell who writes.");
		return webhookTarget(url.href, await readSecret(secretFile), () => new Date());
	}
	if (url?.protocol === "syslog+tls:" && url.hostname !== "") {
		const ca = caFile === undefined ? undefined : await readText("--ca-file", caFile, 1_048_576);
		return syslogTarget({ host: url.hostname, port: Number(url.port || 6514), ca }, () => new Date());
	}
	throw wrongUsage("--to is no receiver. Expected file:///folder/name, https://host/path or syslog+tls://host:port.");
}

async function readSecret(file: string): Promise<Uint8Array> {
	const [, encoded = ""] = /^(?:whsec_)?([A-Za-z0-9+/]+={0,2})$/.exec((await readText("--secret-file", file, 1_024)).trim()) ?? [];
	const secret = Buffer.from(encoded, "base64");
	if (secret.length >= secretBytes.min && secret.length <= secretBytes.max) return secret;
	throw wrongUsage(`--secret-file holds no secret: expected whsec_ and ${secretBytes.min} to ${secretBytes.max} bytes in base64.`);
}

async function forward(target: Target, options: ForwardOptions, io: Io): Promise<void> {
	const query = queryOf([], options, new Zone(options.zone));
	query.set("size", String(pageSize));
	let state = await readState(options.state);
	for (;;) {
		if (state) query.set("cursor", state.cursor);
		// Only to begin with: `--from 7d` of a later start would leave out what waited for longer.
		if (state) query.delete("from");
		// Audit knows only after some seconds how far all is indexed, if nobody has asked for long.
		if (state) query.set("wait", String(options.once ? onceSeconds : waitSeconds));
		const { found, next } = pageOf(await askPatiently(() => reach("audit", options, io), query, io));
		if (next === undefined)
			throw new CommandFailed("What answers is not Callgate's audit service of this version: it does not say where to go on.");
		const events = found as readonly RecordedEvent[];
		await deliver(target, options.as, events, io);
		const eventTime = events.at(-1)?.time ?? state?.eventTime;
		const isDone = options.once && events.length < pageSize && state !== undefined;
		state = {
			cursor: next,
			forwarded: (state?.forwarded ?? 0) + events.length,
			...(eventTime && { eventTime }),
			at: new Date().toISOString(),
		};
		await writeState(options.state, state);
		if (isDone) return;
	}
}

/** Until the receiver has them: what waits is the record itself. */
async function deliver(target: Target, as: FormatName, events: readonly RecordedEvent[], io: Io): Promise<void> {
	const [first, last] = [events[0], events.at(-1)];
	if (!first || !last) return;
	const format = formats[as];
	const batch = { format, lines: events.flatMap((event) => format.linesOf(event)), id: batchId(first.id, last.id) };
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
			await delay(Math.min(pauseMs.max, pauseMs.first * 2 ** Math.min(tries, 16)));
		}
	}
}

async function readState(file: string): Promise<State | undefined> {
	let text: string;
	try {
		text = await readFile(file, "utf8");
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		throw new CommandFailed("The file of --state cannot be read.", { cause: error });
	}
	try {
		const state = JSON.parse(text) as State;
		if (typeof state.cursor === "string" && Number.isSafeInteger(state.forwarded)) return state;
	} catch {
		// Told below.
	}
	// Beginning anew would leave out what came since, or send all of it again.
	throw new CommandFailed("The file of --state is none of `callgate audit forward`. Name another one, or remove it to begin anew.");
}

/** Whole or not at all: a half one would be no place. */
async function writeState(file: string, state: State): Promise<void> {
	const temporary = `${file}.${randomUUID()}.tmp`;
	try {
		const handle = await open(temporary, "wx", 0o600);
		try {
			await handle.writeFile(`${JSON.stringify(state)}\n`);
			await handle.sync();
		} finally {
			await handle.close();
		}
		await rename(temporary, file);
	} catch (error) {
		throw new CommandFailed("The file of --state cannot be written. What was forwarded since is forwarded again next time.", {
			cause: error,
		});
	}
}
