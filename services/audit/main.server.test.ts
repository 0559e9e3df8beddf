// The audit process as it runs, on a real NATS and a real OpenSearch: everything once, through kills and an index that goes away.
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import type { Bus } from "#libs/bus/bus.ts";
import { connectBus } from "#libs/bus/bus-nats.ts";
import { recordStream } from "#libs/contracts/index-template.ts";
import { findFreePorts } from "../../infra/local/ports.ts";
import { type NatsForTests, startNatsForTests } from "../../infra/nats/nats.test-support.ts";
import { patience } from "../../test/support/patience.ts";
import { aReceived, callId } from "./events.test-support.ts";
import { type RealOpenSearch, startRealOpenSearch } from "./opensearch.test-support.ts";

const startTimeoutMs = 15 * 60_000;
const main = fileURLToPath(new URL("main.ts", import.meta.url));
const log = { retried: () => undefined, parked: () => undefined, connection: () => undefined };

const checkpointKeys = JSON.stringify([generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" })]);

let search: RealOpenSearch;
let nats: NatsForTests;
let ingress: Bus;
let dir: string;
let door: Door;
const processes = new Set<ChildProcess>();

/** A way to OpenSearch that can be shut. */
interface Door {
	readonly port: number;
	shut(): Promise<void>;
	open(): Promise<void>;
}

async function makeDoor(port: number, target: URL): Promise<Door> {
	const sockets = new Set<Socket>();
	let server: Server | undefined;
	const open = async () => {
		server = createServer((socket) => {
			const behind = connect(Number(target.port), target.hostname);
			for (const one of [socket, behind]) {
				sockets.add(one);
				one.on("error", () => undefined).on("close", () => sockets.delete(one));
			}
			socket.pipe(behind).pipe(socket);
		}).listen(port, "127.0.0.1");
		await once(server, "listening");
	};
	const shut = async () => {
		const closing = server && once(server, "close");
		server?.close();
		for (const socket of sockets) socket.destroy();
		await closing;
		server = undefined;
	};
	await open();
	return { port, open, shut };
}

beforeAll(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-audit-process-"));
	[search, nats] = await Promise.all([startRealOpenSearch(), startNatsForTests()]);
	ingress = await connectBus({ servers: [nats.url], service: "ingress", seed: nats.seeds.ingress, log });
	const [port = 0] = await findFreePorts(1);
	door = await makeDoor(port, new URL(search.as("audit-writer").url));
	await writeFile(join(dir, "ca.pem"), search.as("audit-writer").ca ?? "");
}, startTimeoutMs);

afterEach(async () => {
	await Promise.all([...processes].map(kill));
});

afterAll(async () => {
	await ingress?.close();
	await door?.shut();
	await Promise.all([search?.stop(), nats?.stop()]);
	await rm(dir, { recursive: true, force: true });
}, startTimeoutMs);

async function startProcess(): Promise<{
	child: ChildProcess;
	get(path: string): Promise<{ status: number; text: string }>;
	output(): string;
}> {
	const [port = 0] = await findFreePorts(1);
	const env = {
		CALLGATE_NATS_SERVERS: nats.url,
		CALLGATE_NATS_SEED: nats.seeds.audit,
		CALLGATE_OPENSEARCH_URL: `https://127.0.0.1:${door.port}`,
		CALLGATE_OPENSEARCH_CA_FILE: join(dir, "ca.pem"),
		CALLGATE_OPENSEARCH_WRITER_PASSWORD: search.as("audit-writer").password,
		CALLGATE_OPENSEARCH_STORY_WRITER_PASSWORD: search.as("story-writer").password,
		CALLGATE_OPENSEARCH_READER_PASSWORD: search.as("audit-reader").password,
		// Small batches, so that a kill falls between the index and the acknowledgement of some.
		CALLGATE_AUDIT_BATCH_EVENTS: "50",
		CALLGATE_PROOF_ORIGIN: "callgate.test/record",
		CALLGATE_PROOF_STORE: pathToFileURL(join(dir, "proof")).href,
		CALLGATE_CHECKPOINT_KEYS: checkpointKeys,
		CALLGATE_PORT: String(port),
	};
	const child = spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "pipe"] });
	processes.add(child);
	let output = "";
	for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
	const get = async (path: string) => {
		const response = await fetch(`http://127.0.0.1:${port}${path}`);
		return { status: response.status, text: await response.text() };
	};
	await vi.waitFor(async () => expect((await get("/healthz")).status, output).toBe(200), patience);
	return { child, get, output: () => output };
}

