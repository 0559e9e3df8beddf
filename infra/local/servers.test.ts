// The real NATS, Valkey and OpenSearch do what Callgate rests on, and leave nothing running.
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { connect, headers, NatsError, RetentionPolicy, StorageType } from "nats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { storyTemplate } from "#libs/contracts/story.ts";
import { askOpenSearch } from "../opensearch/ask-opensearch.ts";
import { provisionOpenSearch, type RecordTemplate } from "../opensearch/provision.ts";
import type { OpenSearchUser } from "../opensearch/roles.ts";
import { findFreePorts } from "./ports.ts";
import { provideServers } from "./provide-servers.ts";
import { type RunningNats, startPlainNats } from "./run-nats.ts";
import { type RunningOpenSearch, startOpenSearch } from "./run-opensearch.ts";
import type { RunningServer } from "./run-server.ts";
import { type RunningValkey, startValkey } from "./run-valkey.ts";

/** A first download on a slow line, then three starts on a busy machine. */
const startTimeoutMs = 15 * 60_000;
const stepTimeoutMs = 4 * 60_000;
const stream = "callgate-events";
const stories = "callgate-stories";
const secret = (): string => randomBytes(24).toString("base64url");
const passwords: Record<OpenSearchUser, string> = {
	"audit-writer": secret(),
	"story-writer": secret(),
	"audit-reader": secret(),
	provisioner: secret(),
	admin: secret(),
};

let dir: string;
let nats: RunningNats;
let valkey: RunningValkey;
let openSearch: RunningOpenSearch;
const started: RunningServer[] = [];

async function track<Server extends RunningServer>(starting: Promise<Server>): Promise<Server> {
	const server = await starting;
	started.push(server);
	return server;
}

beforeAll(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-servers-"));
	const provided = await provideServers(() => {});
	const [natsPort = 0, valkeyPort = 0, searchPort = 0] = await findFreePorts(3);
	[nats, valkey, openSearch] = await Promise.all([
		track(startPlainNats({ binary: provided.natsBinary, dir: join(dir, "nats"), port: natsPort })),
		track(startValkey({ binary: provided.valkeyBinary, dir: join(dir, "valkey"), port: valkeyPort, password: secret() })),
		track(startOpenSearch({ ...provided, dir: join(dir, "opensearch"), port: searchPort, passwords, places: { stream, stories } })),
	]);
}, startTimeoutMs);

afterAll(async () => {
	await Promise.all(started.map((server) => server.stop()));
	await rm(dir, { recursive: true, force: true });
}, stepTimeoutMs);

describe("NATS", () => {
	it("lets one of two claims through, and still knows it after kill -9", { timeout: stepTimeoutMs }, async () => {
		const claim = async (): Promise<unknown> => {
			const connection = await connect({ servers: nats.url });
			try {
				const expected = headers();
				expected.set("Nats-Expected-Last-Subject-Sequence", "0");
				return await connection.jetstream().publish("claims.call-1", "mine", { headers: expected });
			} catch (error) {
				return error;
			} finally {
				await connection.close();
			}
		};
		const connection = await connect({ servers: nats.url });
		const manager = await connection.jetstreamManager();
		await manager.streams.add({ name: "claims", subjects: ["claims.>"], storage: StorageType.File, retention: RetentionPolicy.Limits });
		await connection.close();

		const claims = await Promise.all([claim(), claim()]);
		const refused = claims.filter((answer) => answer instanceof NatsError);
		expect(refused).toHaveLength(1);
		expect(refused[0]).toMatchObject({ api_error: { err_code: 10071 } });

		const before = nats.pid;
		await nats.kill("SIGKILL");
		await nats.restart();
		expect(nats.pid).not.toBe(before);
		expect(await claim()).toMatchObject({ api_error: { err_code: 10071 } });
	});
});

describe("Valkey", () => {
	it("runs a delayed job that was stored before kill -9", { timeout: stepTimeoutMs }, async () => {
		const connection = { url: valkey.url, maxRetriesPerRequest: null };
		const queue = new Queue("timetable", { connection });
		await queue.add("expire", { call: "1" }, { delay: 500 });
		await queue.close();
		await valkey.kill("SIGKILL");
		await valkey.restart();
		const { promise, resolve } = Promise.withResolvers<unknown>();
		const worker = new Worker("timetable", async (job) => resolve(job.data), { connection });
		expect(await promise).toEqual({ call: "1" });
		await worker.close();
	});

	it("keeps what it acknowledged and evicts nothing", async () => {
		const redis = new Redis(valkey.url);
		expect(await redis.config("GET", "appendonly")).toEqual(["appendonly", "yes"]);
		expect(await redis.config("GET", "maxmemory-policy")).toEqual(["maxmemory-policy", "noeviction"]);
		await redis.quit();
	});

	it("answers nobody without the password", async () => {
		const stranger = new Redis(valkey.url.replace(/:[^:@]+@/, ":wrong@"), { retryStrategy: () => null, lazyConnect: true });
		stranger.on("error", () => {});
		await expect(stranger.connect().then(() => stranger.ping())).rejects.toThrow();
		stranger.disconnect();
	});
});

