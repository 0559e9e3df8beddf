// The files of a configuration as plain text by path: what is hashed into the revision and travels to the services.
import { createHash } from "node:crypto";

/** Texts by path relative to the configuration folder, with `/` between names: `bank.yaml`, `vendors/bank.openapi.yaml`. */
export type SourceFiles = Readonly<Record<string, string>>;

/** Bounds of a configuration: what one activation carries and five services compile. */
export const sourceBounds = { filesMax: 1_000, fileBytesMax: 8 * 1_048_576, totalBytesMax: 16 * 1_048_576, pathCharsMax: 512 } as const;

/** Why a set of files cannot be a configuration's, or undefined. */
export function whyNotSourceFiles(files: SourceFiles): string | undefined {
	const entries = Object.entries(files);
	if (entries.length > sourceBounds.filesMax) return `found ${entries.length} files, expected at most ${sourceBounds.filesMax}`;
	let total = 0;
	for (const [path, text] of entries) {
		if (!isSourcePath(path)) return `found the path ${JSON.stringify(path.slice(0, 80))}, expected one inside the folder`;
		if (typeof text !== "string") return `found no text in ${path}, expected the file's content`;
		const bytes = Buffer.byteLength(text);
		if (bytes > sourceBounds.fileBytesMax) return `found ${path} with ${bytes} bytes, expected at most ${sourceBounds.fileBytesMax}`;
		total += bytes;
	}
	return total > sourceBounds.totalBytesMax ? `found ${total} bytes in all, expected at most ${sourceBounds.totalBytesMax}` : undefined;
}

/** A relative path that stays inside the folder on every system: no `..`, no hidden names, no drive letters, no backslashes. */
export function isSourcePath(path: string): boolean {
	const names = path.split("/");
	return (
		path.length <= sourceBounds.pathCharsMax &&
		names.every((name) => name !== "" && !name.startsWith(".") && !/[\\:\p{Cc}]/u.test(name) && name.isWellFormed())
	);
}

/**
 * The content hash of the files: `sha256:` and 64 hexadecimal digits. It depends on paths and texts alone, neither on their order nor on where
 * the folder lies. Lengths come before contents, so that no two sets of files are the same bytes.
 */
export function revisionOf(files: SourceFiles): string {
	const hash = createHash("sha256");
	hash.update("callgate configuration 1\n");
	for (const path of Object.keys(files).sort()) {
		const text = files[path] ?? "";
		hash.update(`${Buffer.byteLength(path)} ${Buffer.byteLength(text)}\n${path}\n${text}\n`);
	}
	return `sha256:${hash.digest("hex")}`;
}
