// Reads what a command is given in files and on standard input: bounded, strictly UTF-8, and never repeated in an error.
import { open } from "node:fs/promises";
import { isJsonObject, type JsonObject, JsonRefused, parseJsonStrictly } from "#libs/contracts/json.ts";
import { wrongUsage } from "./command-failed.ts";
import type { Input } from "./io.ts";

/** Of arguments and calls: what ingress accepts. */
export const argumentBytesMax = 1_048_576;

/** The text of a file. @param option names it in errors. @throws {CommandFailed} `wrongUsage` */
export async function readText(option: string, file: string, bytesMax: number): Promise<string> {
	try {
		await using handle = await open(file, "r");
		const buffer = Buffer.alloc(bytesMax + 1);
		let length = 0;
		// A pipe (`<(command)`) gives its text in pieces and ends with nothing.
		for (;;) {
			const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
			length += bytesRead;
			if (bytesRead === 0 || length > bytesMax) break;
		}
		return decode(option, buffer.subarray(0, length), bytesMax);
	} catch (error) {
		if (!(error instanceof Error) || !("code" in error)) throw error;
		throw wrongUsage(`The file of ${option} cannot be read (${String(error.code)}). Name a file that you may read.`);
	}
}

/** Everything on standard input until it ends. @throws {CommandFailed} `wrongUsage` */
export async function readAllInput(what: string, input: Input, bytesMax: number): Promise<string> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of input) {
		const buffer = Buffer.from(chunk);
		bytes += buffer.length;
		chunks.push(buffer);
		if (bytes > bytesMax) break;
	}
	return decode(what, Buffer.concat(chunks), bytesMax);
}

/** A file's text, or standard input's for `-`. */
export async function readTextOrInput(option: string, file: string, input: Input, bytesMax: number): Promise<string> {
	return file === "-" ? await readAllInput(`${option} -`, input, bytesMax) : await readText(option, file, bytesMax);
}

/** One JSON object, read as strictly as ingress reads it. @throws {CommandFailed} `wrongUsage` */
export function parseObject(option: string, text: string): JsonObject {
	let value: ReturnType<typeof parseJsonStrictly>;
	try {
		value = parseJsonStrictly(text);
	} catch (error) {
		if (!(error instanceof JsonRefused)) throw error;
		const why = error.message.replace(/^the body/, "it");
		throw wrongUsage(`${option} cannot be read: ${why} (${error.fault}, near character ${error.offset}). Expected one JSON object.`);
	}
	if (isJsonObject(value)) return value;
	throw wrongUsage(`${option} holds ${Array.isArray(value) ? "a list" : "a single value"}, expected one JSON object: {"name": value, …}.`);
}

function decode(what: string, bytes: Uint8Array, bytesMax: number): string {
	if (bytes.length > bytesMax) throw wrongUsage(`${what} holds more than ${bytesMax} bytes. Give less.`);
	try {
		return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
	} catch {
		throw wrongUsage(`${what} holds bytes that are not UTF-8. Give text in UTF-8.`);
	}
}