describe("OpenSearch", () => {
	const template: RecordTemplate & { readonly priority: number } = {
		index_patterns: [stream],
		data_stream: {},
		priority: 500,
		template: {
			settings: { number_of_shards: 1, number_of_replicas: 0 },
			mappings: { dynamic: "strict", properties: { "@timestamp": { type: "date" }, call: { type: "keyword" } } },
		},
	};
	const document = { "@timestamp": "2026-01-01T00:00:00Z", call: "1" };
	let ca: string;

	async function as(
		user: OpenSearchUser,
		method: "GET" | "PUT" | "POST" | "DELETE",
		path: string,
		body?: object,
	): Promise<{ status: number; body: string }> {
		return askOpenSearch({ url: openSearch.url, ca, user, password: passwords[user] }, method, path, body);
	}
	const provision = (changed = template): Promise<void> =>
		provisionOpenSearch({ url: openSearch.url, ca, user: "provisioner", password: passwords.provisioner, name: stream, template: changed });

	beforeAll(async () => {
		ca = await readFile(openSearch.caFile, "utf8");
		await provision();
	}, stepTimeoutMs);

	it("answers nobody without a login, and the wrong password is no login", async () => {
		const stranger = { url: openSearch.url, ca, user: "audit-reader", password: "wrong" };
		expect(await askOpenSearch(stranger, "GET", "/")).toMatchObject({ status: 401 });
	});

	it("lets the writer create, once", async () => {
		expect(await as("audit-writer", "PUT", `/${stream}/_create/e1?refresh=true`, document)).toMatchObject({ status: 201 });
		expect(await as("audit-writer", "PUT", `/${stream}/_create/e1`, document)).toMatchObject({ status: 409 });
	});

	it.each([
		["search", "POST", `/${stream}/_search`, {}],
		["read", "POST", `/${stream}/_mget`, { ids: ["e1"] }],
		["update by query", "POST", `/${stream}/_update_by_query`, {}],
		["delete by query", "POST", `/${stream}/_delete_by_query`, { query: { match_all: {} } }],
		["drop the stream", "DELETE", `/_data_stream/${stream}`, undefined],
		["change the fields", "PUT", `/${stream}/_mapping`, { properties: { more: { type: "keyword" } } }],
		["write elsewhere", "PUT", "/other/_create/e1", document],
	] as const)("does not let the writer %s", async (_what, method, path, body) => {
		expect(await as("audit-writer", method, path, body)).toMatchObject({ status: 403 });
	});

	it("does not let the writer overwrite: a data stream takes only new documents", async () => {
		expect(await as("audit-writer", "PUT", `/${stream}/_doc/e1`, document)).toMatchObject({ status: 400 });
	});

	it("refuses the writer's update and delete on the stream and on the index behind it", async () => {
		const answer = await as("admin", "GET", `/_data_stream/${stream}`);
		const behind: string = JSON.parse(answer.body).data_streams[0].indices[0].index_name;
		for (const index of [stream, behind]) {
			expect(await as("audit-writer", "POST", `/${index}/_update/e1`, { doc: { call: "2" } })).toMatchObject({ status: 403 });
			expect(await as("audit-writer", "DELETE", `/${index}/_doc/e1`)).toMatchObject({ status: 403 });
		}
		const found = await as("audit-reader", "POST", `/${stream}/_search`, {});
		expect(JSON.parse(found.body).hits.hits).toMatchObject([{ _id: "e1", _source: document }]);
	});

	it.each([
		["create", "PUT", `/${stream}/_create/e2`, document],
		["delete by query", "POST", `/${stream}/_delete_by_query`, { query: { match_all: {} } }],
		["drop the stream", "DELETE", `/_data_stream/${stream}`, undefined],
		["read the users", "GET", "/_plugins/_security/api/internalusers", undefined],
	] as const)("does not let the reader %s", async (_what, method, path, body) => {
		expect(await as("audit-reader", method, path, body)).toMatchObject({ status: 403 });
	});

	it("lets an auditor of Dashboards search the record and look at its dashboards, and do nothing else", async () => {
		const auditor = { url: openSearch.url, ca, user: "alice", password: secret() };
		const person = { password: auditor.password, backend_roles: ["auditors"] };
		expect(await as("admin", "PUT", `/_plugins/_security/api/internalusers/${auditor.user}`, person)).toMatchObject({ status: 201 });
		const there = { ...auditor, tenant: "callgate" };
		const saved = "/.kibana/_doc/dashboard:callgate-overview";
		const admin = { ...there, user: "admin", password: passwords.admin };
		expect(await askOpenSearch(admin, "PUT", saved, { type: "dashboard" })).toMatchObject({ status: 201 });

		const may = async (...asked: Parameters<typeof askOpenSearch>) => (await askOpenSearch(...asked)).status;
		expect(await may(auditor, "POST", `/${stream}/_search`, {})).toBe(200);
		expect(await may(auditor, "GET", `/${stream}/_field_caps?fields=*`)).toBe(200);
		expect(await may(there, "GET", saved)).toBe(200);
		expect(await may(there, "POST", "/.kibana/_search", {})).toBe(200);
		expect(await may(there, "PUT", saved, { type: "dashboard" })).toBe(403);
		expect(await may(there, "DELETE", saved)).toBe(403);
		expect(await may({ ...auditor, tenant: "elsewhere" }, "GET", saved)).toBe(403);
		expect(await may(auditor, "PUT", `/${stream}/_create/e9`, document)).toBe(403);
		expect(await may(auditor, "POST", `/${stream}/_delete_by_query`, { query: { match_all: {} } })).toBe(403);
		expect(await may(auditor, "POST", "/other/_search", {})).toBe(403);
		expect(await may(auditor, "GET", "/_plugins/_security/api/internalusers")).toBe(403);
	});

	it("does not let the provisioner read or write the record", async () => {
		expect(await as("provisioner", "POST", `/${stream}/_search`, {})).toMatchObject({ status: 403 });
		expect(await as("provisioner", "PUT", `/${stream}/_create/e3`, document)).toMatchObject({ status: 403 });
	});

	it("lets the writer of stories write one again and read it by its id, and has no part in the record for it", async () => {
		const login = { url: openSearch.url, ca, user: "provisioner", password: passwords.provisioner };
		const place = { ...login, name: stories, template: storyTemplate({ replicas: 0 }) };
		await provisionOpenSearch(place);
		await provisionOpenSearch(place);
		expect(await as("story-writer", "PUT", `/${stories}/_doc/s1`, { call: "1" })).toMatchObject({ status: 201 });
		expect(await as("story-writer", "PUT", `/${stories}/_doc/s1`, { call: "1", state: "ended" })).toMatchObject({ status: 200 });
		const read = await as("story-writer", "POST", `/${stories}/_mget`, { ids: ["s1"] });
		expect(JSON.parse(read.body).docs).toMatchObject([{ found: true, _source: { state: "ended" } }]);
		expect(await as("audit-writer", "PUT", `/${stories}/_doc/s1`, { call: "1" })).toMatchObject({ status: 403 });
		expect(await as("audit-reader", "PUT", `/${stories}/_doc/s1`, { call: "1" })).toMatchObject({ status: 403 });
		expect(await as("story-writer", "PUT", `/${stream}/_create/s1`, document)).toMatchObject({ status: 403 });
		const [record] = JSON.parse((await as("story-writer", "POST", `/${stream}/_mget`, { ids: ["e1"] })).body).docs;
		expect(record).toMatchObject({ _id: "e1", error: expect.anything() });
		expect(record).not.toHaveProperty("_source");
		expect(await as("story-writer", "DELETE", `/${stories}`)).toMatchObject({ status: 403 });
		for (const index of [stories, stream]) {
			expect(await as("story-writer", "POST", `/${index}/_search`, {})).toMatchObject({ status: 403 });
			expect(await as("story-writer", "DELETE", `/${index}/_doc/s1`)).toMatchObject({ status: 403 });
			expect(await as("story-writer", "PUT", `/${index}/_mapping`, { properties: {} })).toMatchObject({ status: 403 });
		}
	});

	it("is provisioned again without a change, learns a new field, and refuses another type", async () => {
		await provision();
		const { mappings } = template.template;
		const withFields = (properties: object): typeof template => ({
			...template,
			template: { ...template.template, mappings: { ...mappings, properties: { ...mappings.properties, ...properties } } },
		});
		await provision(withFields({ rule: { type: "keyword" } }));
		expect(await as("audit-writer", "PUT", `/${stream}/_create/e4`, { ...document, rule: "r" })).toMatchObject({ status: 201 });
		await expect(provision(withFields({ call: { type: "long" } }))).rejects.toThrow(/field/);
	});

	it("never runs as root", async () => {
		const status = await readFile(`/proc/${openSearch.pid}/status`, "utf8");
		expect(status).not.toMatch(/^Uid:\t0\t/m);
	});
});

describe("all of them", () => {
	it("end when they are stopped", { timeout: stepTimeoutMs }, async () => {
		const pids = started.map(({ pid }) => pid);
		await Promise.all(started.map((server) => server.stop()));
		expect(pids).toHaveLength(3);
		for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
	});
});
