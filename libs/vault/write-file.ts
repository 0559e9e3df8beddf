// Replaces a file so that a reader, or a machine that loses power, sees the old content or the new one and nothing else.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Writes `content` beside `file`, makes it durable, and puts it in its place; mode 0600. Synchronous, so that nothing else of this process
 * comes between `mayReplace`, asked last, and the replacement.
 * @param mayReplace throws to leave the old file as it is
 */
export const replaceFile = (file: string, content: string, nonce: string, mayReplace: () => void): void => {
	const temporary = `${file}.${nonce}.tmp`;
	try {
		const descriptor = openSync(temporary, "wx", 0o600);
		try {
			writeFileSync(descriptor, content);
			fsyncSync(descriptor);
		} finally {
			closeSync(descriptor);
		}
		mayReplace();
		renameSync(temporary, file);
	} catch (error) {
		rmSync(temporary, { force: true });
		throw error;
	}
};

/** Makes a name that was added to a folder, or replaced in it, outlive a loss of power. */
export const syncFolderOf = async (file: string): Promise<void> => {
	const folder = await open(dirname(file), "r");
	try {
		await folder.sync();
	} finally {
		await folder.close();
	}
};
