// An OpenTelemetry collector for tests, which takes OTLP and syslog over TLS and writes what it took into files before it answers.
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { provide } from "../../infra/local/cache.ts";
import type { CertificateFiles } from "../../infra/local/certificates.ts";
import { findFreePorts, loopback } from "../../infra/local/ports.ts";
import { runCommand } from "../../infra/local/run-command.ts";
import { startServer } from "../../infra/local/run-server.ts";

/** Of the collector's modules, as collector/go.mod has them. */
const version = "0.165.1";
/** On one core, beside other tests. */
const buildMs = 15 * 60_000;
const source = new URL("collector/", import.meta.url);

export interface CollectorForTests {
	/** Base URL of OTLP over HTTP, and `host:port` of syslog; both with TLS. */
	readonly otlp: string;
	readonly syslog: string;
	/** Records it wrote, in OTLP's JSON, oldest first. */
	records(receiver: "otlp" | "syslog"): Promise<LogRecord[]>;
	kill(): Promise<void>;
	/** After it was killed, on the same data and ports. */
	restart(): Promise<void>;
	stop(): Promise<void>;
}

export interface LogRecord {
	readonly eventName?: string;
	readonly traceId?: string;
	readonly body?: unknown;
	readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string; readonly intValue?: string } }[];
}

/** @throws SetupError where it can be neither found in the cache nor built. */
export async function startCollectorForTests({ key, certificate, ca }: CertificateFiles): Promise<CollectorForTests> {
	const folder = await provide({ name: `collector-${version}`, keyFiles: ["collector"], install: build }, () => undefined);
	const dir = await mkdtemp(join(tmpdir(), "callgate-collector-"));
	const [otlpPort = 0, syslogPort = 0] = await findFreePorts(2);
	const tls = { cert_file: certificate, key_file: key };
	const files = { otlp: join(dir, "otlp.ndjson"), syslog: join(dir, "syslog.ndjson") };
	// JSON is YAML.
	const settings = JSON.stringify({
		receivers: {
			otlp: { protocols: { http: { endpoint: `${loopback}:${otlpPort}`, tls } } },
			syslog: { protocol: "rfc5424", enable_octet_counting: true, tcp: { listen_address: `${loopback}:${syslogPort}`, tls } },
		},
		exporters: { "keep/otlp": { path: files.otlp }, "keep/syslog": { path: files.syslog } },
		service: {
			pipelines: {
				"logs/otlp": { receivers: ["otlp"], exporters: ["keep/otlp"] },
				"logs/syslog": { receivers: ["syslog"], exporters: ["keep/syslog"] },
			},
		},
	});
	const settingsFile = join(dir, "collector.yaml");
	await writeFile(settingsFile, settings);
	const authority = await readFile(ca, "utf8");
	const server = await startServer({
		...{ name: "collector", command: join(folder, "collector"), dir, port: otlpPort, readyWithinMs: 60_000, stopWithinMs: 10_000 },
		args: ["--config", settingsFile],
		isReady: async () => (await Promise.all([otlpPort, syslogPort].map((port) => isListening(port, authority)))).every(Boolean),
	});
	return {
		otlp: `https://localhost:${otlpPort}`,
		syslog: `localhost:${syslogPort}`,
		async records(receiver) {
			const text = await readFile(files[receiver], "utf8").catch(() => "");
			const batches = text.split("\n").slice(0, -1);
			return batches.flatMap((batch) => recordsIn(JSON.parse(batch) as Batch));
		},
		kill: () => server.kill("SIGKILL"),
		restart: () => server.restart(),
		async stop() {
			await server.stop();
			await rm(dir, { recursive: true, force: true });
		},
	};
}

interface Batch {
	readonly resourceLogs: readonly { readonly scopeLogs: readonly { readonly logRecords: readonly LogRecord[] }[] }[];
}

function recordsIn({ resourceLogs }: Batch): LogRecord[] {
	return resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords));
}

function isListening(port: number, ca: string): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = connect({ host: loopback, port, servername: "localhost", ca }, () => {
			socket.destroy();
			resolve(true);
		});
		socket.on("error", () => resolve(false));
	});
}

/** In a folder beside, since Go writes the sums of what it took next to its module. */
async function build(into: string): Promise<void> {
	const module = `${into}.module`;
	try {
		await mkdir(module);
		for (const file of ["main.go", "go.mod"]) await copyFile(new URL(file, source), join(module, file));
		await runCommand({
			...{ command: "go", args: ["build", "-C", module, "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", join(into, "collector"), "."] },
			timeoutMs: buildMs,
			purpose: `Building the collector of the tests, OpenTelemetry ${version}`,
			missing: "Install Go, 1.21 or later (on Debian and Ubuntu: `apt-get install golang-go`), then run this again.",
			failing: "Read Go's own words below and check the network and the proxy that Go is configured for, then run this again.",
		});
	} finally {
		await rm(module, { recursive: true, force: true });
	}
}
