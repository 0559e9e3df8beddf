// What the index makes of OpenSearch's answers, with the real client against a server that says what OpenSearch says when things go wrong.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connectOpenSearch, type OpenSearchConnection } from "./connect-opensearch.ts";
import { aReceived, callId } from "./events.test-support.ts";
import { delivered } from "./index-contract.ts";
import { createOpenSearchIndex, type OpenSearchIndexParts } from "./index-opensearch.ts";
import { createRecordReader } from "./search-opensearch.ts";

type Item = { status: number; error?: { type: string; reason: string } };
type Answer = { status: number; body: unknown } | "hang" | "reset" | "drip";

let server: Server;
let connection: OpenSearchConnection;
let bulks: { id: string; source: Record<string, unknown> }[][];
let answer: (ids: string[]) => Answer;

const created: Item = { status: 201 };
const conflict: Item = {
	status: 409,
	error: { type: "version_conflict_engine_exception", reason: "[x]: version conflict, document already exists" },
};
const tooBusy: Item = {
	status: 429,
	error: { type: "rejected_execution_exception", reason: "rejected execution of coordinating operation" },
};
const malformed: Item = {
	status: 400,
	error: {
		type: "mapper_parsing_exception",
		reason: "failed to parse field [@timestamp] of type [date] in document with id 'x'. Preview of field's value: 'SECRET'",
	},
};

const first = ".ds-callgate-events-000001";
const second = ".ds-callgate-events-000002";

function bulk(ids: string[], items: Item[], backing = first): Answer {
	const results = ids.map((_id, at) => ({ create: { _index: backing, _id, ...(items[at] ?? created) } }));
	return { status: 200, body: { took: 1, errors: items.some(({ status }) => status >= 300), items: results } };
}

/** The ids of a bulk request, which must be well-formed newline-delimited JSON of `create` actions alone. */
function readBulk(request: IncomingMessage, body: string): string[] {
	const lines = body.split("\n");
	if (request.headers["content-type"] !== "application/x-ndjson" || lines.pop() !== "" || lines.length % 2 !== 0)
		return ["not a bulk request"];
	const sent = lines.flatMap((line, at) =>
		at % 2 === 0 ? [{ id: JSON.parse(line).create._id, source: JSON.parse(lines[at + 1] ?? "") }] : [],
	);
	bulks.push(sent);
	return sent.map(({ id }) => id);
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
	const chunks: Buffer[] = [];
	for await (const chunk of request) chunks.push(chunk as Buffer);
	const said = answer(request.url?.includes("/_bulk?") ? readBulk(request, Buffer.concat(chunks).toString("utf8")) : []);
	if (said === "hang") return;
	if (said === "reset") return void request.socket.destroy();
	const status = said === "drip" ? 200 : said.status;
	response.writeHead(status, { "content-type": "application/json" });
	if (said === "drip") {
		const timer = setInterval(() => response.write(" "), 20);
		response.on("close", () => clearInterval(timer));
	} else response.end(JSON.stringify(said.body));
}

beforeEach(async () => {
	bulks = [];
	answer = (ids) => bulk(ids, []);
	server = createServer((request, response) => void handle(request, response));
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	connection = connectOpenSearch({ url, username: "audit-writer", password: "a password", requestTimeoutMs: 300 });
});
afterEach(async () => {
	await connection.close();
	server.closeAllConnections();
	await new Promise((resolve) => server.close(resolve));
});

const index = (parts: Partial<OpenSearchIndexParts> = {}) =>
	createOpenSearchIndex({ connection, recorded: async () => new Set(), backing: async () => [first], ...parts });
const three = [1, 2, 3].map((n) => delivered(aReceived(callId(n)), n));

describe("a bulk answer", () => {
	it("is read item by item: created, there already, refused by name and field and never by value", async () => {
		answer = (ids) => bulk(ids, [created, conflict, malformed]);
		const outcomes = await index().create(three);
		expect(outcomes).toEqual([
			{ kind: "created" },
			{ kind: "exists" },
			{ kind: "refused", fault: "mapper_parsing_exception at @timestamp" },
		]);
		expect(JSON.stringify(outcomes)).not.toContain("SECRET");
	});

	it("does not repeat a field that an error's text only seems to name", async () => {
		const reason = "failed to parse: field [SECRET] of type";
		answer = (ids) => bulk(ids, [{ status: 400, error: { type: "mapper_parsing_exception", reason } }]);
		expect(await index().create(three.slice(0, 1))).toEqual([{ kind: "refused", fault: "mapper_parsing_exception" }]);
	});

	it.each<[string, Item, string]>([
		["is too busy for", tooBusy, "busy"],
		["fails at", { status: 503, error: { type: "unavailable_shards_exception", reason: "" } }, "busy"],
		["has its flood stage at", { status: 429, error: { type: "cluster_block_exception", reason: "" } }, "busy"],
		["is blocked at", { status: 403, error: { type: "cluster_block_exception", reason: "" } }, "busy"],
		["forbids", { status: 403, error: { type: "security_exception", reason: "" } }, "forbidden"],
		["has no index for", { status: 404, error: { type: "index_not_found_exception", reason: "" } }, "outdated"],
		["does not know a field of", { status: 400, error: { type: "strict_dynamic_mapping_exception", reason: "" } }, "outdated"],
		["conflicts otherwise at", { status: 409, error: { type: "resource_already_exists_exception", reason: "" } }, "busy"],
	])("gives the whole batch back if it %s one document", async (_, item, reason) => {
		answer = (ids) => bulk(ids, [created, item, malformed]);
		await expect(index().create(three)).rejects.toMatchObject({ name: "IndexUnavailable", reason });
	});

	it.each<[string, (ids: string[]) => unknown]>([
		["has fewer results than documents", (ids) => ({ items: ids.slice(1).map((_id) => ({ create: { _id, status: 201 } })) })],
		["is about other documents", (ids) => ({ items: ids.map(() => ({ create: { _id: "other", status: 201 } })) })],
		["is about another action", (ids) => ({ items: ids.map((_id) => ({ index: { _id, status: 201 } })) })],
		["has no results", () => ({ errors: false })],
		["is no object", () => "OK"],
	])("counts for nothing if it %s", async (_, body) => {
		answer = (ids) => ({ status: 200, body: body(ids) });
		await expect(index().create(three)).rejects.toMatchObject({ name: "IndexUnavailable" });
	});
});

