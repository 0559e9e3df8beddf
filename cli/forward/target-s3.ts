// Forwards into S3-compatible storage: an object a batch, lines packed with gzip, written once under a name that says when and where in the stream.
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { openStore } from "#libs/proof/open-store.ts";
import { type ProofStore, StoreUnavailable } from "#libs/proof/store.ts";
import type { RecordedEvent } from "./ocsf.ts";
import { NotDelivered, numberOf, type Target } from "./target.ts";

const pack = promisify(gzip);
/** Objects that are worth reading. */
const objectEventsMax = 10_000;

/**
 * `2026/07/01/12/20260701T120000.000Z-0000000000000001.0-0000000000000200.3.ndjson.gz`: the time of the first event (UTC), and the first and the last
 * place. Names are in the order of the stream within an hour as far as services' clocks agree; the places always tell it.
 *
 * @param where `s3://bucket/prefix`; region, endpoint and credentials are found where the AWS SDK finds them
 * @param gatherMs for how long what comes is gathered for one object
 * @param environment says whether S3 is one's own, as `openStore` reads it
 */
export async function s3Target(
	where: string,
	environment: Readonly<Record<string, string | undefined>>,
	gatherMs: number,
): Promise<Target> {
	const store = await openStore(where, environment);
	return {
		gathering: { eventsMax: objectEventsMax, forMs: gatherMs },
		async send({ lines }) {
			const [first, last] = [lines[0]?.event, lines.at(-1)?.event];
			if (!first || !last) return;
			const bytes = await pack(lines.map(({ text }) => `${text}\n`).join(""));
			await createOnce(store, nameOf(first, last), bytes);
		},
		close: async () => undefined,
	};
}

/** @throws {NotDelivered} final where another object stands there: what was forwarded is not written over, and this is not left out */
async function createOnce(store: ProofStore, name: string, bytes: Buffer): Promise<void> {
	try {
		if (await store.create(name, bytes)) return;
		// Sent before by a process that died, or the answer to an earlier try was lost.
		if ((await store.get(name))?.equals(bytes)) return;
	} catch (error) {
		if (error instanceof StoreUnavailable) throw new NotDelivered(error.message);
		throw error;
	}
	throw new NotDelivered(`an object with something else stands at ${name}: give each forwarder a prefix of its own`, { isFinal: true });
}

function nameOf(first: RecordedEvent, last: RecordedEvent): string {
	const instant = new Date(first.time).toISOString();
	const folder = instant.slice(0, 13).replace(/[-T]/g, "/");
	return `${folder}/${instant.replace(/[-:]/g, "")}-${placeOf(first)}-${placeOf(last)}.ndjson.gz`;
}

function placeOf({ position, item }: RecordedEvent): string {
	return `${String(numberOf(position)).padStart(16, "0")}.${numberOf(item)}`;
}
