// The lock's own promises: one holder at a time, and a holder that lost it knows.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { takeLock } from "./vault-lock.ts";
import { replaceFile } from "./write-file.ts";

let folder = "";
let file = "";
beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), "callgate-lock-"));
	file = join(folder, "vault.json");
});
afterEach(async () => {
	await rm(folder, { recursive: true });
});

const patient = { waitMaxMs: 60_000, staleAfterMs: 60_000 };

test("one holder at a time, however many want it", async () => {
	let holders = 0;
	let most = 0;
	const turn = async (): Promise<void> => {
		const lock = await takeLock(file, patient);
		holders += 1;
		most = Math.max(most, holders);
		await new Promise(setImmediate);
		holders -= 1;
		lock.release();
	};
	await Promise.all(Array.from({ length: 15 }, turn));
	expect(most).toBe(1);
});

test("one holder at a time, also when all of them find a stale lock first", async () => {
	await writeFile(`${file}.lock`, JSON.stringify({ nonce: "stale", host: "elsewhere", pid: 1, since: 0 }));
	let holders = 0;
	let most = 0;
	const turn = async (): Promise<void> => {
		const lock = await takeLock(file, patient);
		holders += 1;
		most = Math.max(most, holders);
		await new Promise(setImmediate);
		holders -= 1;
		lock.release();
	};
	await Promise.all(Array.from({ length: 15 }, turn));
	expect(most).toBe(1);
});

test("a holder whose lock was taken over knows it, does not write, and does not release the other's", async () => {
	const first = await takeLock(file, patient);
	const second = await takeLock(file, { waitMaxMs: 60_000, staleAfterMs: -1 });
	expect([first.isHeld(), second.isHeld()]).toEqual([false, true]);
	const write = () =>
		replaceFile(file, "lost", first.nonce, () => {
			if (!first.isHeld()) throw new Error("not held");
		});
	expect(write).toThrow("not held");
	first.release();
	expect(second.isHeld()).toBe(true);
	second.release();
	expect(second.isHeld()).toBe(false);
});
