// The shared cache of downloaded servers: found again by every clone, safe when two processes fill it at once, verified each time it is used.
import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { access, chmod, lstat, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { isAbsolute, join, relative, sep } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { hasCode, setupError } from "./setup-error.ts";

/** Told one line of progress at a time, without a line end. */
export type Report = (line: string) => void;

const manifestName = "callgate-manifest.json";
/** Longer than any download may take (each tool has its own, shorter, bound): a lock or a half download this old belongs to nobody. */
const abandonedAfterMs = 20 * 60_000;
const lockPollMs = 200;
/** Files hashed at the same time: enough to keep two cores busy, few enough not to exhaust file descriptors. */
const hashersMax = 8;

/** One thing in the cache. */
export interface CacheEntry {
	/** Folder name, with version: `nats-server-2.15.1`. Another version is another entry. */
	readonly name: string;
	/** Files (relative) without which the entry is worthless; checked to exist after installing. */
	readonly keyFiles: readonly string[];
	/** Fills the empty folder `into`. It may throw; the folder is thrown away then. It must not write absolute paths of `into` into files. */
	install(into: string): Promise<void>;
}

/**
 * Where downloads are kept: `CALLGATE_CACHE`, or the platform's folder for caches. For root that is a system folder, because OpenSearch
 * refuses to run as root and another user can read nothing below /root.
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
	const chosen = env.CALLGATE_CACHE;
	if (chosen !== undefined && chosen !== "") {
		if (isAbsolute(chosen)) return chosen;
		throw setupError({
			failed: `CALLGATE_CACHE is \`${chosen}\`.`,
			expected: "an absolute path.",
			todo: "Set CALLGATE_CACHE to the full path of a folder, or unset it.",
		});
	}
	if (process.getuid?.() === 0) return "/var/cache/callgate";
	if (process.platform === "darwin") return join(homedir(), "Library/Caches/callgate");
	const xdg = env.XDG_CACHE_HOME;
	// The XDG specification says that a relative path there is to be ignored.
	return join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), ".cache"), "callgate");
}

/**
 * The folder of `entry`, installed if it is not there or not what was installed. Any number of processes may ask at once: one installs,
 * the others wait for it; what becomes visible under the entry's name is always complete.
 * @throws SetupError when installing fails, the cache cannot be written, or another process holds the lock too long.
 */
export async function provide(entry: CacheEntry, report: Report, root: string = cacheFolder()): Promise<string> {
	const folder = join(root, `${entry.name}-${process.platform}-${process.arch}`);
	if ((await faultOf(folder)) === undefined) return folder;
	await createRoot(root);
	await using _lock = await takeLock(`${folder}.lock`, entry.name, report);
	const fault = await faultOf(folder);
	if (fault === undefined) return folder;
	if (fault !== "missing") report(`${entry.name}: what is cached is damaged (${fault}); getting it again`);
	await removeAbandoned(root);
	const partial = `${folder}.partial-${process.pid}-${randomBytes(4).toString("hex")}`;
	try {
		await mkdir(partial, { mode: 0o755 });
		await entry.install(partial);
		await writeManifest(partial, entry);
		await letEveryoneRead(partial);
		await replace(folder, partial);
	} finally {
		await rm(partial, { recursive: true, force: true });
	}
	return folder;
}

async function createRoot(root: string): Promise<void> {
	try {
		await mkdir(root, { recursive: true, mode: 0o755 });
		await access(root, constants.W_OK);
	} catch (cause) {
		throw setupError({
			failed: `The cache folder ${root} cannot be written (${cause instanceof Error ? cause.message : String(cause)}).`,
			expected: "a folder to keep about 300 MB of downloaded servers in.",
			todo: "Set CALLGATE_CACHE to a folder that you can write.",
			cause,
		});
	}
}

/** Whatever the umask: what root downloads, the user that OpenSearch runs as must read. */
async function letEveryoneRead(folder: string): Promise<void> {
	await chmod(folder, 0o755);
	for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
		if (entry.isSymbolicLink()) continue;
		const path = join(entry.parentPath, entry.name);
		const { mode } = await stat(path);
		await chmod(path, entry.isDirectory() || (mode & 0o100) !== 0 ? 0o755 : 0o644);
	}
}

/** Puts `partial` where `folder` is; a damaged `folder` steps aside first, because a folder cannot be renamed over a full one. */
async function replace(folder: string, partial: string): Promise<void> {
	const aside = `${partial}-old`;
	try {
		await rename(folder, aside);
	} catch (error) {
		if (!hasCode(error, "ENOENT")) throw error;
	}
	await rename(partial, folder);
	await rm(aside, { recursive: true, force: true });
}

