// What the record's tree has, held against what the harness heard of the stream: every event once, in its own bytes, under checkpoints that hold.
import { createPrivateKey, type JsonWebKey } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { noteSigner } from "#libs/merkle/signed-note.ts";
import { digestOf, type Entry, readEntry } from "#libs/proof/entry.ts";
import { exportRecord, type LeafLine } from "#libs/proof/export-record.ts";
import { splitMessage } from "#libs/proof/split-message.ts";
import { createFileStore } from "#libs/proof/store-files.ts";
import { RecordVerifier } from "#libs/proof/verify-record.ts";
import { proofDir, proofOrigin } from "../../infra/local/service-plans.ts";
import type { Stack } from "../../infra/local/stack.ts";
import type { StoredMessage } from "./operator.ts";

/** Beyond the time within which a checkpoint must come. */
const signedWithinMs = 90_000;
const faultsMax = 100;

/** What the tree should have of the stream: the digest of each event's own bytes, by its place. */
export class HeardEvents {
	private readonly digests = new Map<string, string>();

	hear({ sequence, bytes }: Pick<StoredMessage, "sequence" | "bytes">): void {
		for (const [item, event] of splitMessage(bytes).entries()) this.digests.set(`${sequence}.${item}`, digestOf(event));
	}

	/** @param upTo what was heard up to this position is in the tree, or should be */
	compare(entries: readonly Entry[], upTo: number): string[] {
		const faults: string[] = [];
		const left = new Map([...this.digests].filter(([place]) => Number.parseInt(place, 10) <= upTo));
		for (const entry of entries) {
			if (entry.kind === "missing") faults.push(`the tree says that positions ${entry.from} to ${entry.to} were gone when it came to them`);
			if (entry.kind !== "event" || entry.position > upTo) continue;
			const place = `${entry.position}.${entry.item}`;
			const digest = left.get(place);
			left.delete(place);
			if (digest === undefined)
				faults.push(`the tree has an event at ${place} ${this.digests.has(place) ? "twice" : "that the stream has not"}`);
			else if (digest !== entry.digest) faults.push(`the tree has another event at ${place} than the stream`);
		}
		return [...faults, ...[...left.keys()].map((place) => `the tree has not the event at ${place}`)].slice(0, faultsMax);
	}
}

/** Waits until the tree has come to `upTo`. */
export async function findUnproven(stack: Pick<Stack, "dataDir" | "keys">, heard: HeardEvents, upTo: number): Promise<string[]> {
	const keys = (JSON.parse(stack.keys.value("checkpoint-keys.json")) as JsonWebKey[]).map((key) =>
		noteSigner(proofOrigin, createPrivateKey({ key, format: "jwk" })),
	);
	const until = performance.now() + signedWithinMs;
	for (;;) {
		const verifier = new RecordVerifier({ origin: proofOrigin, keys });
		const entries: Entry[] = [];
		for await (const lines of exportRecord(createFileStore(proofDir(stack.dataDir)))) {
			for (const line of lines.trimEnd().split("\n")) {
				verifier.line(line);
				const entry = readEntry((JSON.parse(line) as Partial<LeafLine>).entry ?? "");
				if (entry) entries.push(entry);
			}
		}
		const last = entries.findLast(({ kind }) => kind === "time");
		const reached = last?.kind === "time" ? last.position : 0;
		if (reached < upTo && performance.now() < until) {
			await delay(1_000);
			continue;
		}
		const { finding } = verifier.end();
		return [...(finding ? [`${finding.fault}: ${finding.message}`] : []), ...heard.compare(entries, upTo)];
	}
}
