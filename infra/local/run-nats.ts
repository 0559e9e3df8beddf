// Runs the local NATS server with JetStream.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { askTcp } from "./ask-tcp.ts";
import { loopback } from "./ports.ts";
import { type RunningServer, startServer } from "./run-server.ts";

/** Where and how NATS runs. */
export interface NatsOptions {
	/** The binary that `provideNats` found. */
	readonly binary: string;
	readonly dir: string;
	readonly port: number;
	/** The server's configuration: users, permissions, JetStream. `store_dir` should be `natsStoreDir(dir)`; address and port are set here. */
	readonly configText: string;
}

/** A NATS server that runs. */
export interface RunningNats extends RunningServer {
	/** `nats://127.0.0.1:4222` */
	readonly url: string;
}

const readyWithinMs = 60_000;
const stopWithinMs = 10_000;

/** Where JetStream keeps its files. */
export function natsStoreDir(dir: string): string {
	return join(dir, "jetstream");
}

/** Where its configuration is: the server reads it at its start and on SIGHUP. */
export function natsConfigFile(dir: string): string {
	return join(dir, "nats.conf");
}

/** A configuration with JetStream and no users: for tests of what needs a stream and no permissions. */
export function plainNatsConfig(dir: string): string {
	return `jetstream { store_dir: ${JSON.stringify(natsStoreDir(dir))} }\n`;
}

/**
 * Starts NATS on 127.0.0.1 and resolves when it accepts clients, streams recovered.
 * @throws SetupError, see `startServer`.
 */
export async function startNats(options: NatsOptions): Promise<RunningNats> {
	const { binary, dir, port, configText } = options;
	await mkdir(dir, { recursive: true, mode: 0o700 });
	const config = natsConfigFile(dir);
	// It may hold users and their passwords.
	await writeFile(config, configText, { mode: 0o600 });
	const server = await startServer({
		name: "nats",
		command: binary,
		args: ["--config", config, "--addr", loopback, "--port", `${port}`],
		dir,
		port,
		readyWithinMs,
		stopWithinMs,
		// The server greets each client with INFO; it opens its port to clients after JetStream is up.
		isReady: () => askTcp(port, "", /^INFO \{.*"jetstream":true.*\r\n/),
	});
	return Object.assign(server, { url: `nats://${loopback}:${port}` });
}

/** Starts NATS with JetStream, without users. */
export function startPlainNats(options: Omit<NatsOptions, "configText">): Promise<RunningNats> {
	return startNats({ ...options, configText: plainNatsConfig(options.dir) });
}
