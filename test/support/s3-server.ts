// An S3 server for tests: the Versity gateway on a folder, which checks signatures and keeps conditions as S3 does.
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { provide } from "../../infra/local/cache.ts";
import { findFreePorts, loopback } from "../../infra/local/ports.ts";
import { runCommand } from "../../infra/local/run-command.ts";
import { askTimeoutMs, startServer } from "../../infra/local/run-server.ts";

const version = "1.8.0";
/** On one core, beside other tests. */
const buildMs = 15 * 60_000;

export interface S3ForTests {
	/** What the AWS SDK finds it and its one account by. */
	readonly environment: Readonly<Record<string, string>>;
	/** A bucket of a name like this, empty. */
	makeBucket(): Promise<string>;
	kill(): Promise<void>;
	/** After it was killed, on the same data and port. */
	restart(): Promise<void>;
	stop(): Promise<void>;
}

/** @throws SetupError where it can be neither found in the cache nor built. */
export async function startS3ForTests(): Promise<S3ForTests> {
	const folder = await provide({ name: `versitygw-${version}`, keyFiles: ["versitygw"], install: build }, () => undefined);
	const dir = await mkdtemp(join(tmpdir(), "callgate-s3-"));
	const [data, sidecar] = [join(dir, "data"), join(dir, "sidecar")];
	await Promise.all([mkdir(data), mkdir(sidecar)]);
	const [port = 0] = await findFreePorts(1);
	const account = { ROOT_ACCESS_KEY: "callgate-tests", ROOT_SECRET_KEY: "nobody-else-has-this-key" };
	const url = `http://${loopback}:${port}`;
	const server = await startServer({
		...{ name: "s3", command: join(folder, "versitygw"), dir, port, env: account, readyWithinMs: 60_000, stopWithinMs: 10_000 },
		// Not every file system keeps attributes.
		args: ["--port", `${loopback}:${port}`, "posix", "--sidecar", sidecar, data],
		// Without a signature it says 403, and that it serves.
		isReady: async () => (await fetch(url, { signal: AbortSignal.timeout(askTimeoutMs) })).status === 403,
	});
	return {
		environment: {
			AWS_ENDPOINT_URL_S3: url,
			AWS_REGION: "us-east-1",
			AWS_ACCESS_KEY_ID: account.ROOT_ACCESS_KEY,
			AWS_SECRET_ACCESS_KEY: account.ROOT_SECRET_KEY,
		},
		async makeBucket() {
			const bucket = `record-${randomUUID()}`;
			const credentials = { accessKeyId: account.ROOT_ACCESS_KEY, secretAccessKey: account.ROOT_SECRET_KEY };
			const client = new S3Client({ endpoint: url, region: "us-east-1", forcePathStyle: true, credentials });
			await client.send(new CreateBucketCommand({ Bucket: bucket }));
			client.destroy();
			return bucket;
		},
		kill: () => server.kill("SIGKILL"),
		restart: () => server.restart(),
		async stop() {
			await server.stop();
			await rm(dir, { recursive: true, force: true });
		},
	};
}

async function build(into: string): Promise<void> {
	await runCommand({
		command: "go",
		args: ["install", `github.com/versity/versitygw/cmd/versitygw@v${version}`],
		env: { GOBIN: into },
		timeoutMs: buildMs,
		purpose: `Building the S3 server of the tests, versitygw ${version}`,
		missing: "Install Go, 1.21 or later (on Debian and Ubuntu: `apt-get install golang-go`), then run this again.",
		failing: "Read Go's own words below and check the network and the proxy that Go is configured for, then run this again.",
	});
}