async function kill(child: ChildProcess): Promise<void> {
	processes.delete(child);
	if (child.exitCode !== null || child.signalCode !== null) return;
	const gone = once(child, "exit");
	child.kill("SIGKILL");
	await gone;
}

/** How many documents there are, and how many distinct ids. */
async function recorded(): Promise<{ documents: number; ids: number }> {
	await search.admin("POST", `/${recordStream}/_refresh`);
	// Counted one by one: OpenSearch's cardinality is an estimate. 10,000 is the most it gives at once.
	const answer = await search.admin("POST", `/${recordStream}/_search?filter_path=hits.total,hits.hits._id`, {
		size: 10_000,
		_source: false,
	});
	const { hits } = answer as { hits: { total: { value: number }; hits?: { _id: string }[] } };
	return { documents: hits.total.value, ids: new Set(hits.hits?.map(({ _id }) => _id)).size };
}

let said = 0;
async function say(count: number): Promise<void> {
	await Promise.all(Array.from({ length: count }, () => ingress.publish(aReceived(callId(++said)))));
}

describe("the audit process", () => {
	it("records what was said while OpenSearch was away once it is back, says so meanwhile, and stops in order", async () => {
		const audit = await startProcess();
		await say(50);
		await vi.waitFor(async () => expect(await recorded()).toEqual({ documents: said, ids: said }), patience);
		expect((await audit.get("/readyz")).text).toContain('"index":"ok"');

		await door.shut();
		await say(500);
		await vi.waitFor(
			async () => expect((await audit.get("/readyz")).text).toContain("degraded: events wait in the stream, away"),
			patience,
		);
		expect((await audit.get("/readyz")).status).toBe(503);
		expect((await audit.get("/healthz")).status).toBe(200);
		expect((await audit.get("/metrics")).text).toMatch(/callgate_audit_lag_seconds\{service="audit"\} (?!0\n)/);
		await say(100);
		await door.open();
		await vi.waitFor(async () => expect(await recorded()).toEqual({ documents: said, ids: said }), patience);
		await vi.waitFor(async () => expect((await audit.get("/readyz")).text).toContain('"index":"ok"'), patience);

		const gone = once(audit.child, "exit");
		audit.child.kill("SIGTERM");
		expect(await gone).toEqual([0, null]);
		expect(audit.output()).not.toContain("RAWSECRET");
		processes.delete(audit.child);
	});

	it("records everything once when it is killed again and again, with a rollover in between and two replicas", async () => {
		for (let round = 0; round < 3; round++) {
			const [one, two] = await Promise.all([startProcess(), startProcess()]);
			const saying = say(1_500);
			await vi.waitFor(async () => expect((await recorded()).documents).toBeGreaterThan(said - 1_500), patience);
			await kill(one.child);
			await saying;
			await kill(two.child);
			await search.admin("POST", `/${recordStream}/_rollover`);
			// What a service says again after a crash of its own: the same events at other positions.
			await Promise.all(Array.from({ length: 100 }, (_, n) => ingress.publish(aReceived(callId(n + 1)))));
		}
		await startProcess();
		await say(1);
		await vi.waitFor(async () => expect(await recorded()).toEqual({ documents: said, ids: said }), patience);
	});
});
