// The record's tree in a folder: every object a file, made durable before it is said to be there.
import { randomUUID } from "node:crypto";
import { link, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { checkObjectName, type ProofStore, StoreUnavailable } from "./store.ts";

/** On any file system with hard links; one that several machines share must have them too (NFS does). */
export function createFileStore(folder: string): ProofStore {
	const made = new Set<string>();
	const pathOf = (name: string): string => join(folder, checkObjectName(name));
	/** Makes a folder and the name of each that had to be made for it durable. */
	const ensureFolder = async (path: string): Promise<void> => {
		if (made.has(path)) return;
		const first = await mkdir(path, { recursive: true, mode: 0o750 });
		if (first !== undefined) for (const one of foldersUpTo(path, first)) await syncFolder(dirname(one));
		made.add(path);
	};
	const write = async (name: string, bytes: Uint8Array, place: (temporary: string, path: string) => Promise<boolean>): Promise<boolean> => {
		const path = pathOf(name);
		const temporary = `${path}.${randomUUID()}.tmp`;
		try {
			await ensureFolder(dirname(path));
			const file = await open(temporary, "wx", 0o640);
			try {
				await file.writeFile(bytes);
				await file.datasync();
			} finally {
				await file.close();
			}
			const isPlaced = await place(temporary, path);
			await syncFolder(dirname(path));
			return isPlaced;
		} catch (error) {
			made.delete(dirname(path));
			await rm(temporary, { force: true }).catch(() => undefined);
			throw unavailable(name, error);
		}
	};
	return {
		create: (name, bytes) =>
			write(name, bytes, async (temporary, path) => {
				const isFirst = await link(temporary, path).then(
					() => true,
					(error: unknown) => {
						if (codeOf(error) === "EEXIST") return false;
						throw error;
					},
				);
				await rm(temporary);
				return isFirst;
			}),
		async put(name, bytes) {
			await write(name, bytes, async (temporary, path) => {
				await rename(temporary, path);
				return true;
			});
		},
		async get(name) {
			try {
				return await readFile(pathOf(name));
			} catch (error) {
				if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
				throw unavailable(name, error);
			}
		},
		async remove(name) {
			try {
				await rm(pathOf(name), { force: true });
			} catch (error) {
				throw unavailable(name, error);
			}
		},
	};
}

/** From `path` upward to `first`, which is above it or the same. */
function foldersUpTo(path: string, first: string): string[] {
	const folders = [first];
	for (const part of relative(first, path).split("/").filter(Boolean)) folders.push(join(folders.at(-1) ?? first, part));
	return folders;
}

async function syncFolder(path: string): Promise<void> {
	const folder = await open(path, "r");
	try {
		await folder.sync();
	} finally {
		await folder.close();
	}
}

function codeOf(error: unknown): unknown {
	return error instanceof Error && "code" in error ? error.code : undefined;
}

function unavailable(name: string, error: unknown): Error {
	const code = codeOf(error);
	return typeof code === "string" ? new StoreUnavailable(`the file ${name} cannot be used (${code})`, { cause: error }) : (error as Error);
}
