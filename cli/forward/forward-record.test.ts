// `callgate audit forward`: at least once, in order, from where it was; a receiver that is away is waited for, one that refuses is told.
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { provideCertificates } from "../../infra/local/certificates.ts";
import { findFreePorts } from "../../infra/local/ports.ts";
import { patience } from "../../test/support/patience.ts";
import { problem } from "../api.test-support.ts";
import { runProgram } from "../run-program.test-support.ts";
import { eventAt, Feed } from "./feed.test-support.ts";
import { formats } from "./formats.ts";
import { NotDelivered } from "./target.ts";
import { fileTarget } from "./target-file.ts";
import { syslogTarget } from "./target-syslog.ts";
import { webhookSignature } from "./target-webhook.ts";

const secret = Buffer.alloc(32, 7);

let [dir, state, out]: string[] = [];
let feed: Feed;

beforeEach(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-forward-"));
	[state, out] = [join(dir, "state.json"), join(dir, "out.ndjson")];
	await writeFile(join(dir, "secret"), `whsec_${secret.toString("base64")}\n`);
	feed = await Feed.start();
});
afterEach(async () => {
	await feed.api.stop();
	await rm(dir ?? "", { recursive: true });
});

const forward = (...args: string[]) =>
	runProgram(["audit", "forward", "--once", "--state", state ?? "", ...args], { environment: feed.api.environment });
const toFile = (...args: string[]) => forward("--to", pathToFileURL(out ?? "").href, "--as", "cloudevents", ...args);
const positions = async (file = out ?? "") =>
	(await readFile(file, "utf8"))
		.trimEnd()
		.split("\n")
		.map((line) => (JSON.parse(line) as { position: number }).position);
const stateNow = async () => JSON.parse(await readFile(state ?? "", "utf8")) as Record<string, unknown>;

describe("forwarding into a file", () => {
	it("goes on where it was, and does not take --from again", async () => {
		expect(await toFile("--from", "7d", "--ending", "denied")).toEqual({ exitCode: 0, out: "", err: "" });
		expect((await toFile("--from", "7d", "--ending", "denied")).exitCode).toBe(0);
		feed.record.push(4);
		await toFile("--from", "7d", "--ending", "denied");
		expect(await positions()).toEqual([1, 2, 3, 4]);
		expect(feed.asked.filter((query) => query.has("from"))).toHaveLength(1);
		expect(feed.asked.every((query) => query.get("ending") === "denied")).toBe(true);
		expect(await stateNow()).toMatchObject({ cursor: "4", forwarded: 4, eventTime: "2026-07-01T12:00:04.000Z" });
		expect((await readdir(dir ?? "")).filter((name) => name.endsWith(".tmp"))).toEqual([]);
	});

	it("begins now where nothing is said", async () => {
		await toFile();
		feed.record.push(4);
		await toFile();
		expect(await positions()).toEqual([4]);
	});

	it("forwards again what it could not say to have forwarded", async () => {
		await toFile("--from", "7d");
		const before = await readFile(state ?? "", "utf8");
		feed.record.push(4);
		await toFile();
		// The process died after the receiver had it and before the state was written.
		await writeFile(state ?? "", before);
		await toFile();
		expect(await positions()).toEqual([1, 2, 3, 4, 4]);
	});

	it("ends a line that is only half there, and writes what it should have been on one of its own", async () => {
		await writeFile(out ?? "", '{"position":0}\n{"specversion":"1.0","id":"call');
		await toFile("--from", "7d");
		const [whole, half, ...lines] = (await readFile(out ?? "", "utf8")).trimEnd().split("\n");
		expect([whole, half]).toEqual(['{"position":0}', '{"specversion":"1.0","id":"call']);
		expect(lines.map((line) => JSON.parse(line).position)).toEqual([1, 2, 3]);
	});

	it("begins a new file at its size, and keeps as many old ones as were asked for", async () => {
		const bytes = Buffer.byteLength(formats.cloudevents.linesOf(eventAt(1)).join()) + 1;
		const target = fileTarget(out ?? "", { bytesMax: 2 * bytes, kept: 2 });
		for (let nth = 1; nth <= 9; nth++) {
			const lines = formats.cloudevents.linesOf(eventAt(nth)).map((text) => ({ text, event: eventAt(nth) }));
			await target.send({ lines, format: formats.cloudevents, id: "x" });
		}
		await target.close();
		const files = [`${out}.2`, `${out}.1`, out ?? ""];
		expect(await Promise.all(files.map((file) => positions(file)))).toEqual([[5, 6], [7, 8], [9]]);
		await expect(readFile(`${out}.3`)).rejects.toThrow("ENOENT");
	});
});

