// Forwarding to receivers that others wrote: each gets everything in the order of the stream, though it and the forwarder are killed in the middle.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type CertificateFiles, provideCertificates } from "../../infra/local/certificates.ts";
import { type CollectorForTests, type LogRecord, startCollectorForTests } from "../../test/support/collector-server.ts";
import { patience } from "../../test/support/patience.ts";
import { type S3ForTests, startS3ForTests } from "../../test/support/s3-server.ts";
import { Feed } from "./feed.test-support.ts";
import { SplunkStandIn } from "./splunk.test-support.ts";

/** What a forwarder is told of its receiver, and what the receiver has: positions, as they came. */
interface Receiver {
	readonly args: readonly string[];
	positions(): Promise<number[]>;
	kill(): Promise<void>;
	restart(): Promise<void>;
	stop?(): Promise<void>;
}

let folder = "";
let certificates: CertificateFiles;
let collector: CollectorForTests;
let s3: S3ForTests;
beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), "callgate-receivers-"));
	certificates = await provideCertificates(join(folder, "certificates"));
	collector = await startCollectorForTests(certificates);
	s3 = await startS3ForTests();
});
afterAll(async () => {
	await s3?.stop();
	await collector?.stop();
	await rm(folder, { recursive: true });
});

let feed: Feed;
let forwarders: ChildProcess[] = [];
beforeEach(async () => {
	[feed, forwarders] = [await Feed.start(), []];
});
afterEach(async () => {
	await Promise.all(forwarders.map(killed));
	await feed.api.stop();
});

/** Follows the record, as a process of its own. */
function startForwarder(args: readonly string[]): { readonly process: ChildProcess; readonly told: () => string } {
	const main = fileURLToPath(new URL("../main.ts", import.meta.url));
	const forwarder = spawn(process.execPath, [main, "audit", "forward", ...args], {
		env: { PATH: process.env.PATH, ...feed.api.environment, ...s3.environment },
		stdio: ["ignore", "ignore", "pipe"],
	});
	forwarders.push(forwarder);
	let told = "";
	forwarder.stderr?.on("data", (chunk: Buffer) => {
		told += chunk.toString();
	});
	return { process: forwarder, told: () => told };
}

async function killed(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return;
	const gone = once(child, "exit");
	child.kill("SIGKILL");
	await gone;
}

/** Each request is checked by the official library before it counts. */
async function startWebhook(): Promise<Receiver> {
	const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
	const secretFile = join(folder, "hook.secret");
	await writeFile(secretFile, secret);
	const received: number[] = [];
	const serve = (): Server =>
		createServer(async (request, response) => {
			const chunks: Buffer[] = [];
			for await (const chunk of request) chunks.push(chunk as Buffer);
			const body = Buffer.concat(chunks).toString();
			const events = new Webhook(secret).verify(body, request.headers as Record<string, string>) as { position: number }[];
			received.push(...events.map(({ position }) => position));
			response.writeHead(204).end();
		});
	let server = serve().listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	const kill = async () => {
		server.closeAllConnections();
		await new Promise((resolve) => server.close(resolve));
	};
	return {
		args: ["--to", `http://127.0.0.1:${port}/hook`, "--secret-file", secretFile, "--as", "cloudevents"],
		positions: async () => received,
		kill,
		async restart() {
			server = serve().listen(port, "127.0.0.1");
			await once(server, "listening");
		},
		stop: kill,
	};
}

async function startSplunk(): Promise<Receiver> {
	const splunk = await SplunkStandIn.start();
	const tokenFile = join(folder, "hec.token");
	await writeFile(tokenFile, splunk.token);
	return {
		args: ["--to", `splunk+${splunk.url}`, "--secret-file", tokenFile, "--as", "cloudevents"],
		positions: async () => splunk.indexed.map(({ event }) => (event as { position: number }).position),
		kill: () => splunk.kill(),
		restart: () => splunk.restart(),
		stop: () => splunk.kill(),
	};
}

