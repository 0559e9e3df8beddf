// The disk of NATS is full: the kernel refuses every further byte to the running server. NATS then stays closed to writing until it is started again.
import { execFile } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { streamName } from "#libs/contracts/subjects.ts";
import { natsStoreDir } from "../../infra/local/run-nats.ts";
import { callIntoOutage } from "./do-stream.ts";
import type { FaultParts } from "./fault-parts.ts";
import type { Fault } from "./plan-faults.ts";

const run = promisify(execFile);

/**
 * `RLIMIT_FSIZE` of the running server: any user may lower and raise it for their own processes, where a small file system needs root. The
 * kernel answers writes with EFBIG where a full disk answers ENOSPC. Tried side by side with a tmpfs that was really full, NATS 2.15.1 did the
 * same with both: the write's error is logged, the publisher hears nothing, reading goes on, and the stream takes nothing more after there is
 * room again, until the server is started anew. Then everything that it had acknowledged is there.
 *
 * `at-once` refuses every write; `mid-record` leaves room for a part of the next record, as a disk does that becomes full.
 */
export async function fillDisk(parts: FaultParts, { how, roomBytes, comesBack, awayMs }: Extract<Fault, { kind: "disk-full" }>) {
	const { stack, effects } = parts;
	if (process.platform !== "linux") return void effects.leftOut.push("the disk: only Linux has prlimit");
	const { nats, dataDir } = stack;
	const limit = how === "at-once" ? 0 : (await largestBlock(join(dataDir, "nats"))) + roomBytes;
	// The soft limit alone: the hard one could not be raised again.
	const set = async (fileBytesMax: string) => void (await run("prlimit", ["--pid", `${nats.pid}`, `--fsize=${fileBytesMax}:`]));
	await set(`${limit}`);
	const from = Date.now();
	try {
		await callIntoOutage(parts, awayMs);
	} finally {
		effects.outages.push({ kind: "the disk was full", from, until: Date.now(), takesNothing: how === "at-once" });
		await set("unlimited");
		if (comesBack === "killed") await nats.kill("SIGKILL");
		await nats.restart();
	}
}

/** The size of the stream's fullest file. */
async function largestBlock(natsDir: string): Promise<number> {
	const store = natsStoreDir(natsDir);
	const files = await readdir(store, { recursive: true, withFileTypes: true });
	const blocks = files.filter(({ name, parentPath }) => name.endsWith(".blk") && parentPath.includes(`/streams/${streamName}/`));
	// NATS may compact a file away while it is looked at.
	const sizes = await Promise.all(
		blocks.map(({ name, parentPath }) =>
			stat(join(parentPath, name)).then(
				({ size }) => size,
				() => 0,
			),
		),
	);
	return Math.max(0, ...sizes);
}
