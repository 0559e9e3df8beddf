// The index and the stories on a real OpenSearch keep their contracts, with the users the services have.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordStream } from "#libs/contracts/index-template.ts";
import { storyIndex } from "#libs/contracts/story.ts";
import { connectOpenSearch, type OpenSearchConnection } from "./connect-opensearch.ts";
import { anEnded, aReceived, callId } from "./events.test-support.ts";
import { delivered, describeIndex } from "./index-contract.ts";
import { createOpenSearchIndex } from "./index-opensearch.ts";
import { type RealOpenSearch, startRealOpenSearch } from "./opensearch.test-support.ts";
import { createRecordReader, readBackingIndices } from "./search-opensearch.ts";
import { createStoryReader } from "./search-stories-opensearch.ts";
import { describeStories, recorded } from "./stories-contract.ts";
import { createOpenSearchStories } from "./stories-opensearch.ts";
import { storiesOf } from "./tell-story.ts";

/** A first download on a slow line. */
const startTimeoutMs = 15 * 60_000;
let server: RealOpenSearch;
let writing: OpenSearchConnection;
let telling: OpenSearchConnection;
let reading: OpenSearchConnection;

beforeAll(async () => {
	server = await startRealOpenSearch();
	writing = connectOpenSearch(server.as("audit-writer"));
	telling = connectOpenSearch(server.as("story-writer"));
	reading = connectOpenSearch(server.as("audit-reader"));
}, startTimeoutMs);

afterAll(async () => {
	await writing?.close();
	await telling?.close();
	await reading?.close();
	await server?.stop();
}, startTimeoutMs);

const backing = () => readBackingIndices(reading);
function open(connection = writing) {
	const reader = createRecordReader(reading);
	return { reader, index: createOpenSearchIndex({ connection, recorded: reader.recorded, backing }) };
}

describeIndex("on OpenSearch", async () => {
	await server.empty();
	return {
		...open(),
		rollOver: async () => void (await server.admin("POST", `/${recordStream}/_rollover`)),
		settle: async () => void (await server.admin("POST", `/${recordStream}/_refresh`)),
		close: async () => undefined,
	};
});

describe("on OpenSearch: when a document is found", () => {
	it("finds everything that was created once it was asked to, however seldom the index shows new documents by itself", async () => {
		await server.empty();
		await server.admin("PUT", `/${recordStream}/_settings`, { "index.refresh_interval": "-1" });
		const { index, reader } = open();
		await index.create([delivered(aReceived(callId(1)), 1), delivered(aReceived(callId(2)), 2)]);
		expect((await reader.search({}, 10)).events).toEqual([]);
		await reader.refresh();
		expect((await reader.search({}, 10)).events).toHaveLength(2);
	});
});

describeStories("on OpenSearch", async () => {
	await server.empty();
	return {
		stories: createOpenSearchStories(telling),
		others: createOpenSearchStories(telling),
		reader: createStoryReader(reading),
		settle: async () => void (await server.admin("POST", `/${storyIndex}/_refresh`)),
	};
});

describe("on OpenSearch: what the users may do", () => {
	it("refuses to index with the reader's user, and to search with the writer's, as `forbidden`", async () => {
		await server.empty();
		await expect(open(reading).index.create([delivered(aReceived(callId(1)))])).rejects.toMatchObject({ reason: "forbidden" });
		await expect(createRecordReader(writing).search({}, 1)).rejects.toMatchObject({ reason: "forbidden" });
	});

	it("keeps the writer of the record from the stories, and the writer of stories from the record", async () => {
		const index = open(telling).index.create([delivered(aReceived(callId(1)))]);
		await expect(index).rejects.toMatchObject({ reason: "forbidden" });
		await expect(createOpenSearchStories(writing).setBuilt("whole")).rejects.toMatchObject({ reason: "forbidden" });
		await expect(createOpenSearchStories(writing).built()).rejects.toMatchObject({ reason: "forbidden" });
		await expect(createStoryReader(telling).calls({}, 1)).rejects.toMatchObject({ reason: "forbidden" });
	});

	it("says `outdated` while the index of stories is missing, and makes none by itself", async () => {
		await server.admin("DELETE", `/${storyIndex}`);
		const stories = createOpenSearchStories(telling);
		await expect(stories.merge(storiesOf([recorded(aReceived(callId(1)))]))).rejects.toMatchObject({ reason: "outdated" });
		await expect(stories.merge(storiesOf([recorded(anEnded(callId(1)))]))).rejects.toMatchObject({ name: "IndexUnavailable" });
		await expect(createStoryReader(reading).calls({}, 1)).rejects.toMatchObject({ reason: "outdated" });
	});

	it("says `forbidden` for a wrong password and `away` for a closed port", async () => {
		const wrong = connectOpenSearch({ ...server.as("audit-reader"), password: "not the password" });
		await expect(createRecordReader(wrong).search({}, 1)).rejects.toMatchObject({ reason: "forbidden" });
		const closed = connectOpenSearch({ ...server.as("audit-reader"), url: "https://127.0.0.1:1" });
		await expect(createRecordReader(closed).search({}, 1)).rejects.toMatchObject({ reason: "away" });
		await Promise.all([wrong.close(), closed.close()]);
	});

	it("says `outdated` while the data stream is missing, and makes none by itself", async () => {
		await server.admin("DELETE", `/_data_stream/${recordStream}`);
		await expect(open().index.create([delivered(aReceived(callId(1)))])).rejects.toMatchObject({ reason: "outdated" });
		await expect(
			createOpenSearchIndex({ connection: writing, recorded: async () => new Set(), backing }).create([delivered(aReceived(callId(1)))]),
		).rejects.toMatchObject({
			name: "IndexUnavailable",
		});
	});

	it("says `busy` where the index is blocked for writes, and goes on when it is not", async () => {
		await server.empty();
		await server.admin("PUT", `/${recordStream}/_settings`, { "index.blocks.write": true });
		const { index } = open();
		await expect(index.create([delivered(aReceived(callId(1)))])).rejects.toMatchObject({ reason: "busy" });
		await server.admin("PUT", `/${recordStream}/_settings`, { "index.blocks.write": null });
		expect(await index.create([delivered(aReceived(callId(1)))])).toEqual([{ kind: "created" }]);
	});

	it("searches for the most words a query may have, however they are joined", async () => {
		const reader = createRecordReader(reading);
		const { index } = open();
		await index.create([delivered(aReceived(callId(7)))]);
		const words = Array.from({ length: reader.wordsMax }, (_, n) => `w${n}`);
		for (const q of [
			words.join(" "),
			words.map((word) => `-${word}*`).join("|"),
			`"${words.join("-")}"`,
			words.join("-"),
			`(${words.join(")(")})`,
		]) {
			await expect(reader.search({ q }, 10)).resolves.toBeDefined();
		}
	});
});