describe("a bulk request", () => {
	it.each<[Answer, string]>([
		[{ status: 401, body: "Unauthorized" }, "forbidden"],
		[{ status: 403, body: { error: { type: "security_exception" } } }, "forbidden"],
		[{ status: 404, body: { error: { type: "index_not_found_exception" } } }, "outdated"],
		[{ status: 400, body: { error: { type: "illegal_argument_exception" } } }, "outdated"],
		[{ status: 429, body: { error: { type: "circuit_breaking_exception" } } }, "busy"],
		[{ status: 503, body: { error: { type: "cluster_manager_not_discovered_exception" } } }, "busy"],
		["hang", "away"],
		["drip", "away"],
		["reset", "away"],
	])("that is answered with %j is given back as %s", async (said, reason) => {
		answer = () => said;
		await expect(index().create(three)).rejects.toMatchObject({ name: "IndexUnavailable", reason });
	});

	it("is bounded in bytes, and keeps the order", async () => {
		const many = Array.from({ length: 10 }, (_, n) => delivered(aReceived(callId(n), { callReason: "x".repeat(1_000) }), n));
		await index({ bulkBytesMax: 5_000 }).create(many);
		expect(bulks.length).toBeGreaterThan(2);
		for (const sent of bulks) expect(JSON.stringify(sent).length).toBeLessThan(6_000);
		expect(bulks.flat().map(({ id }) => id)).toEqual(many.map(({ id }) => id));
	});

	it("that is too large is halved until what is too large stands alone, and only that is refused", async () => {
		const large = three[1]?.id ?? "";
		answer = (ids) => (ids.includes(large) ? { status: 413, body: "" } : bulk(ids, []));
		const outcomes = await index().create(three);
		expect(outcomes.map(({ kind }) => kind)).toEqual(["created", "refused", "created"]);
	});
});

describe("an id that may be in an older backing index", () => {
	const asked: string[][] = [];
	const recorded = async (ids: readonly string[]) => {
		asked.push([...ids]);
		return new Set(ids.filter((id) => id === three[0]?.id));
	};
	beforeEach(() => void asked.splice(0));

	it("is looked up after a start, and not sent again", async () => {
		expect((await index({ recorded }).create(three)).map(({ kind }) => kind)).toEqual(["exists", "created", "created"]);
		expect(bulks.flat()).toHaveLength(2);
	});

	it("is looked up only if delivered again while there is one backing index, and always once there are two", async () => {
		const audit = index({ recorded });
		await audit.create(three);
		asked.splice(0);
		await audit.create(three.slice(1));
		expect(asked).toEqual([]);
		await audit.create(three.map((one, at) => ({ ...one, again: at === 2 })));
		expect(asked).toEqual([[three[2]?.id]]);
		answer = (ids) => bulk(ids, [], second);
		await audit.create(three.slice(1));
		asked.splice(0);
		await audit.create(three);
		expect(asked).toEqual([three.map(({ id }) => id)]);
	});

	it.each<[string, () => Promise<string[]>]>([
		["there is a second one that has taken nothing yet", async () => [first, second]],
		["the first is gone", async () => [second]],
		["nobody says which there are", async () => Promise.reject(new Error("forbidden"))],
		["there is none", async () => []],
	])("is looked up in the first batch after it was learnt that %s", async (_, then) => {
		let backing = async () => [first];
		const audit = index({ recorded, backing: () => backing(), backingAgeMaxMs: 0 });
		await audit.create(three.slice(1));
		await audit.create(three.slice(1));
		asked.splice(0);
		backing = then;
		bulks = [];
		expect((await audit.create(three)).map(({ kind }) => kind)).toEqual(["exists", "created", "created"]);
		expect(asked).toEqual([three.map(({ id }) => id)]);
		expect(bulks.flat().map(({ id }) => id)).toEqual(three.slice(1).map(({ id }) => id));
	});

	it("does not cost a question a batch", async () => {
		let questions = 0;
		const backing = async () => {
			questions++;
			return [first];
		};
		const audit = index({ recorded, backing, backingAgeMaxMs: Number.POSITIVE_INFINITY });
		for (const one of three) await audit.create([one]);
		expect(questions).toBe(1);
	});

	it("stops the batch while it cannot be looked up", async () => {
		const away = createRecordReader(connection);
		answer = () => ({ status: 503, body: {} });
		await expect(index({ recorded: away.recorded }).create(three)).rejects.toMatchObject({ name: "IndexUnavailable" });
	});
});

describe("a search answer", () => {
	it.each([
		["timed out", { timed_out: true, _shards: { failed: 0 }, hits: { hits: [] } }],
		["lacks a shard", { timed_out: false, _shards: { failed: 1 }, hits: { hits: [] } }],
		["is empty", {}],
	])("that %s is no answer about the record", async (_, body) => {
		const partial: OpenSearchConnection = { request: async () => body, close: async () => undefined };
		await expect(createRecordReader(partial).story(callId(1))).rejects.toMatchObject({ reason: "busy" });
		await expect(createRecordReader(partial).recorded(["x"])).rejects.toMatchObject({ reason: "busy" });
	});
});