async function startBucket(): Promise<Receiver> {
	const bucket = await s3.makeBucket();
	const {
		AWS_ENDPOINT_URL_S3: endpoint = "",
		AWS_ACCESS_KEY_ID: accessKeyId = "",
		AWS_SECRET_ACCESS_KEY: secretAccessKey = "",
	} = s3.environment;
	const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
	const read = async (key: string): Promise<number[]> => {
		const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
		const text = gunzipSync((await Body?.transformToByteArray()) ?? Buffer.alloc(0)).toString();
		return text
			.trimEnd()
			.split("\n")
			.map((line) => (JSON.parse(line) as { position: number }).position);
	};
	return {
		args: ["--to", `s3://${bucket}/record`, "--object-seconds", "1", "--as", "cloudevents"],
		/** By name: that is the order of the stream. */
		async positions() {
			const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: "record/2026/07/01/12/" }));
			const keys = Contents.map(({ Key = "" }) => Key).sort();
			for (const key of keys) expect(key).toMatch(/^record\/2026\/07\/01\/12\/20260701T12\d{4}\.\d{3}Z-\d{16}\.0-\d{16}\.0\.ndjson\.gz$/);
			return (await Promise.all(keys.map(read))).flat();
		},
		kill: () => s3.kill(),
		restart: () => s3.restart(),
		stop: async () => client.destroy(),
	};
}

const attribute = ({ attributes }: LogRecord, name: string) => attributes.find(({ key }) => key === name)?.value;

async function startOtlp(): Promise<Receiver> {
	return {
		args: ["--to", `otlp+${collector.otlp}`, "--ca-file", certificates.ca, "--as", "ocsf"],
		positions: async () => (await collector.records("otlp")).map((record) => Number(attribute(record, "callgate.position")?.intValue)),
		kill: () => collector.kill(),
		restart: () => collector.restart(),
	};
}

async function startSyslog(): Promise<Receiver> {
	return {
		args: ["--to", `syslog+tls://${collector.syslog}`, "--ca-file", certificates.ca, "--as", "cloudevents"],
		async positions() {
			const messages = (await collector.records("syslog")).map((record) => attribute(record, "message")?.stringValue ?? "{}");
			return messages.map((message) => (JSON.parse(message) as { position: number }).position);
		},
		async kill() {
			await collector.kill();
			// The forwarder has looked around since: it knows that the connection ended. What it would have written before is lost in syslog.
			const asked = feed.asked.length;
			await expect.poll(() => feed.asked.length, patience).toBeGreaterThan(asked + 1);
		},
		restart: () => collector.restart(),
	};
}

const receivers = {
	webhook: startWebhook,
	"Splunk's HEC": startSplunk,
	S3: startBucket,
	"OTLP collector": startOtlp,
	"syslog receiver": startSyslog,
};

describe("forwarding", () => {
	it.each(Object.entries(receivers))("to a %s loses nothing where both are killed", async (_name, start) => {
		const receiver = await start();
		const state = join(await mkdtemp(join(folder, "state-")), "state.json");
		const args = ["--from", "7d", "--state", state, ...receiver.args];
		const distinct = async () => [...new Set(await receiver.positions())];
		const first = startForwarder(args);
		await expect.poll(distinct, patience).toEqual([1, 2, 3]);

		await receiver.kill();
		feed.record.push(4, 5, 6);
		await expect.poll(first.told, patience).toContain("trying until it takes them");
		await killed(first.process);
		await receiver.restart();
		feed.record.push(7);

		startForwarder(args);
		await expect.poll(distinct, patience).toEqual([1, 2, 3, 4, 5, 6, 7]);
		await receiver.stop?.();
	});

	it("to a receiver that comes back goes on by itself", async () => {
		const receiver = await startOtlp();
		const before = (await receiver.positions()).length;
		const { told } = startForwarder(["--from", "7d", "--state", join(folder, "back.json"), ...receiver.args]);
		await expect.poll(async () => (await receiver.positions()).slice(before), patience).toEqual([1, 2, 3]);
		await receiver.kill();
		feed.record.push(4);
		await expect.poll(told, patience).toContain("the OTLP collector cannot be reached (ECONNREFUSED); trying until it takes them");
		await receiver.restart();
		await expect.poll(async () => (await receiver.positions()).slice(before), patience).toEqual([1, 2, 3, 4]);
		expect((await collector.records("otlp")).at(-1)).toMatchObject({
			eventName: "call.ended",
			traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
		});
	});
});
