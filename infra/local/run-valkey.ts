// Runs the local Valkey (or Redis) server: the approvals' timetable.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { askTcp } from "./ask-tcp.ts";
import { loopback } from "./ports.ts";
import { type RunningServer, startServer } from "./run-server.ts";

/** Where and how Valkey runs. */
export interface ValkeyOptions {
	/** The binary that `provideValkey` found. */
	readonly binary: string;
	readonly dir: string;
	readonly port: number;
	/** The default user's; letters, digits, `-` and `_` only, because it stands in the URL and in the configuration. */
	readonly password: string;
}

/** A Valkey server that runs. */
export interface RunningValkey extends RunningServer {
	/** `redis://:password@127.0.0.1:6379`: holds the password, so never log it. */
	readonly url: string;
}

const readyWithinMs = 60_000;
const stopWithinMs = 10_000;

/**
 * Starts Valkey on 127.0.0.1 and resolves when it has loaded its data and answers.
 * @throws SetupError, see `startServer`.
 */
export async function startValkey(options: ValkeyOptions): Promise<RunningValkey> {
	const { binary, dir, port, password } = options;
	if (!/^[A-Za-z0-9_-]{16,}$/.test(password)) throw new Error("The Valkey password must be 16 or more of A-Z a-z 0-9 _ -");
	await mkdir(dir, { recursive: true, mode: 0o700 });
	const config = join(dir, "valkey.conf");
	await writeFile(config, valkeyConfig(options), { mode: 0o600 });
	const server = await startServer({
		name: "valkey",
		command: binary,
		args: [config],
		dir,
		port,
		readyWithinMs,
		stopWithinMs,
		// While it still reads its files it answers -LOADING instead of +PONG.
		isReady: () => askTcp(port, `AUTH ${password}\r\nPING\r\n`, /^\+OK\r\n\+PONG\r\n/),
	});
	return Object.defineProperties(
		{ url: `redis://:${password}@${loopback}:${port}` },
		Object.getOwnPropertyDescriptors(server),
	) as RunningValkey;
}

function valkeyConfig({ dir, port, password }: ValkeyOptions): string {
	return [
		`bind ${loopback}`,
		`port ${port}`,
		`requirepass ${password}`,
		`dir ${JSON.stringify(dir)}`,
		"daemonize no",
		// A write is in the operating system's hands before it is acknowledged, so kill -9 loses nothing; a power failure may lose the last
		// second. That is enough: the stream is the truth and rebuilds the timetable, and `always` would cost an fsync for each of BullMQ's steps.
		"appendonly yes",
		"appendfsync everysec",
		'save ""',
		// A queue whose jobs are thrown away to make room is no queue: BullMQ requires this.
		"maxmemory-policy noeviction",
		"",
	].join("\n");
}
