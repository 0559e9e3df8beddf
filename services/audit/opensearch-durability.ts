// How OpenSearch keeps the record: copies, and when a document reaches the disk. Asked of it now and then, for whoever reads `/readyz`.
import { recordStream } from "#libs/contracts/index-template.ts";
import type { OpenSearchConnection } from "./connect-opensearch.ts";

/** OpenSearch' own words; `unknown` where it has not answered yet or does not say. */
export interface IndexDurability {
	/** Copies beside the first one, of the backing index that has fewest. */
	readonly replicas: number | "unknown";
	/** `request`: a document is on the disk before it is acknowledged; `async`: up to five seconds later. The weakest of the backing indices. */
	readonly translog: string;
}

const names = ["index.number_of_replicas", "index.translog.durability"] as const;
const unknown: IndexDurability = { replicas: "unknown", translog: "unknown" };
const everyMs = 30_000;

/** Needs a user that may read the settings of the data stream. */
export async function readIndexDurability(
	connection: Pick<OpenSearchConnection, "request">,
	stream = recordStream,
): Promise<IndexDurability> {
	const answer = await connection.request({
		method: "GET",
		path: `/${stream}/_settings/${names.join(",")}`,
		query: { flat_settings: true, include_defaults: true },
	});
	const indices = Object.values((answer ?? {}) as Record<string, Partial<Record<"settings" | "defaults", Record<string, string>>>>);
	if (indices.length === 0) return unknown;
	// A default is told in capitals, a setting as it was written.
	const values = (name: (typeof names)[number]) =>
		indices.map(({ settings, defaults }) => (settings?.[name] ?? defaults?.[name] ?? "unknown").toLowerCase());
	const replicas = Math.min(...values(names[0]).map(Number));
	const [translog = "unknown"] = values(names[1]).sort((one, other) => Number(one === "request") - Number(other === "request"));
	return { replicas: Number.isNaN(replicas) ? "unknown" : replicas, translog };
}

export function watchIndexDurability(connection: OpenSearchConnection): { found(): IndexDurability; stop(): void } {
	let last = unknown;
	const read = () => {
		readIndexDurability(connection).then(
			(found) => (last = found),
			// Whether OpenSearch answers at all is readiness' business.
			() => undefined,
		);
	};
	read();
	const timer = setInterval(read, everyMs).unref();
	return { found: () => last, stop: () => clearInterval(timer) };
}
