// A configuration folder on disk → its files as text. The only place of the compiler that reads anything.
import { open, readdir, realpath, stat } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import type { ConfigurationError } from "./configuration-error.ts";
import { referencedFiles } from "./read-documents.ts";
import { isSourcePath, type SourceFiles, sourceBounds } from "./source-files.ts";

export type { SourceFiles };

export type ReadFolder =
	| { readonly ok: true; readonly files: SourceFiles }
	| { readonly ok: false; readonly errors: readonly ConfigurationError[] };

/** Deepest nesting of folders that is read. */
const depthMax = 16;

/**
 * Reads every `*.yaml` and `*.yml` of a folder and its sub-folders, and the files they refer to (OpenAPI documents, key sets). Hidden names are
 * skipped. Links are followed as long as they end inside the folder (that is how Kubernetes mounts one); what leads out of it is an error, and
 * so is anything beyond the bounds of a configuration or not UTF-8.
 */
export async function readFolder(folder: string): Promise<ReadFolder> {
	const reader = new FolderReader(folder);
	return reader.read();
}

class FolderReader {
	private readonly folder: string;
	private readonly errors: ConfigurationError[] = [];
	private readonly files: Record<string, string> = {};
	private root = "";
	private bytes = 0;

	constructor(folder: string) {
		this.folder = folder;
	}

	async read(): Promise<ReadFolder> {
		try {
			this.root = await realpath(resolve(this.folder));
			for (const path of await this.list("", 0)) await this.readFile(path);
			for (const path of referencedFiles(this.files)) if (!Object.hasOwn(this.files, path)) await this.readFile(path);
		} catch (error) {
			this.refuse(".", `found ${this.folder}, which cannot be read (${codeOf(error)}), expected the configuration folder`);
		}
		return this.errors.length > 0 ? { ok: false, errors: this.errors } : { ok: true, files: this.files };
	}

	private async list(below: string, depth: number): Promise<string[]> {
		if (depth > depthMax) {
			this.refuse(below, `found folders deeper than ${depthMax}, expected fewer`);
			return [];
		}
		const found: string[] = [];
		for (const { name } of await readdir(join(this.root, below), { withFileTypes: true })) {
			const path = below === "" ? name : `${below}/${name}`;
			if (name.startsWith(".")) continue;
			const kind = await stat(join(this.root, path)).catch(() => undefined);
			const isFile = /\.ya?ml$/.test(name) && !kind?.isDirectory();
			if ((!isFile && !kind?.isDirectory()) || !(await this.isInside(path))) continue;
			if (isFile) found.push(path);
			else found.push(...(await this.list(path, depth + 1)));
		}
		return found.sort();
	}

	/** Whether a path ends inside the folder once every link is followed. A dangling link is nothing. */
	private async isInside(path: string): Promise<boolean> {
		let target: string;
		try {
			target = await realpath(join(this.root, path));
		} catch {
			return false;
		}
		const inside = target === this.root || target.startsWith(this.root + sep);
		if (!inside) this.refuse(path, "found a link that leads out of the configuration folder, expected files inside it");
		return inside;
	}

	private async readFile(path: string): Promise<void> {
		if (!isSourcePath(path)) return this.refuse(path, "found a path with a character that not every system knows, expected plain names");
		// A file that is referred to and missing is reported where it is referred to.
		if (!(await this.isInside(path))) return;
		if (Object.keys(this.files).length >= sourceBounds.filesMax)
			return this.refuse(path, `found more than ${sourceBounds.filesMax} files, expected fewer`);
		// Looked at before it is opened: opening a pipe would wait for whoever writes into it.
		const { size, isFile } = await stat(join(this.root, path)).then((found) => ({ size: found.size, isFile: found.isFile() }));
		if (!isFile) return this.refuse(path, "found something that is not a file, expected a file");
		this.bytes += size;
		if (size > sourceBounds.fileBytesMax) return this.refuse(path, `found ${size} bytes, expected at most ${sourceBounds.fileBytesMax}`);
		if (this.bytes > sourceBounds.totalBytesMax)
			return this.refuse(path, `found more than ${sourceBounds.totalBytesMax} bytes in all, expected fewer`);
		await using file = await open(join(this.root, path), "r");
		const buffer = Buffer.alloc(size);
		const { bytesRead } = await file.read(buffer, 0, size, 0);
		const text = decode(buffer.subarray(0, bytesRead));
		if (text === undefined) return this.refuse(path, "found bytes that are not UTF-8, expected UTF-8 text");
		this.files[path] = text;
	}

	private refuse(file: string, message: string): void {
		this.errors.push({ file, line: 1, column: 1, message });
	}
}

function decode(bytes: Uint8Array): string | undefined {
	try {
		return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
	} catch {
		return undefined;
	}
}

function codeOf(error: unknown): string {
	return error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
}
