// How much each store keeps: files of NATS, the index of OpenSearch, files of Valkey.
import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { recordStream } from "#libs/contracts/index-template.ts";
import { storyIndex } from "#libs/contracts/story.ts";
import { streamName } from "#libs/contracts/subjects.ts";
import { askOpenSearch } from "../../infra/opensearch/ask-opensearch.ts";
import { askNats } from "./ask-nats.ts";
import type { BenchStack } from "./bench-stack.ts";
import { type Load, measure } from "./measure-lane.ts";

/** Bytes. */
export interface StoredBytes {
	/** The stream's messages with their headers, as NATS counts them. */
	readonly natsMessages: number;
	/** The stream's files, indexes and consumers included. */
	readonly natsFiles: number;
	/** The index' segments after a flush, also those that will be merged away; the transaction log not. */
	readonly openSearch: number;
	readonly valkey: number;
}

/** https://docs.opensearch.org/latest/api-reference/index-apis/segment/ */
interface Segments {
	readonly indices: Readonly<
		Record<
			string,
			{
				readonly shards: Readonly<
					Record<string, readonly { readonly segments: Readonly<Record<string, { readonly size_in_bytes: number }>> }[]>
				>;
			}
		>
	>;
}

const storing: Load = { kind: "closed", callers: 64, warmupMs: 0, windowMs: 4_000 };

/** What one allowed call adds to each store: of some seconds of calls, everything indexed and flushed before and after. */
export async function bytesPerCall(bench: BenchStack): Promise<StoredBytes> {
	const before = await storedBytes(bench);
	const { calls } = await measure(bench, "callgate", storing);
	const after = await storedBytes(bench);
	const grown = (store: keyof StoredBytes) => (after[store] - before[store]) / calls;
	return {
		natsMessages: grown("natsMessages"),
		natsFiles: grown("natsFiles"),
		openSearch: grown("openSearch"),
		valkey: grown("valkey"),
	};
}

export async function storedBytes({ operator, index, stack }: BenchStack): Promise<StoredBytes> {
	const { state } = await askNats<{ state: { bytes: number } }>(operator, `STREAM.INFO.${streamName}`);
	const ask = async (method: "GET" | "POST", path: string): Promise<string> => {
		const answer = await askOpenSearch(index, method, `/${recordStream},${storyIndex}/${path}`);
		if (answer.status !== 200) throw new Error(`OpenSearch answered ${answer.status} to ${path}`);
		return answer.body;
	};
	await ask("POST", "_flush?wait_if_ongoing=true");
	// Not the statistics of its store: those are looked up every ten seconds only.
	const { indices } = JSON.parse(await ask("GET", "_segments")) as Segments;
	const segments = Object.values(indices).flatMap(({ shards }) =>
		Object.values(shards)
			.flat()
			.flatMap((shard) => Object.values(shard.segments)),
	);
	return {
		natsMessages: state.bytes,
		natsFiles: await bytesBelow(join(stack.dataDir, "nats"), (path) => path.includes(`/streams/${streamName}/`)),
		openSearch: segments.reduce((sum, { size_in_bytes: bytes }) => sum + bytes, 0),
		valkey: await bytesBelow(join(stack.dataDir, "valkey"), (path) => !path.endsWith(".log")),
	};
}

async function bytesBelow(folder: string, counts: (path: string) => boolean): Promise<number> {
	let bytes = 0;
	for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
		const path = join(entry.parentPath, entry.name);
		// Files come and go under a running server.
		if (entry.isFile() && counts(`${dirname(path)}/${entry.name}`))
			bytes += await stat(path).then(
				({ size }) => size,
				() => 0,
			);
	}
	return bytes;
}
