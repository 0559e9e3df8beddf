// A record of a test's making: random messages, cut into segments and signed as a writer would, as the lines of its export.
import { generateKeyPairSync } from "node:crypto";
import { signCheckpoint } from "#libs/merkle/checkpoint.ts";
import { GrowingTree } from "#libs/merkle/growing-tree.ts";
import { leafHash } from "#libs/merkle/hash.ts";
import { keyText, type NoteSigner, noteSigner } from "#libs/merkle/signed-note.ts";
import { seededChance } from "../../test/support/seeded-chance.ts";
import { digestOf, type Entry, entryText } from "./entry.ts";
import { exportHead, type LeafLine } from "./export-record.ts";

export const origin = "callgate.test/record";
export const newSigner = (): NoteSigner => noteSigner(origin, generateKeyPairSync("ed25519").privateKey);

export type Line = LeafLine | { readonly checkpoint: string };
export const isLeaf = (line: Line): line is LeafLine => "index" in line;

export const callOf = (nth: number) => `01890a5d-ac96-774b-bcce-${String(nth).padStart(12, "0")}`;
const startMs = Date.parse("2026-01-01T00:00:00.000Z");

/** @param segments how many checkpoints; each adds up to a dozen events in messages of one to three. */
export function aRecord(seed: number, signer: NoteSigner, segments = 4): Line[] {
	const random = seededChance(seed);
	const tree = new GrowingTree();
	const lines: Line[] = [];
	const era = { identity: "stream-of-test" };
	let position = 0;
	const add = (entry: Entry, event?: string) => {
		const text = entryText(entry);
		lines.push({ index: tree.size, entry: text, ...(event !== undefined && { event }) });
		tree.push(leafHash(Buffer.from(text)));
	};
	add({ kind: "stream", era });
	add({ kind: "key", key: keyText(signer) });
	for (let segment = 0; segment < segments; segment++) {
		for (let messages = Math.floor(random() * 5); messages >= 0; messages--) {
			position++;
			for (let item = Math.floor(random() * 3); item >= 0; item--) {
				const nth = 2 - item;
				const event = JSON.stringify({ specversion: "1.0", subject: callOf(position % 3), data: { text: `é"${random()}`, nth } });
				const before = lines.at(-1);
				const isFirst = !before || !isLeaf(before) || !before.entry.startsWith(`event ${position} `);
				const last = isFirst ? -1 : Number(before.entry.split(" ")[2]);
				add(
					{
						kind: "event",
						position,
						item: last + 1,
						subject: "callgate.policy._.ingress._.call.received",
						digest: digestOf(Buffer.from(event)),
					},
					event,
				);
			}
		}
		add({ kind: "time", at: new Date(startMs + segment * 60_000).toISOString(), position, era });
		lines.push({ checkpoint: signCheckpoint({ origin, size: tree.size, root: tree.root() }, [signer]) });
	}
	return lines;
}

export function textOf(lines: readonly Line[]): string {
	return [exportHead, ...lines].map((line) => `${JSON.stringify(line)}\n`).join("");
}
