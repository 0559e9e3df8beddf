// A configuration's files as one text, for the store from which services follow it.
import { gunzipSync, gzipSync } from "node:zlib";
import { type SourceFiles, sourceBounds, whyNotSourceFiles } from "./source-files.ts";

/** Files as one text for an event or a store: gzip (RFC 1952) in base64. Equal files give equal text. */
export function packFiles(files: SourceFiles): string {
	const sorted = Object.keys(files)
		.sort()
		.map((path) => [path, files[path] ?? ""]);
	return gzipSync(JSON.stringify(sorted), { level: 9 }).toString("base64");
}

/**
 * The reverse of {@link packFiles}. Reads at most the bounds of a configuration, however small the packed text is.
 *
 * @throws {Error} if the text is not what `packFiles` makes, or unpacks to more than the bounds.
 */
export function unpackFiles(packed: string): SourceFiles {
	if (packed.length > 2 * sourceBounds.totalBytesMax || !/^[A-Za-z0-9+/]*={0,2}$/.test(packed))
		throw new Error("packed configuration: not base64 of a bounded size");
	let parsed: unknown;
	try {
		// JSON doubles quotes, backslashes and line breaks at most; anything larger is not a packed configuration.
		const bytes = gunzipSync(Buffer.from(packed, "base64"), { maxOutputLength: 2 * sourceBounds.totalBytesMax + 1_048_576 });
		parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
	} catch (cause) {
		throw new Error("packed configuration: cannot be unpacked within its bounds", { cause });
	}
	const pairs = Array.isArray(parsed) ? parsed.filter((pair): pair is [string, string] => isPair(pair)) : [];
	if (!Array.isArray(parsed) || pairs.length !== parsed.length) throw new Error("packed configuration: not a list of paths and texts");
	const files: SourceFiles = Object.fromEntries(pairs);
	const problem = Object.keys(files).length === pairs.length ? whyNotSourceFiles(files) : "found a path twice";
	if (problem !== undefined) throw new Error(`packed configuration: ${problem}`);
	return files;
}

function isPair(value: unknown): value is [string, string] {
	return Array.isArray(value) && value.length === 2 && typeof value[0] === "string" && typeof value[1] === "string";
}
