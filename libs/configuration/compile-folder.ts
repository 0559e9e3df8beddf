// A configuration folder on disk → one compiled revision, or everything that is wrong with it.
import { type CompiledConfiguration, compileConfiguration } from "./compile-configuration.ts";
import { readFolder } from "./read-folder.ts";

export async function compileFolder(folder: string): Promise<CompiledConfiguration> {
	const read = await readFolder(folder);
	return read.ok ? compileConfiguration(read.files) : read;
}