describe("forwarding to a webhook", () => {
	let server: Server;
	let received: { headers: IncomingHttpHeaders; body: string }[];
	let answers: number[];
	beforeEach(async () => {
		[received, answers] = [[], []];
		server = createServer(async (request, response) => {
			const chunks: Buffer[] = [];
			for await (const chunk of request) chunks.push(chunk as Buffer);
			received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
			response.writeHead(answers.shift() ?? 204, { location: "http://127.0.0.1:1/" }).end();
		}).listen(0, "127.0.0.1");
		await once(server, "listening");
	});
	afterEach(async () => {
		server.closeAllConnections();
		await new Promise((resolve) => server.close(resolve));
	});
	const toHook = (...args: string[]) =>
		forward("--to", `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, "--secret-file", join(dir ?? "", "secret"), ...args);

	it("signs as Standard Webhooks says", () => {
		// The example of https://github.com/standard-webhooks/standard-webhooks
		const key = Buffer.from("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "base64");
		expect(webhookSignature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", '{"test": 2432232314}')).toBe(
			"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		);
	});

	it("sends lists that their receiver can check, again under the same id until it takes them", async () => {
		answers = [503, 429];
		const { exitCode, err } = await toHook("--as", "cloudevents", "--from", "7d");
		expect(exitCode).toBe(0);
		expect(err).toBe("callgate: the webhook answered 503; trying until it takes them\ncallgate: the receiver takes events again");
		expect(received.map(({ body }) => (JSON.parse(body) as { position: number }[]).map(({ position }) => position))).toEqual([
			[1, 2],
			[1, 2],
			[1, 2],
			[3],
		]);
		expect(new Set(received.slice(0, 3).map(({ headers }) => headers["webhook-id"])).size).toBe(1);
		expect(received[3]?.headers["webhook-id"]).not.toBe(received[0]?.headers["webhook-id"]);
		for (const { headers, body } of received) {
			const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
			expect(headers["webhook-signature"]).toBe(`v1,${createHmac("sha256", secret).update(signed).digest("base64")}`);
			expect(headers["content-type"]).toBe("application/cloudevents-batch+json");
		}
	});

	it("tells Prometheus how far it is behind while the receiver takes nothing", async () => {
		const [port = 0] = await findFreePorts(1);
		const metrics = async () => {
			const answer = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
			const lines = (await answer?.text())?.split("\n").filter((line) => line.startsWith("callgate_forward_")) ?? [];
			return Object.fromEntries(
				lines.map((line) => [line.slice("callgate_forward_".length, line.indexOf("{")), Number(line.split(" ").at(-1))]),
			);
		};
		let isDown = true;
		answers = new Proxy(answers, { get: (_, name) => (name === "shift" ? () => (isDown ? 503 : 204) : undefined) });
		const running = toHook("--as", "cloudevents", "--from", "7d", "--metrics", String(port));
		await expect.poll(metrics, patience).toMatchObject({ receiver_available: 0, lag_events: 3, events_total: 0 });
		const { lag_seconds: seconds = 0, failures_total: failures } = await metrics();
		// Of an event that is months old.
		expect(seconds / ((Date.now() - Date.UTC(2026, 6, 1, 12, 0, 1)) / 1_000)).toBeCloseTo(1, 3);
		expect(failures).toBeGreaterThan(0);
		isDown = false;
		expect((await running).exitCode).toBe(0);
		expect(await metrics()).toEqual({});
	});

	it.each([400, 401, 410, 302])("keeps its place where the receiver answers %d", async (status) => {
		answers = status === 302 ? [302] : [status];
		const { exitCode } = await toHook("--as", "ocsf", "--from", "7d");
		// A redirection is not followed and may pass; a refusal does not.
		expect(exitCode).toBe(status === 302 ? 0 : 1);
		if (status !== 302) await expect(stateNow()).rejects.toThrow("ENOENT");
		expect(received[0]?.body).toContain('"class_uid":6003');
	});
});

describe("forwarding to syslog", () => {
	let certificates: Awaited<ReturnType<typeof provideCertificates>>;
	let ca: string;
	let folder: string;
	let server: TlsServer;
	let text: string;
	beforeAll(async () => {
		folder = await mkdtemp(join(tmpdir(), "callgate-syslog-"));
		certificates = await provideCertificates(folder);
		ca = await readFile(certificates.ca, "utf8");
	}, 120_000);
	afterAll(() => rm(folder, { recursive: true }));
	beforeEach(async () => {
		text = "";
		const [key, cert] = await Promise.all([readFile(certificates.key), readFile(certificates.certificate)]);
		server = createTlsServer({ key, cert }, (socket) => {
			socket.on("data", (chunk) => {
				text += chunk.toString();
			});
			socket.on("error", () => undefined);
		}).listen(0, "127.0.0.1");
		await once(server, "listening");
	});
	afterEach(() => new Promise<void>((resolve) => void server.close(() => resolve())));
	const port = () => (server.address() as AddressInfo).port;

	/** RFC 5425: the length in bytes, a space, and so much of a message. */
	function framesOf(bytes: Buffer): string[] {
		const frames: string[] = [];
		for (let at = 0; at < bytes.length; ) {
			const space = bytes.indexOf(0x20, at);
			const end = space + 1 + Number(bytes.toString("latin1", at, space));
			frames.push(bytes.toString("utf8", space + 1, end));
			at = end;
		}
		return frames;
	}

	it("sends a message an event, in frames, over TLS", async () => {
		const { exitCode } = await forward(
			"--to",
			`syslog+tls://localhost:${port()}`,
			"--ca-file",
			certificates.ca,
			"--as",
			"cef",
			"--from",
			"7d",
		);
		expect(exitCode).toBe(0);
		await expect.poll(() => framesOf(Buffer.from(text)).length, patience).toBe(3);
		for (const frame of framesOf(Buffer.from(text))) {
			expect(frame).toMatch(/^<110>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z - callgate \d+ - - CEF:0\|Callgate\|/);
		}
	});

	it("trusts no certificate that it was not told to, and finds a receiver again that was away", async () => {
		const batch = { lines: [{ text: "é", event: eventAt(1) }], format: formats.cef, id: "x" };
		await expect(syslogTarget({ host: "localhost", port: port() }, () => new Date()).send(batch)).rejects.toThrow(NotDelivered);
		expect(text).toBe("");
		const closed = syslogTarget({ host: "localhost", port: 1, ca }, () => new Date());
		await expect(closed.send(batch)).rejects.toThrow("ECONNREFUSED");
		const target = syslogTarget({ host: "localhost", port: port(), ca }, () => new Date(0));
		await target.send(batch);
		await expect
			.poll(() => framesOf(Buffer.from(text)), patience)
			.toEqual([expect.stringMatching(/^<110>1 1970-01-01T00:00:00.000Z .* é$/)]);
		await target.close();
	});
});

