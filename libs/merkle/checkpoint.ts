// A checkpoint (C2SP tlog-checkpoint): which tree, how many leaves, which root, as a signed note.
import { hashBytes } from "./hash.ts";
import { type NoteFault, type NoteKey, type NoteSigner, openNote, readNote, signNote } from "./signed-note.ts";

export interface Checkpoint {
	/** Which tree: a name that no other tree has. */
	readonly origin: string;
	/** Leaves. */
	readonly size: number;
	/** 32 bytes. */
	readonly root: Uint8Array;
}

export function signCheckpoint({ origin, size, root }: Checkpoint, signers: readonly NoteSigner[]): string {
	return signNote(`${origin}\n${size}\n${Buffer.from(root).toString("base64")}\n`, signers);
}

export type OpenedCheckpoint =
	| { readonly ok: true; readonly checkpoint: Checkpoint; readonly by: readonly NoteKey[] }
	| { readonly ok: false; readonly fault: NoteFault | "other-origin" };

/** The checkpoint in a note that one of these keys signed; a key signs for the tree that bears its name, and for no other. */
export function openCheckpoint(note: string, keys: readonly NoteKey[]): OpenedCheckpoint {
	const opened = openNote(note, keys);
	if (!opened.ok) return opened;
	const checkpoint = readText(opened.text);
	if (!checkpoint) return { ok: false, fault: "malformed" };
	const by = opened.by.filter(({ name }) => name === checkpoint.origin);
	return by.length > 0 ? { ok: true, checkpoint, by } : { ok: false, fault: "other-origin" };
}

/** What a note says, whoever signed it: only for what is compared with a note that was opened. */
export function readCheckpoint(note: string): Checkpoint | undefined {
	const parsed = readNote(note);
	return parsed && readText(parsed.text);
}

function readText(text: string): Checkpoint | undefined {
	const [origin = "", digits = "", encoded = "", ...extension] = text.slice(0, -1).split("\n");
	const size = Number(digits);
	const root = Buffer.from(encoded, "base64");
	if (origin === "" || !/^(0|[1-9]\d{0,15})$/.test(digits) || !Number.isSafeInteger(size)) return undefined;
	if (root.length !== hashBytes || root.toString("base64") !== encoded || extension.includes("")) return undefined;
	return { origin, size, root };
}
