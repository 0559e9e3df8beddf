// The tree's last checkpoint, offered to witnesses (C2SP tlog-witness): what they signed is kept beside it, for who trusts neither the storage nor its operator.
import { openCheckpoint } from "#libs/merkle/checkpoint.ts";
import { type Cosignature, cosignaturesOf } from "#libs/merkle/cosignature.ts";
import { proveConsistency, rootsFromTiles } from "#libs/merkle/proofs.ts";
import { type NoteKey, readKeyText } from "#libs/merkle/signed-note.ts";
import { tilePath, tileWidth } from "#libs/merkle/tile-path.ts";
import type { ProofStore } from "#libs/proof/store.ts";
import { ConfigurationInvalid } from "#libs/service/config.ts";
import type { WitnessLog, WitnessMetrics } from "./ports.ts";
import type { TreeParts } from "./record-tree.ts";

export interface Witness {
	/** Its submission prefix, without a slash at the end. */
	readonly url: string;
	readonly key: NoteKey;
}

export interface WitnessParts extends TreeParts {
	readonly witnesses: readonly Witness[];
	readonly log: WitnessLog;
	readonly metrics: WitnessMetrics;
}

/** Where the last checkpoint lies that a witness signed, with the signatures of all who signed it. */
export const witnessedPath = "witnessed";

/** More than anybody asks. */
const witnessesMax = 16;

/**
 * @param text of `CALLGATE_WITNESSES`: a JSON list of texts, each a witness' submission prefix, a space, and its key as it publishes it
 * @throws {ConfigurationInvalid} what was found, and what was expected
 */
export function readWitnesses(text: string): Witness[] {
	let list: unknown;
	try {
		list = JSON.parse(text);
	} catch {
		list = undefined;
	}
	if (!Array.isArray(list) || list.length > witnessesMax)
		throw new ConfigurationInvalid([`CALLGATE_WITNESSES must be a JSON list of at most ${witnessesMax} texts "URL name+id+key"`]);
	return list.map((one: unknown) => {
		const [, url, key] = typeof one === "string" ? (/^(https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?) (\S+)$/.exec(one) ?? []) : [];
		try {
			if (url !== undefined && key !== undefined) return { url: url.replace(/\/+$/, ""), key: readKeyText(key, "cosignature") };
		} catch (error) {
			if (!(error instanceof RangeError)) throw error;
			throw new ConfigurationInvalid([`CALLGATE_WITNESSES, of the witness at ${url}: ${error.message}`]);
		}
		throw new ConfigurationInvalid([
			'CALLGATE_WITNESSES must name each witness as "URL name+id+key": where checkpoints are sent, without login or query, and the key by which it is known',
		]);
	});
}

/** Milliseconds for one question. Witnesses answer at once; nothing waits for them. */
const answerMs = 10_000;
const answerBytesMax = 65_536;

/** A witness did not sign. The message holds names, codes and numbers only. */
export class NotWitnessed extends Error {
	constructor(message: string, options?: ErrorOptions) {
		super(message, options);
		this.name = "NotWitnessed";
	}
}

/** Asks every witness at once. None holds up another, nor the tree. */
export class Witnesses {
	private readonly parts: WitnessParts;
	/** The tree that each signed last, as far as it is known. */
	private readonly sizes = new Map<Witness, number>();
	private asking: Promise<void> | undefined;

	constructor(parts: WitnessParts) {
		this.parts = parts;
	}

	/** Offers the last checkpoint in the storage, unless one is being offered. Never rejects. */
	async ask(): Promise<void> {
		if (this.parts.witnesses.length === 0) return;
		this.asking ??= this.askAll().finally(() => {
			this.asking = undefined;
		});
		await this.asking;
	}

	private async askAll(): Promise<void> {
		const { store, origin, signers, witnesses, log, metrics } = this.parts;
		try {
			const note = (await store.get("checkpoint"))?.toString();
			const opened = note === undefined ? undefined : openCheckpoint(note, signers);
			if (note === undefined || !opened?.ok || opened.checkpoint.origin !== origin) return;
			const offer = { note, size: opened.checkpoint.size };
			const signed = await Promise.all(
				witnesses.map(async (witness) => {
					try {
						const cosignature = await this.askOne(witness, offer);
						metrics.witnessed(witness.key.name);
						log.witnessed({ witness: witness.key.name, size: offer.size });
						return [cosignature];
					} catch (error) {
						metrics.refused(witness.key.name);
						log.refused({ witness: witness.key.name, error });
						return [];
					}
				}),
			);
			const lines = signed.flat().map(({ line }) => line);
			if (lines.length > 0) await store.put(witnessedPath, Buffer.from(`${note}${lines.join("")}`));
		} catch (error) {
			log.refused({ error });
		}
	}

	private async askOne(witness: Witness, { note, size }: { note: string; size: number }): Promise<Cosignature> {
		for (let tries = 2; tries > 0; tries--) {
			const old = this.sizes.get(witness) ?? 0;
			const { status, text } = await post(`${witness.url}/add-checkpoint`, await this.requestFor(old, size, note));
			if (status === 200) {
				const [cosignature] = cosignaturesOf(`${note}${text}`, [witness.key]);
				if (!cosignature) throw new NotWitnessed("its answer holds no cosignature of its key");
				this.sizes.set(witness, size);
				return cosignature;
			}
			const known = status === 409 && /^(?:0|[1-9]\d{0,14})\n$/.test(text) ? Number(text) : undefined;
			if (known === undefined || known === old) throw new NotWitnessed(`it answered with ${status}`);
			if (known > size)
				throw new NotWitnessed(`it has signed a tree of ${known} leaves, and this one has ${size}: the storage was rolled back`);
			this.sizes.set(witness, known);
		}
		throw new NotWitnessed("it was asked by somebody else meanwhile");
	}

	private async requestFor(old: number, size: number, note: string): Promise<string> {
		const proof = await proveConsistency(
			old,
			size,
			rootsFromTiles(size, (tile) => readTile(this.parts.store, tile)),
		);
		return `old ${old}\n${proof.map((hash) => `${Buffer.from(hash).toString("base64")}\n`).join("")}\n${note}`;
	}
}

/** A tile that was grown over is in the one that it became. */
async function readTile(store: ProofStore, tile: Parameters<typeof tilePath>[0]): Promise<Uint8Array | undefined> {
	return (await store.get(tilePath(tile))) ?? (await store.get(tilePath({ ...tile, width: tileWidth })));
}

async function post(url: string, body: string): Promise<{ readonly status: number; readonly text: string }> {
	try {
		const signal = AbortSignal.timeout(answerMs);
		const response = await fetch(url, { method: "POST", body, signal, redirect: "manual", headers: { "content-type": "text/plain" } });
		const chunks: Uint8Array[] = [];
		let bytes = 0;
		for await (const chunk of response.body ?? []) {
			bytes += chunk.length;
			if (bytes > answerBytesMax) throw new NotWitnessed(`its answer has more than ${answerBytesMax} bytes`);
			chunks.push(chunk);
		}
		return { status: response.status, text: Buffer.concat(chunks).toString() };
	} catch (error) {
		if (error instanceof NotWitnessed) throw error;
		const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
		const code = cause instanceof Error && "code" in cause ? String(cause.code) : cause instanceof Error ? cause.name : "failed";
		throw new NotWitnessed(`it cannot be reached (${code})`, { cause: error });
	}
}
