// Signed notes (C2SP signed-note): a text, and below it one line a signature. Ed25519 alone is spoken here.
import { createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { sha256 } from "./hash.ts";

/** Who may sign, as verifiers know it. */
export interface NoteKey {
	readonly name: string;
	/** The first four bytes of a hash over name and key. */
	readonly id: Buffer;
	/** Public, Ed25519. */
	readonly key: KeyObject;
}

export interface NoteSigner extends NoteKey {
	/** Private. */
	readonly secret: KeyObject;
}

/** The type byte of a key: what it signs is the note's text (C2SP signed-note), or a cosignature of it (C2SP tlog-cosignature). */
const keyTypes = { note: 1, cosignature: 4 } as const;
type KeyType = keyof typeof keyTypes;
const namePattern = /^[^\s+\p{Cc}]+$/u;
/** A note is small: an attacker's may not make a verifier work for long. */
const noteBytesMax = 65_536;
const signaturesMax = 64;

/** @throws {RangeError} if the name or the key cannot be one. */
export function noteKey(name: string, key: KeyObject, type: KeyType = "note"): NoteKey {
	if (!namePattern.test(name))
		throw new RangeError("the name of a note's key must have no space, plus or control character, and not be empty");
	const hashed = Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([keyTypes[type]]), rawOf(key)]);
	return { name, key, id: sha256(hashed).subarray(0, 4) };
}

export function noteSigner(name: string, secret: KeyObject): NoteSigner {
	return { ...noteKey(name, createPublicKey(secret)), secret };
}

/** `name+id+key`, as verifiers are given it: id in hexadecimal, key in base64 behind its type byte. */
export function keyText({ name, id, key }: NoteKey, type: KeyType = "note"): string {
	return `${name}+${id.toString("hex")}+${Buffer.concat([Buffer.from([keyTypes[type]]), rawOf(key)]).toString("base64")}`;
}

/** @throws {RangeError} if it is not such a text, or its id is not that of its name and key. */
export function readKeyText(text: string, type: KeyType = "note"): NoteKey {
	const [, name = "", id = "", encoded = ""] = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/.exec(text) ?? [];
	const bytes = Buffer.from(encoded, "base64");
	if (bytes.length !== 33 || bytes[0] !== keyTypes[type])
		throw new RangeError(
			`a verifier's key is written as name+id+key: an Ed25519 key in the form of C2SP signed-note, of type ${keyTypes[type]}`,
		);
	const x = bytes.subarray(1).toString("base64url");
	const key = noteKey(name, createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }), type);
	if (key.id.toString("hex") !== id)
		throw new RangeError("the id in a verifier's key is not that of its name and key: it was changed or cut");
	return key;
}

function rawOf(key: KeyObject): Buffer {
	const { crv, x } = key.export({ format: "jwk" });
	if (crv !== "Ed25519" || x === undefined) throw new RangeError(`a note is signed with Ed25519, found ${crv ?? key.asymmetricKeyType}`);
	return Buffer.from(x, "base64url");
}

/** @param text ends with a line feed @throws {RangeError} if it does not, or holds another control character. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
	if (!isNoteText(text)) throw new RangeError("a note's text must end with a line feed and hold no other control character");
	const lines = signers.map(({ name, id, secret }) => {
		const signature = sign(null, Buffer.from(text), secret);
		return `— ${name} ${Buffer.concat([id, signature]).toString("base64")}\n`;
	});
	return `${text}\n${lines.join("")}`;
}

function isNoteText(text: string): boolean {
	// biome-ignore lint/suspicious/noControlCharactersInRegex: the format forbids exactly these
	return text.endsWith("\n") && !/[\u0000-\u0009\u000b-\u001f]/.test(text) && text.isWellFormed();
}

/** Why a note does not count. */
export type NoteFault = "malformed" | "wrong-signature" | "unknown-key";
export type OpenedNote =
	| { readonly ok: true; readonly text: string; readonly by: readonly NoteKey[] }
	| { readonly ok: false; readonly fault: NoteFault };

/** The text of a note that one of these keys signed. A signature of a known key that is wrong refuses the whole note. */
export function openNote(note: string, keys: readonly NoteKey[]): OpenedNote {
	const parsed = readNote(note);
	if (!parsed) return { ok: false, fault: "malformed" };
	const by: NoteKey[] = [];
	for (const { name, id, signature } of parsed.signatures) {
		const known = keys.find((key) => key.name === name && key.id.equals(id));
		if (!known) continue;
		if (!verify(null, Buffer.from(parsed.text), known.key, signature)) return { ok: false, fault: "wrong-signature" };
		by.push(known);
	}
	return by.length > 0 ? { ok: true, text: parsed.text, by } : { ok: false, fault: "unknown-key" };
}

interface Signature {
	readonly name: string;
	readonly id: Buffer;
	readonly signature: Buffer;
}

/** A note's text and signatures, none of them checked; undefined where it is no note. */
export function readNote(note: string): { readonly text: string; readonly signatures: readonly Signature[] } | undefined {
	if (note.length > noteBytesMax || !isNoteText(note)) return undefined;
	const end = note.lastIndexOf("\n\n");
	if (end < 0) return undefined;
	const lines = note.slice(end + 2, -1).split("\n");
	if (lines.length > signaturesMax) return undefined;
	const signatures: Signature[] = [];
	for (const line of lines) {
		const [, name = "", encoded = ""] = /^— (\S+) ([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? [];
		const bytes = Buffer.from(encoded, "base64");
		if (bytes.length < 5 || bytes.toString("base64") !== encoded || !namePattern.test(name)) return undefined;
		signatures.push({ name, id: bytes.subarray(0, 4), signature: bytes.subarray(4) });
	}
	return { text: note.slice(0, end + 1), signatures };
}
