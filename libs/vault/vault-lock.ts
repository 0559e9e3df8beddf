// One writer at a time: a lock file beside the vault, taken over when its owner is gone.
import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { VaultError } from "./vault.ts";
import { errorCode } from "./vault-key.ts";

/** A held lock. `isHeld` reads the file again: a process that was stopped for long may have lost it. */
export type HeldLock = { nonce: string; isHeld(): boolean; release(): void };

/** How long to wait for another writer, and after how long a lock is taken over from an owner that cannot be asked. Milliseconds. */
export type LockTimes = { waitMaxMs: number; staleAfterMs: number };

type Owner = { nonce: string; host: string; pid: number; since: number };

/**
 * Takes the lock of `file`. A lock whose process on this machine has ended is taken over at once; any other when it is older than
 * `staleAfterMs`, which is far longer than a write takes.
 * @throws VaultError `locked` after `waitMaxMs`; `file_unusable` when lock files cannot be made there
 */
export const takeLock = async (file: string, times: LockTimes): Promise<HeldLock> => {
	const lockFile = `${file}.lock`;
	const nonce = randomUUID();
	const until = performance.now() + times.waitMaxMs;
	for (;;) {
		if (tryCreate(lockFile, { nonce, host: hostname(), pid: process.pid, since: Date.now() })) return heldLock(lockFile, nonce);
		const owner = readOwner(lockFile);
		if (owner !== undefined && isStale(owner, times.staleAfterMs)) takeAway(lockFile, owner, nonce);
		else if (performance.now() >= until)
			throw new VaultError("locked", `another process is writing the vault; if none is, remove ${lockFile}`);
		else await wait(5 + Math.random() * 20); // spread, so that waiting writers do not meet again and again
	}
};

const heldLock = (lockFile: string, nonce: string): HeldLock => {
	const isHeld = (): boolean => readOwner(lockFile)?.nonce === nonce;
	return {
		nonce,
		isHeld,
		release: () => {
			if (isHeld()) rmSync(lockFile, { force: true });
		},
	};
};

/** The content is complete before the name exists, so a reader never sees half an owner. */
const tryCreate = (lockFile: string, owner: Owner): boolean => {
	const draft = `${lockFile}.${owner.nonce}.tmp`;
	try {
		writeFileSync(draft, JSON.stringify(owner), { flag: "wx", mode: 0o600 });
		linkSync(draft, lockFile);
		return true;
	} catch (error) {
		if (errorCode(error) === "EEXIST") return false;
		throw new VaultError("file_unusable", `the lock file ${lockFile} cannot be made (${errorCode(error)})`);
	} finally {
		rmSync(draft, { force: true });
	}
};

/** Undefined when there is none (any more). Anything else that is not an owner counts as one whose time is over. */
const readOwner = (lockFile: string): Owner | undefined => {
	let text: string;
	try {
		text = readFileSync(lockFile, "utf8");
	} catch {
		return undefined;
	}
	try {
		const owner: unknown = JSON.parse(text);
		if (isOwner(owner)) return owner;
	} catch {
		// falls through: someone else's file in our place
	}
	return { nonce: text.slice(0, 64), host: "", pid: 0, since: 0 };
};

const isOwner = (value: unknown): value is Owner =>
	typeof value === "object" &&
	value !== null &&
	"nonce" in value &&
	typeof value.nonce === "string" &&
	"host" in value &&
	typeof value.host === "string" &&
	"pid" in value &&
	typeof value.pid === "number" &&
	"since" in value &&
	typeof value.since === "number";

const isStale = (owner: Owner, staleAfterMs: number): boolean => {
	if (Date.now() - owner.since > staleAfterMs) return true;
	return owner.host === hostname() && !isAlive(owner.pid);
};

const isAlive = (pid: number): boolean => {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return errorCode(error) !== "ESRCH"; // EPERM: it lives, as someone else
	}
};

/**
 * Moves a stale lock aside. Between reading and moving, another waiter may have done the same and taken the lock: then what was moved is a
 * living owner's, and goes back. Should a third have taken the place meanwhile, the owner learns it from `isHeld` before it writes.
 */
const takeAway = (lockFile: string, stale: Owner, nonce: string): void => {
	const aside = `${lockFile}.${nonce}.aside`;
	try {
		renameSync(lockFile, aside);
		if (readOwner(aside)?.nonce !== stale.nonce) linkSync(aside, lockFile);
	} catch {
		// gone, or taken: the next round sees how it is
	} finally {
		rmSync(aside, { force: true });
	}
};
