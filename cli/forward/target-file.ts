// Forwards into a file with rotation: the disk has it before the place in the record moves.
import { type FileHandle, open, rename, stat } from "node:fs/promises";
import { codeOf, NotDelivered, type Target } from "./target.ts";

/** Appends lines; a file that has reached its size is renamed to `.1`, that to `.2` and so on, as many as are kept. */
export function fileTarget(path: string, { bytesMax, kept }: { readonly bytesMax: number; readonly kept: number }): Target {
	let file: FileHandle | undefined;
	const append = async (text: string): Promise<void> => {
		file ??= await openLines(path);
		const { size } = await file.stat();
		if (size > 0 && size + Buffer.byteLength(text) > bytesMax) {
			await file.close();
			file = undefined;
			await rotate(path, kept);
			file = await openLines(path);
		}
		await file.writeFile(text);
		await file.datasync();
	};
	return {
		async send({ lines }) {
			try {
				await append(lines.map(({ text }) => `${text}\n`).join(""));
			} catch (error) {
				await file?.close().catch(() => undefined);
				file = undefined;
				throw new NotDelivered(`the file cannot be written (${codeOf(error)})`);
			}
		},
		close: async () => void (await file?.close()),
	};
}

/** A line that a process that died or a full disk left half is ended: what is written next would else be the rest of it, and nobody could read either. */
async function openLines(path: string): Promise<FileHandle> {
	const file = await open(path, "a+", 0o600);
	const { size } = await file.stat();
	const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, Math.max(0, size - 1));
	if (bytesRead === 1 && buffer[0] !== lineEnd) await file.writeFile("\n");
	return file;
}

const lineEnd = 0x0a;

async function rotate(path: string, kept: number): Promise<void> {
	for (let nth = kept; nth > 0; nth--) {
		const from = nth === 1 ? path : `${path}.${nth - 1}`;
		if (await stat(from).catch(() => undefined)) await rename(from, `${path}.${nth}`);
	}
}
