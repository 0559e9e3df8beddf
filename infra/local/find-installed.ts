// Looks for a server that the machine already has, for when the pinned one cannot be downloaded.
import { runCommand } from "./run-command.ts";

/** What to look for and how old it may be. */
export interface InstalledServer {
	/** Names on the PATH, best first. */
	readonly commands: readonly string[];
	/** Arguments that make it print its version. */
	readonly args: readonly string[];
	/** Finds major and minor version in what it prints. */
	readonly version: RegExp;
	readonly oldest: readonly [major: number, minor: number];
}

/** The first of the commands that is there and new enough, if any. */
export async function findInstalled(server: InstalledServer): Promise<{ command: string; version: string } | undefined> {
	for (const command of server.commands) {
		try {
			const quiet = { purpose: "", missing: "", failing: "", timeoutMs: 5_000 };
			const said = await runCommand({ command, args: server.args, ...quiet });
			const [, major = 0, minor = 0] = (server.version.exec(said) ?? []).map(Number);
			const [oldestMajor, oldestMinor] = server.oldest;
			if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return { command, version: `${major}.${minor}` };
		} catch {
			// Not installed or not runnable: the next one, and the error of the download if there is none.
		}
	}
	return undefined;
}
