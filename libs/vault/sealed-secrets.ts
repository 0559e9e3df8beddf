// The vault file's text: each secret its own JWE bound to its name, and a seal over all of them.
import { createHash } from "node:crypto";
import { CompactEncrypt, compactDecrypt } from "jose";
import { VaultError } from "./vault.ts";
import type { VaultKey } from "./vault-key.ts";

/** The content of a vault file, its seal checked: name → JWE. `generation` grows by one with each change. */
export type SealedSecrets = { generation: number; entries: ReadonlyMap<string, string> };

/** What a vault is before its first secret. */
export const NO_SECRETS: SealedSecrets = { generation: 0, entries: new Map() };

const FORMAT = "callgate-vault-1";
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Encrypts one value (JWE compact, RFC 7516: `dir` with A256GCM). The name is in the protected header, which is authenticated: an entry
 * under another name does not open.
 */
export const sealSecret = (key: VaultKey, name: string, value: string): Promise<string> => encrypt(key, { typ: "secret", name }, value);

/** @throws VaultError `tampered` when the entry was not made with this key for this name */
export const openSecret = async (key: VaultKey, name: string, entry: string): Promise<string> =>
	decrypt(key, { typ: "secret", name }, entry);

/** The text of a vault file. The seal binds the generation and every entry, so that none can be taken away or put back. */
export const writeSecrets = async (key: VaultKey, secrets: SealedSecrets): Promise<string> => {
	const sorted = Object.fromEntries([...secrets.entries].sort(([one], [other]) => (one < other ? -1 : 1)));
	const seal = await encrypt(key, { typ: "seal" }, fingerprint(secrets.generation, sorted));
	return `${JSON.stringify({ format: FORMAT, key: key.id, generation: secrets.generation, secrets: sorted, seal }, undefined, "\t")}\n`;
};

/**
 * Reads the text of a vault file.
 * @throws VaultError `file_unusable` (not a vault), `key_wrong` or `tampered`
 */
export const readSecrets = async (key: VaultKey, text: string, file: string): Promise<SealedSecrets> => {
	const content = parse(text);
	if (content === undefined) throw new VaultError("file_unusable", `${file} is not a vault of this version of Callgate`);
	if (content.key !== key.id) throw new VaultError("key_wrong", `${file} was written with another key than the one given`);
	const seal = await decrypt(key, { typ: "seal" }, content.seal);
	if (seal !== fingerprint(content.generation, content.secrets)) throw tampered();
	return { generation: content.generation, entries: new Map(Object.entries(content.secrets)) };
};

/** What a changed vault is refused with. */
export const tampered = (): VaultError =>
	new VaultError(
		"tampered",
		"the vault's file was changed by something that does not hold its key, or put back to an older state; restore it, then restart what reads it",
	);

const fingerprint = (generation: number, secrets: Readonly<Record<string, string>>): string =>
	createHash("sha256")
		.update(JSON.stringify([FORMAT, generation, Object.entries(secrets)]))
		.digest("base64url");

const encrypt = (key: VaultKey, header: { typ: string; name?: string }, text: string): Promise<string> =>
	new CompactEncrypt(encoder.encode(text)).setProtectedHeader({ alg: "dir", enc: "A256GCM", ...header }).encrypt(key.bytes);

const decrypt = async (key: VaultKey, expected: { typ: string; name?: string }, jwe: string): Promise<string> => {
	try {
		const { plaintext, protectedHeader } = await compactDecrypt(jwe, key.bytes, {
			keyManagementAlgorithms: ["dir"],
			contentEncryptionAlgorithms: ["A256GCM"],
			maxDecompressedLength: 0, // we never compress
		});
		if (protectedHeader.typ !== expected.typ || protectedHeader.name !== expected.name) throw tampered();
		return decoder.decode(plaintext);
	} catch {
		throw tampered(); // and nothing of the cause: it may hold what it could not read
	}
};

type VaultFile = { key: string; generation: number; secrets: Record<string, string>; seal: string };

const parse = (text: string): VaultFile | undefined => {
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch {
		return undefined;
	}
	if (typeof value !== "object" || value === null || !("format" in value) || value.format !== FORMAT) return undefined;
	if (!("key" in value) || typeof value.key !== "string" || !("seal" in value) || typeof value.seal !== "string") return undefined;
	if (!("generation" in value) || typeof value.generation !== "number" || !Number.isSafeInteger(value.generation)) return undefined;
	if (!("secrets" in value) || typeof value.secrets !== "object" || value.secrets === null || Array.isArray(value.secrets))
		return undefined;
	const secrets: Record<string, string> = Object.create(null);
	for (const [name, entry] of Object.entries(value.secrets)) {
		if (typeof entry !== "string") return undefined;
		secrets[name] = entry;
	}
	return { key: value.key, generation: value.generation, secrets, seal: value.seal };
};
