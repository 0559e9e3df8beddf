// Cosignatures of witnesses (C2SP tlog-cosignature, Ed25519): that somebody else saw this tree, and that it was the one before, grown.
import { verify } from "node:crypto";
import { type NoteKey, readNote } from "./signed-note.ts";

/** A witness' statement: at this time this was the largest tree of this origin that it knew. */
export interface Cosignature {
	readonly by: NoteKey;
	readonly at: Date;
	/** As it stands below the note, with its line feed. */
	readonly line: string;
}

const timeBytes = 8;
const signatureBytes = 64;
const millisecondsMax = 8.64e15;

/** What a witness signs. @param seconds POSIX time @param text of the checkpoint's note, without signatures */
export function cosigned(seconds: bigint, text: string): Buffer {
	return Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`);
}

/** The cosignatures of these witnesses below a checkpoint, each at most once. What others wrote there counts for nothing, and so does one that is wrong. */
export function cosignaturesOf(note: string, witnesses: readonly NoteKey[]): Cosignature[] {
	const parsed = readNote(note);
	if (!parsed) return [];
	const found = new Map<NoteKey, Cosignature>();
	for (const { name, id, signature } of parsed.signatures) {
		const by = witnesses.find((witness) => witness.name === name && witness.id.equals(id));
		if (!by || signature.length !== timeBytes + signatureBytes) continue;
		const seconds = signature.readBigUInt64BE();
		const at = new Date(Number(seconds) * 1_000);
		if (Number(seconds) * 1_000 > millisecondsMax) continue;
		if (!verify(null, cosigned(seconds, parsed.text), by.key, signature.subarray(timeBytes))) continue;
		found.set(by, { by, at, line: `— ${name} ${Buffer.concat([id, signature]).toString("base64")}\n` });
	}
	return [...found.values()];
}
