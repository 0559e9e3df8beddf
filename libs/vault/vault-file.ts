// A vault in one encrypted file: the CLI writes it, the executor reads it and notices each change.
import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { NO_SECRETS, openSecret, readSecrets, type SealedSecrets, sealSecret, tampered, writeSecrets } from "./sealed-secrets.ts";
import { Secret } from "./secret.ts";
import { checkName, checkValue, SECRETS_MAX, type Vault, VaultError } from "./vault.ts";
import { errorCode, readVaultKey, type VaultKey } from "./vault-key.ts";
import { type LockTimes, takeLock } from "./vault-lock.ts";
import { replaceFile, syncFolderOf } from "./write-file.ts";

/** Where the vault and its key are, and how patient its writers are (default: wait 10 s, take a silent writer's lock over after 30 s). */
export type VaultFileOptions = { file: string; keyFile: string; lock?: LockTimes };

/** {@link SECRETS_MAX} secrets of the greatest size, in base64. */
const FILE_BYTES_MAX = 128 * 1024 * 1024;

/**
 * A file changed this recently is read again, whatever its times say: two changes within one tick of the file system's clock can leave
 * equal times and sizes.
 */
const RACY_MS = 1000;

type Loaded = { stamp: string; sealed: SealedSecrets; opened: Map<string, Secret> };

/**
 * Opens a vault; its file need not exist yet (then it holds nothing, and `set` makes it). The key is read once, here.
 * @throws VaultError `key_missing`, `key_exposed`, `key_malformed`
 */
export const openVault = async (options: VaultFileOptions): Promise<Vault> => {
	const key = await readVaultKey(options.keyFile);
	return new FileVault(key, options.file, options.lock ?? { waitMaxMs: 10_000, staleAfterMs: 30_000 });
};

class FileVault implements Vault {
	readonly #key: VaultKey;
	readonly #file: string;
	readonly #lock: LockTimes;
	#loaded: Loaded = { stamp: "", sealed: NO_SECRETS, opened: new Map() };
	/** Changes of this process wait for each other here; the lock file is between processes. */
	#lastChange: Promise<unknown> = Promise.resolve();

	constructor(key: VaultKey, file: string, lock: LockTimes) {
		this.#key = key;
		this.#file = file;
		this.#lock = lock;
	}

	async get(name: string): Promise<Secret | undefined> {
		checkName(name);
		const { sealed, opened } = await this.#load();
		const known = opened.get(name);
		if (known !== undefined) return known;
		const entry = sealed.entries.get(name);
		if (entry === undefined) return undefined;
		const value = await openSecret(this.#key, name, entry);
		const secret = opened.get(name) ?? new Secret(value); // another get may have been first
		opened.set(name, secret);
		return secret;
	}

	async names(): Promise<string[]> {
		return [...(await this.#load()).sealed.entries.keys()].sort();
	}

	async set(name: string, value: string): Promise<void> {
		checkName(name);
		checkValue(value);
		await this.#change(async (entries) => {
			const before = entries.get(name);
			if (before !== undefined && (await openSecret(this.#key, name, before)) === value) return false;
			if (before === undefined && entries.size >= SECRETS_MAX) throw new VaultError("full", `a vault holds ${SECRETS_MAX} secrets`);
			entries.set(name, await sealSecret(this.#key, name, value));
			return true;
		});
	}

	async remove(name: string): Promise<boolean> {
		checkName(name);
		return this.#change(async (entries) => entries.delete(name));
	}

	/** Runs one change after the others, under the lock, on what the file holds now; writes if the change says that there is something to. */
	#change(apply: (entries: Map<string, string>) => Promise<boolean>): Promise<boolean> {
		const change = this.#lastChange.then(() => this.#changeAlone(apply));
		this.#lastChange = change.catch(() => {});
		return change;
	}

	async #changeAlone(apply: (entries: Map<string, string>) => Promise<boolean>): Promise<boolean> {
		makeFolderOf(this.#file);
		const lock = await takeLock(this.#file, this.#lock);
		try {
			removeLeftovers(this.#file);
			const { sealed } = await this.#load();
			const entries = new Map(sealed.entries);
			if (!(await apply(entries))) return false;
			const text = await writeSecrets(this.#key, { generation: sealed.generation + 1, entries });
			replaceFile(this.#file, text, randomUUID(), () => {
				// Stopped for so long that another writer took over: what was read above may be old, and writing it would lose the other's change.
				if (!lock.isHeld())
					throw new VaultError("locked", "the vault was locked for too long by this process; nothing was changed, try again");
			});
			await syncFolderOf(this.#file);
			return true;
		} catch (error) {
			if (error instanceof VaultError) throw error;
			throw new VaultError("file_unusable", `the vault's file ${this.#file} cannot be written (${errorCode(error)})`);
		} finally {
			lock.release();
		}
	}

	/** What the file holds now; read only when it is another file, or another content, than last time. */
	async #load(): Promise<Loaded> {
		const stamp = stampOf(this.#file);
		const before = this.#loaded;
		if (stamp !== undefined && stamp === before.stamp) return before;
		const sealed = stamp === undefined && !exists(this.#file) ? NO_SECRETS : await this.#read();
		if (sealed.generation < before.sealed.generation) throw tampered();
		// Another load began later and ended sooner: what it saw is the newer.
		if (sealed.generation < this.#loaded.sealed.generation) return this.#loaded;
		const last = this.#loaded;
		const opened = new Map([...last.opened].filter(([name]) => sealed.entries.get(name) === last.sealed.entries.get(name)));
		this.#loaded = { stamp: stamp ?? "", sealed, opened };
		return this.#loaded;
	}

	async #read(): Promise<SealedSecrets> {
		let text: string;
		try {
			if (statSync(this.#file).size > FILE_BYTES_MAX) throw new VaultError("file_unusable", `${this.#file} is too large to be a vault`);
			text = await readFile(this.#file, "utf8");
		} catch (error) {
			if (error instanceof VaultError) throw error;
			throw new VaultError("file_unusable", `the vault's file ${this.#file} cannot be read (${errorCode(error)})`);
		}
		return readSecrets(this.#key, text, this.#file);
	}
}

/**
 * Identifies a file's content without reading it, or undefined when it cannot be told (missing, or changed just now). Synchronous: a few
 * microseconds, and on the way of each call.
 */
const stampOf = (file: string): string | undefined => {
	const about = statSync(file, { bigint: true, throwIfNoEntry: false });
	if (about === undefined || Math.abs(Date.now() - Number(about.mtimeMs)) < RACY_MS) return undefined;
	return `${about.dev}:${about.ino}:${about.size}:${about.mtimeNs}:${about.ctimeNs}`;
};

const exists = (file: string): boolean => statSync(file, { throwIfNoEntry: false }) !== undefined;

const makeFolderOf = (file: string): void => {
	try {
		mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
	} catch (error) {
		throw new VaultError("file_unusable", `the vault's folder ${dirname(file)} cannot be made (${errorCode(error)})`);
	}
};

/** Drafts of writers that were killed; only called under the lock, so none is in use. */
const removeLeftovers = (file: string): void => {
	const prefix = `${basename(file)}.`;
	for (const name of readdirSync(dirname(file))) {
		const isDraft = name.startsWith(prefix) && /^[0-9a-f-]{36}\.tmp$/.test(name.slice(prefix.length));
		if (isDraft) rmSync(join(dirname(file), name), { force: true });
	}
};
