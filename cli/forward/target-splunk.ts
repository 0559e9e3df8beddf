// Forwards to Splunk's HTTP Event Collector, and waits for its indexers where the token has indexer acknowledgement.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { safeLine } from "../terminal-text.ts";
import { type Answer, createPoster, isRefusal } from "./post.ts";
import { isJson, NotDelivered, type Target } from "./target.ts";

export interface SplunkCollector {
	/** Without a path: `https://splunk.example.com:8088`. */
	readonly url: string;
	readonly token: string;
	/** How the source type is named: `callgate:ocsf`. */
	readonly formatName: string;
	readonly ca?: string | undefined;
	/** For how long an acknowledgement is waited for before all of it is sent again. */
	readonly acknowledgedWithinMs?: number;
}

/** Splunk's advice is to wait for five minutes; its indexers need seconds. */
const acknowledgedWithinDefault = 5 * 60_000;
const pollMs = { first: 100, max: 5_000 };
/** What one request may hold on Splunk Cloud is a megabyte; a single event beyond it travels alone. */
const bodyBytesMax = 1_000_000;
/** An acknowledgement takes seconds whatever it is for, so one waits for many events at once. */
const gathering = { eventsMax: 5_000, forMs: 0 };

/**
 * A channel has our acknowledgements alone, and each try has a channel of its own: a collector that restarts counts from zero again, and the number of
 * an earlier life must not be taken for this one's. Without indexer acknowledgement 200 says that the collector has it in memory.
 */
export function splunkTarget({ url, token, formatName, ca, acknowledgedWithinMs = acknowledgedWithinDefault }: SplunkCollector): Target {
	const { post, close } = createPoster("Splunk", ca);
	const ask = async (path: string, channel: string, body: string): Promise<Told> => {
		const headers = { authorization: `Splunk ${token}`, "x-splunk-request-channel": channel, "content-type": "application/json" };
		return toldBy(await post(`${url}${path}`, headers, body));
	};
	return {
		gathering,
		async send({ lines, format }) {
			const channel = randomUUID();
			const awaited: number[] = [];
			const events = lines.map(({ text, event: { time, source } }) => {
				const about = { time: Date.parse(time) / 1_000, source, sourcetype: `callgate:${formatName}` };
				return `${JSON.stringify(about).slice(0, -1)},"event":${isJson(format.contentType) ? text : JSON.stringify(text)}}`;
			});
			for (const body of bodiesOf(events)) {
				const { ackId } = await ask("/services/collector/event", channel, body);
				if (typeof ackId === "number") awaited.push(ackId);
			}
			await acknowledged((acks) => ask("/services/collector/ack", channel, JSON.stringify({ acks })), awaited, acknowledgedWithinMs);
		},
		close,
	};
}

/** Whole events one behind the other, as the collector takes them. */
function* bodiesOf(events: readonly string[]): Generator<string> {
	let body = "";
	for (const event of events) {
		if (body !== "" && Buffer.byteLength(body) + Buffer.byteLength(event) > bodyBytesMax) {
			yield body;
			body = "";
		}
		body += event;
	}
	if (body !== "") yield body;
}

interface Told {
	readonly ackId?: unknown;
	readonly acks?: Readonly<Record<string, unknown>>;
}

/** @throws {NotDelivered} with Splunk's own code and words where it is an error */
function toldBy({ status, text, afterMs }: Answer): Told {
	const told = objectOf(text);
	if (status === 200 && told) return told;
	const says =
		typeof told?.code === "number" && typeof told.text === "string" ? `: ${safeLine(told.text).slice(0, 200)} (code ${told.code})` : "";
	throw new NotDelivered(`Splunk answered ${status}${says}`, { isFinal: isRefusal(status), afterMs });
}

function objectOf(text: string): (Told & { readonly code?: unknown; readonly text?: unknown }) | undefined {
	try {
		const value: unknown = JSON.parse(text);
		return typeof value === "object" && value !== null ? value : undefined;
	} catch {
		return undefined;
	}
}

/** Splunk says `true` once and forgets it then. @throws {NotDelivered} where it does not say it of all of them in time */
async function acknowledged(ask: (acks: readonly number[]) => Promise<Told>, awaited: readonly number[], withinMs: number): Promise<void> {
	const until = performance.now() + withinMs;
	let left = [...awaited];
	for (let pauseMs = pollMs.first; left.length > 0; pauseMs = Math.min(pollMs.max, pauseMs * 2)) {
		const { acks = {} } = await ask(left);
		left = left.filter((id) => acks[id] !== true);
		if (left.length === 0) return;
		if (performance.now() >= until) throw new NotDelivered("Splunk's indexers did not acknowledge in time");
		await delay(pauseMs);
	}
}