describe("forwarding", () => {
	it("is for auditors", async () => {
		feed.api.on("GET /v1/audit/events/follow", problem("not_an_auditor"));
		expect(await toFile()).toMatchObject({ exitCode: 1, err: expect.stringContaining("group `auditors`") });
	});

	it("takes no other file for its state", async () => {
		await writeFile(state ?? "", "{}");
		expect(await toFile()).toMatchObject({ exitCode: 1, err: expect.stringContaining("none of `callgate audit forward`") });
		expect(feed.asked).toEqual([]);
	});

	it.each([
		[["--as", "xml", "--to", "file:///x"], "Allowed choices are cloudevents, ocsf, cef"],
		[["--as", "ocsf", "--to", "ftp://example.com"], "--to is no receiver"],
		[["--as", "ocsf", "--to", "http://siem.example.com/"], "--to is no receiver"],
		[["--as", "ocsf", "--to", "https://user:pw@siem.example.com/"], "--to has a login"],
		[["--as", "ocsf", "--to", "https://siem.example.com/"], "--secret-file is missing"],
		[["--as", "ocsf", "--to", "file:///x", "--keep", "0"], "expected a number"],
		[["--as", "ocsf", "--to", "file:///x", "--metrics", "70000"], "expected a port"],
		[["--as", "ocsf", "--to", "splunk+https://siem.example.com:8088"], "--secret-file is missing"],
		[["--as", "ocsf", "--to", "splunk+http://siem.example.com:8088"], "--to is no receiver"],
		[["--as", "ocsf", "--to", "otlp+https://user:pw@siem.example.com"], "--to has a login"],
		[["--as", "ocsf", "--to", "s3://No_Bucket"], "--to is no receiver"],
	])("refuses %j", async (args, message) => {
		const { err, exitCode } = await forward(...args);
		expect({ exitCode, err }).toEqual({ exitCode: 2, err: expect.stringContaining(message) });
		expect(err).not.toContain("pw@");
	});
});