async function filesBelow(folder: string): Promise<string[]> {
	const entries = await readdir(folder, { recursive: true, withFileTypes: true });
	const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
	return files.filter((file) => file !== manifestName).sort();
}

async function sha256(file: string): Promise<string> {
	return createHash("sha256")
		.update(await readFile(file))
		.digest("hex");
}

async function hashAll(folder: string, files: readonly string[]): Promise<Map<string, string>> {
	const hashes = new Map<string, string>();
	const queue = files.values();
	const hasher = async (): Promise<void> => {
		for (const file of queue) hashes.set(file, await sha256(join(folder, file)));
	};
	await Promise.all(Array.from({ length: hashersMax }, hasher));
	return hashes;
}

async function writeManifest(folder: string, entry: CacheEntry): Promise<void> {
	const files = await filesBelow(folder);
	const absent = entry.keyFiles.filter((file) => !files.includes(file.split("/").join(sep)));
	if (absent.length > 0) {
		throw setupError({
			failed: `${entry.name} was downloaded but is not complete: ${absent.join(", ")} ${absent.length === 1 ? "is" : "are"} not in it.`,
			expected: "the package in the layout of its pinned version.",
			todo: "Run it again; if it stays, the package for this platform differs, and that deserves an issue.",
		});
	}
	const hashes = await hashAll(folder, files);
	const sorted = Object.fromEntries(files.map((file) => [file, hashes.get(file)]));
	await writeFile(join(folder, manifestName), `${JSON.stringify({ name: entry.name, sha256: sorted }, null, "\t")}\n`);
}

/** What is wrong with an installed folder, `missing` when there is none, nothing when every file is what was installed. */
async function faultOf(folder: string): Promise<string | undefined> {
	let manifest: unknown;
	try {
		manifest = JSON.parse(await readFile(join(folder, manifestName), "utf8"));
	} catch {
		return (await exists(folder)) ? "no readable manifest" : "missing";
	}
	if (typeof manifest !== "object" || manifest === null || !("sha256" in manifest)) return "no readable manifest";
	const expected = manifest.sha256;
	if (typeof expected !== "object" || expected === null) return "no readable manifest";
	const wanted = new Map<string, unknown>(Object.entries(expected));
	const present = await filesBelow(folder);
	const strange = present.find((file) => !wanted.has(file));
	if (strange !== undefined) return `${strange} does not belong there`;
	if (present.length !== wanted.size) return `${wanted.size - present.length} files are gone`;
	const actual = await hashAll(folder, present);
	const changed = present.find((file) => actual.get(file) !== wanted.get(file));
	return changed === undefined ? undefined : `${changed} was changed`;
}

async function exists(path: string): Promise<boolean> {
	try {
		await lstat(path);
		return true;
	} catch {
		return false;
	}
}

/** Half downloads of processes that were killed. */
async function removeAbandoned(root: string): Promise<void> {
	for (const name of await readdir(root)) {
		if (!name.includes(".partial-")) continue;
		const path = join(root, name);
		const age = Date.now() - (await stat(path).then(({ mtimeMs }) => mtimeMs, Date.now));
		if (age > abandonedAfterMs) await rm(path, { recursive: true, force: true });
	}
}

/**
 * A lock file that names its holder. It spares a second download and keeps two Maven runs apart; that the cache stays right does not
 * depend on it (entries appear by one rename), so taking over a dead holder's lock may be simple.
 */
async function takeLock(path: string, what: string, report: Report): Promise<AsyncDisposable> {
	const me = `${hostname()} ${process.pid}`;
	const deadline = Date.now() + abandonedAfterMs;
	let told = false;
	for (;;) {
		try {
			const file = await open(path, "wx", 0o644);
			await file.writeFile(me);
			await file.close();
			return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
		} catch (error) {
			if (!hasCode(error, "EEXIST")) throw error;
		}
		if (await isAbandoned(path)) {
			await rm(path, { force: true });
			continue;
		}
		if (Date.now() > deadline) {
			throw setupError({
				failed: `Another process has been getting ${what} for ${abandonedAfterMs / 60_000} minutes.`,
				expected: "it to be done by now.",
				todo: `End that process, remove ${path}, and run this again.`,
			});
		}
		if (!told) report(`${what}: another process is getting it; waiting`);
		told = true;
		await delay(lockPollMs);
	}
}

async function isAbandoned(path: string): Promise<boolean> {
	try {
		const { mtimeMs } = await stat(path);
		if (Date.now() - mtimeMs > abandonedAfterMs) return true;
		const [host, pid] = (await readFile(path, "utf8")).split(" ");
		if (host !== hostname() || pid === undefined) return false;
		if (Number(pid) === process.pid) return false;
		process.kill(Number(pid), 0);
		return false;
	} catch (error) {
		return hasCode(error, "ESRCH");
	}
}
