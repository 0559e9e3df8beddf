// A witness as the specification has it (C2SP tlog-witness): what it was told, and what it says to whom.
import { generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { openCheckpoint } from "./checkpoint.ts";
import { cosigned } from "./cosignature.ts";
import { isBeginningOf, type TreeHead } from "./proofs.ts";
import { keyText, type NoteKey, noteKey } from "./signed-note.ts";

export interface Cosigner {
	readonly key: NoteKey;
	/** As it publishes it. */
	readonly text: string;
	/** The line below the note with this text. */
	cosign(text: string, seconds?: bigint): string;
}

export function newCosigner(name: string): Cosigner {
	const { publicKey, privateKey } = generateKeyPairSync("ed25519");
	const key = noteKey(name, publicKey, "cosignature");
	return {
		key,
		text: keyText(key, "cosignature"),
		cosign(text, seconds = BigInt(Math.floor(Date.now() / 1_000))) {
			const time = Buffer.alloc(8);
			time.writeBigUInt64BE(seconds);
			const signature = sign(null, cosigned(seconds, text), privateKey);
			return `— ${name} ${Buffer.concat([key.id, time, signature]).toString("base64")}\n`;
		},
	};
}

export interface WitnessForTests extends AsyncDisposable {
	readonly url: string;
	readonly cosigner: Cosigner;
	/** The last tree that it signed. */
	head: TreeHead;
	/** Old sizes that it was asked from, in order. */
	readonly asked: number[];
	/** What it answers instead of what is right. */
	wrong: { readonly status: number; readonly text: string } | undefined;
}

export async function startWitness(name: string, logKeys: readonly NoteKey[]): Promise<WitnessForTests> {
	const server = createServer((request, response) => {
		const chunks: Buffer[] = [];
		request.on("data", (chunk: Buffer) => chunks.push(chunk));
		request.on("end", () => {
			const { status, text } =
				request.method === "POST" && request.url === "/w/add-checkpoint"
					? answer(Buffer.concat(chunks).toString())
					: { status: 404, text: "" };
			response.writeHead(status, { "content-type": status === 409 ? "text/x.tlog.size" : "text/plain" }).end(text);
		});
	});
	const answer = (body: string): { readonly status: number; readonly text: string } => {
		if (witness.wrong) return witness.wrong;
		const [, oldText = "", proofText = "", note = ""] = /^old (0|[1-9]\d*)\n((?:[A-Za-z0-9+/]{43}=\n)*)\n([\s\S]*)$/.exec(body) ?? [];
		const opened = openCheckpoint(note, logKeys);
		if (oldText === "") return { status: 400, text: "" };
		if (!opened.ok) return { status: 403, text: "" };
		const old = Number(oldText);
		witness.asked.push(old);
		if (old !== witness.head.size) return { status: 409, text: `${witness.head.size}\n` };
		const proof = proofText
			.split("\n")
			.filter(Boolean)
			.map((line) => Buffer.from(line, "base64"));
		const isGrown = old === 0 ? proof.length === 0 : isBeginningOf(witness.head, opened.checkpoint, proof);
		if (!isGrown) return { status: old === opened.checkpoint.size ? 409 : 422, text: old === opened.checkpoint.size ? `${old}\n` : "" };
		witness.head = opened.checkpoint;
		return { status: 200, text: cosigner.cosign(note.slice(0, note.lastIndexOf("\n\n") + 1)) };
	};
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const cosigner = newCosigner(name);
	const witness: WitnessForTests = {
		...{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/w`, cosigner, head: { size: 0, root: Buffer.alloc(0) } },
		...{ asked: [], wrong: undefined },
		[Symbol.asyncDispose]: () =>
			new Promise<void>((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			}),
	};
	return witness;
}
