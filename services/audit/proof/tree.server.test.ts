// The tree that the audit process writes, on a real NATS and without any OpenSearch: two processes, killed again and again, make one tree of the whole stream.
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Bus } from "#libs/bus/bus.ts";
import { connectBus } from "#libs/bus/bus-nats.ts";
import { noteSigner } from "#libs/merkle/signed-note.ts";
import { exportRecord } from "#libs/proof/export-record.ts";
import { createFileStore } from "#libs/proof/store-files.ts";
import { RecordVerifier, type Verified } from "#libs/proof/verify-record.ts";
import { crashMark } from "#libs/service/crash-point.ts";
import { findFreePorts } from "../../../infra/local/ports.ts";
import { type NatsForTests, startNatsForTests } from "../../../infra/nats/nats.test-support.ts";
import { patience } from "../../../test/support/patience.ts";
import { aReceived, callId } from "../events.test-support.ts";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));
const origin = "callgate.test/record";
const secret = generateKeyPairSync("ed25519").privateKey;
const log = { retried: () => undefined, parked: () => undefined, connection: () => undefined };

let nats: NatsForTests;
let ingress: Bus;
let audit: Bus;
let dir: string;
const processes = new Set<ChildProcess>();

beforeAll(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-tree-process-"));
	nats = await startNatsForTests();
	const connect = (service: "ingress" | "audit") => connectBus({ servers: [nats.url], service, seed: nats.seeds[service], log });
	[ingress, audit] = [await connect("ingress"), await connect("audit")];
});
afterEach(async () => {
	await Promise.all([...processes].map((one) => end(one, "SIGKILL")));
});
afterAll(async () => {
	await Promise.all([ingress?.close(), audit?.close()]);
	await nats?.stop();
	await rm(dir, { recursive: true, force: true });
});

interface Running {
	readonly child: ChildProcess;
	get(path: string): Promise<string>;
	output(): string;
}

async function startProcess(more: Record<string, string> = {}): Promise<Running> {
	const [port = 0] = await findFreePorts(1);
	const env = {
		CALLGATE_NATS_SERVERS: nats.url,
		CALLGATE_NATS_SEED: nats.seeds.audit,
		// Nobody is there: the tree does not ask.
		CALLGATE_OPENSEARCH_URL: "http://127.0.0.1:1",
		CALLGATE_OPENSEARCH_WRITER_PASSWORD: "x",
		CALLGATE_OPENSEARCH_STORY_WRITER_PASSWORD: "x",
		CALLGATE_OPENSEARCH_READER_PASSWORD: "x",
		CALLGATE_PROOF_ORIGIN: origin,
		CALLGATE_PROOF_STORE: pathToFileURL(join(dir, "proof")).href,
		CALLGATE_CHECKPOINT_KEYS: JSON.stringify([secret.export({ format: "jwk" })]),
		CALLGATE_CHECKPOINT_WITHIN_MS: "100",
		CALLGATE_PORT: String(port),
		...more,
	};
	const child = spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "pipe"] });
	processes.add(child);
	let output = "";
	for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
	const get = async (path: string) => await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
	return { child, get, output: () => output };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<unknown> {
	processes.delete(child);
	if (child.exitCode !== null || child.signalCode !== null) return [child.exitCode, child.signalCode];
	const gone = once(child, "exit");
	child.kill(signal);
	return await gone;
}

let said = 0;
async function say(count: number): Promise<void> {
	await Promise.all(Array.from({ length: count }, () => ingress.publish(aReceived(callId(++said)))));
}

async function verified(known: readonly string[] = []): Promise<Verified & { events: number; texts: string[] }> {
	const verifier = new RecordVerifier({ origin, keys: [noteSigner(origin, secret)], known });
	const texts: string[] = [];
	for await (const lines of exportRecord(createFileStore(join(dir, "proof")))) {
		for (const line of lines.trimEnd().split("\n")) {
			verifier.line(line);
			const { event } = JSON.parse(line) as { event?: string };
			if (event !== undefined) texts.push(event);
		}
	}
	return { ...verifier.end(), texts };
}

/** What the stream has, read as JSON: another way than the one that the tree goes. */
async function streamTexts(): Promise<string[]> {
	const texts: string[] = [];
	const { last = 0 } = (await audit.stream.state()) ?? {};
	const done = Promise.withResolvers<void>();
	const reading = audit.readAll({
		from: 1,
		waitMs: 1,
		async handle(messages) {
			for (const { bytes } of messages)
				texts.push(...(JSON.parse(Buffer.from(bytes).toString()) as object[]).map((event) => JSON.stringify(event)));
			if (messages.at(-1)?.position === last) done.resolve();
		},
	});
	await done.promise;
	await reading.stop();
	return texts;
}

const checkpoint = async () => (await createFileStore(join(dir, "proof")).get("checkpoint"))?.toString() ?? "";

describe("the audit process as the writer of the tree", () => {
	it("makes one tree of the whole stream, killed between a segment and its tiles, killed anywhere, and by two at once", async () => {
		const known: string[] = [];
		for (let round = 0; round < 2; round++) {
			const armed = await startProcess({ CALLGATE_CRASH_AT: `after-segment-before-tiles:${round + 3}` });
			const other = await startProcess();
			const saying = say(1_200);
			// Whoever has the lease writes; the armed one as soon as it has it.
			await expect.poll(async () => (await verified()).events, patience).toBeGreaterThan(said - 1_200);
			known.push(await checkpoint());
			await end(other.child, "SIGKILL");
			await saying;
			for (let more = 0; !armed.output().includes(crashMark); more++) {
				expect(more, armed.output()).toBeLessThan(600);
				await say(1);
				await new Promise((resolve) => setTimeout(resolve, 100));
			}
		}
		const last = await startProcess();
		await say(10);
		await expect.poll(async () => (await verified()).events, patience).toBe(said);
		const { finding, texts, noticesTotal } = await verified(known);
		expect(finding).toBeUndefined();
		expect(noticesTotal).toBe(0);
		expect(texts).toEqual(await streamTexts());

		expect(await last.get("/readyz")).toMatch(/"proof":"ok"/);
		expect(await last.get("/metrics")).toMatch(/callgate_proof_writer\{service="audit"\} 1\n/);
		expect(await end(last.child, "SIGTERM")).toEqual([0, null]);
	}, 300_000);
});
