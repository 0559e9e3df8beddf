// An export of the record, signed as a writer of the tree signs it, with events of a test's making.
import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import { subjectOf } from "#libs/contracts/subjects.ts";
import { signCheckpoint } from "#libs/merkle/checkpoint.ts";
import { GrowingTree } from "#libs/merkle/growing-tree.ts";
import { leafHash } from "#libs/merkle/hash.ts";
import { keyText, noteSigner } from "#libs/merkle/signed-note.ts";
import { digestOf as bytesDigest, type Entry, entryText } from "#libs/proof/entry.ts";
import { exportHead } from "#libs/proof/export-record.ts";

const origin = "callgate.test/record";
export const signer = noteSigner(origin, generateKeyPairSync("ed25519").privateKey);

let files = 0;
/** An export that a writer of the tree would have made. */
export async function exportOf(dir: string, events: readonly CallgateEvent[], change = (text: string) => text): Promise<string> {
	const tree = new GrowingTree();
	const lines: object[] = [exportHead];
	const add = (entry: Entry, event?: string) => {
		const text = entryText(entry);
		lines.push({ index: tree.size, entry: text, ...(event !== undefined && { event }) });
		tree.push(leafHash(Buffer.from(text)));
	};
	const era = { identity: "stream-of-test" };
	add({ kind: "stream", era });
	add({ kind: "key", key: keyText(signer) });
	events.forEach((event, at) => {
		const text = JSON.stringify(event);
		add({ kind: "event", position: at + 1, item: 0, subject: subjectOf(event), digest: bytesDigest(Buffer.from(text)) }, text);
	});
	add({ kind: "time", at: "2026-01-01T00:01:00.000Z", position: events.length, era });
	lines.push({ checkpoint: signCheckpoint({ origin, size: tree.size, root: tree.root() }, [signer]) });
	const file = join(dir, `export-${files++}.ndjson`);
	await writeFile(file, change(lines.map((line) => `${JSON.stringify(line)}\n`).join("")));
	return file;
}
