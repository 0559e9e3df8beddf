// The vault as its users see it: secrets by name, the rules for both, and every way it can refuse.
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import type { Secret } from "./secret.ts";

/**
 * Where function credentials are kept. What every adapter guarantees, and the contract suite checks:
 *
 * - **Durable**: when `set` or `remove` resolves, the change outlives a crash of the process and of the machine (in memory: of nobody).
 * - **Atomic**: a reader sees a secret as it was before a change or after it, never between; so does one that starts after a crash.
 * - **Fresh**: `get` and `names` tell of every change that had resolved before they were called, whoever made it.
 * - **None lost**: changes made at the same time, by other processes too, all take place, one after the other.
 * - **Closed**: what was changed by anyone but a vault with the key is refused with `tampered`, never returned; so is an older state than
 *   this vault has already seen.
 * - **Silent**: no error holds a value. A {@link Secret} shows its value to `reveal()` alone, and is the same object until its value changes.
 */
export type Vault = {
	/** The secret of this name, or undefined. @throws VaultError */
	get(name: string): Promise<Secret | undefined>;
	/** All names, sorted. @throws VaultError */
	names(): Promise<string[]>;
	/** Adds a secret or replaces it. @throws VaultError `name_invalid`, `value_invalid`, `full`, … */
	set(name: string, value: string): Promise<void>;
	/** Removes a secret; says whether there was one. @throws VaultError */
	remove(name: string): Promise<boolean>;
};

/**
 * - `name_invalid`, `value_invalid` broke the rules below · `full` the vault holds as many secrets as it may
 * - `key_missing`, `key_exposed`, `key_malformed` the key file cannot be used · `key_wrong` it is another vault's
 * - `file_unusable` the vault's file cannot be read or written, or is not a vault's
 * - `tampered` an entry was changed, moved, added, taken away or put back by someone without the key
 * - `locked` another process holds the vault for too long
 */
export type VaultErrorCode =
	| "name_invalid"
	| "value_invalid"
	| "full"
	| "key_missing"
	| "key_exposed"
	| "key_malformed"
	| "key_wrong"
	| "file_unusable"
	| "tampered"
	| "locked";

/** A refusal of the vault. The message says what to do and holds no value and no key. */
export class VaultError extends ExpectedError {
	readonly code: VaultErrorCode;

	constructor(code: VaultErrorCode, message: string) {
		super(message);
		this.code = code;
	}
}

/** Of one value, in UTF-8: enough for a chain of certificates with its key. */
export const SECRET_BYTES_MAX = 64 * 1024;
/** Keeps the file, which is read and written whole, under about 100 MB. */
export const SECRETS_MAX = 1000;

/** @throws VaultError `name_invalid` unless the name is 1 to 63 of a-z, 0-9 and hyphens, not beginning with a hyphen */
export const checkName = (name: string): void => {
	if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) {
		throw new VaultError(
			"name_invalid",
			"a secret's name is 1 to 63 lower-case letters, digits and hyphens, and does not begin with a hyphen",
		);
	}
};

/** @throws VaultError `value_invalid` for an empty value, one over {@link SECRET_BYTES_MAX}, or one that UTF-8 cannot hold */
export const checkValue = (value: string): void => {
	if (value === "") throw new VaultError("value_invalid", "a secret cannot be empty");
	if (!value.isWellFormed()) throw new VaultError("value_invalid", "a secret must be text; write binary data as base64");
	if (Buffer.byteLength(value, "utf8") > SECRET_BYTES_MAX)
		throw new VaultError("value_invalid", `a secret can have ${SECRET_BYTES_MAX} bytes`);
};
