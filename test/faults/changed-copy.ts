// A copy of this checkout in which named places are changed: another version of the services, or one that lacks a safeguard.
import { access, cp, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Change {
	readonly file: string;
	readonly from: string;
	readonly to: string;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Copies the folders to `dir` and makes the changes there, once.
 *
 * @throws {Error} where the code to change is not as it was when the change was written: then the change must follow it.
 */
export async function makeChangedCopy(dir: string, folders: readonly string[], changes: readonly Change[]): Promise<void> {
	const isMade = await access(join(dir, "package.json")).then(
		() => true,
		() => false,
	);
	if (isMade) return;
	for (const folder of folders) await cp(join(root, folder), join(dir, folder), { recursive: true });
	for (const { file, from, to } of changes) {
		const path = join(dir, file);
		const [before, after, ...more] = (await readFile(path, "utf8")).split(from);
		if (before === undefined || after === undefined || more.length > 0) throw new Error(`${file} does not have exactly one ${from}`);
		await writeFile(path, before + to + after);
	}
	await symlink(join(root, "node_modules"), join(dir, "node_modules"), "dir");
	await cp(join(root, "package.json"), join(dir, "package.json"));
}
