// The key of a file vault: 32 random bytes in a file that only its owner can read.
import { createHash, randomBytes } from "node:crypto";
import { open, readFile, stat } from "node:fs/promises";
import { VaultError } from "./vault.ts";
import { syncFolderOf } from "./write-file.ts";

/** A vault's key and the id that its vault is marked with (the beginning of the key's SHA-256; it tells nothing about the key). */
export type VaultKey = { id: string; bytes: Uint8Array };

const KEY_BYTES = 32;

/**
 * Makes a new key file, mode 0600. Its content is one line of base64url.
 * @throws VaultError `file_unusable`, also when the file exists: a key is never overwritten, what it locked would be lost
 */
export const createVaultKey = async (keyFile: string): Promise<void> => {
	let file: Awaited<ReturnType<typeof open>>;
	try {
		file = await open(keyFile, "wx", 0o600);
	} catch (error) {
		throw new VaultError(
			"file_unusable",
			`the key file ${keyFile} cannot be made (${errorCode(error)}); an existing key is never overwritten`,
		);
	}
	try {
		await file.writeFile(`${randomBytes(KEY_BYTES).toString("base64url")}\n`);
		await file.sync();
	} finally {
		await file.close();
	}
	await syncFolderOf(keyFile);
};

/**
 * Reads a key file.
 * @throws VaultError `key_missing`, `key_exposed` (others may read it) or `key_malformed`
 */
export const readVaultKey = async (keyFile: string): Promise<VaultKey> => {
	let text: string;
	let mode: number;
	try {
		const about = await stat(keyFile);
		mode = about.mode;
		if (!about.isFile() || about.size > 256) throw new VaultError("key_malformed", `${keyFile} is not a vault's key file`);
		text = await readFile(keyFile, "latin1");
	} catch (error) {
		if (error instanceof VaultError) throw error;
		throw new VaultError("key_missing", `the vault's key file ${keyFile} cannot be read (${errorCode(error)})`);
	}
	if ((mode & 0o077) !== 0) {
		throw new VaultError("key_exposed", `others can read the vault's key file; run: chmod 600 ${keyFile} (and consider new credentials)`);
	}
	const match = /^([A-Za-z0-9_-]{43})\r?\n?$/.exec(text);
	const bytes = Buffer.from(match?.[1] ?? "", "base64url");
	if (bytes.byteLength !== KEY_BYTES)
		throw new VaultError("key_malformed", `${keyFile} does not hold a key: one line, 43 characters of base64url`);
	return { id: createHash("sha256").update("callgate vault key").update(bytes).digest("base64url").slice(0, 16), bytes };
};

/** Node's code of a system error, which holds no content. */
export const errorCode = (error: unknown): string =>
	error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
