// For a server that refuses to run as root: which user it runs as then, and a place that this user can reach.
import { createHash } from "node:crypto";
import { chown, cp, lstat, mkdir, readdir, readFile, readlink, realpath, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** From the range that systemd gives to dynamic users: no account has it, so nothing else on the machine is readable or writable by it. */
const serverUser = 64_923;
/** Where things are kept that cannot be where they were wanted, because the way there is closed to other users (`/root`, a 0700 folder). */
const elsewhere = "/var/lib/callgate";
/** In each folder there: what it stands in for. */
const originFile = "origin";

/** A folder for one server, and the user who owns it. */
export interface ServerPlace {
	/** The real path. */
	readonly folder: string;
	/** Set when this process is root. */
	readonly user?: number;
}

/**
 * Makes the folder `wanted` for a server that must not run as root. An ordinary user gets just that folder. For root it is handed to another
 * user, the one who already owns it or else one of its own; where that user could not enter, it becomes a link to a folder below /var/lib/callgate.
 */
export async function placeForServer(wanted: string): Promise<ServerPlace> {
	const isRoot = process.getuid?.() === 0;
	await mkdir(dirname(wanted), { recursive: true, mode: isRoot ? 0o711 : 0o700 });
	if (!isRoot) {
		await mkdir(wanted, { recursive: true, mode: 0o700 });
		return { folder: await realpath(wanted) };
	}
	await removeOrphans();
	if (!(await exists(wanted))) {
		const origin = join(await realpath(dirname(wanted)), basename(wanted));
		if (await canEnter(dirname(origin))) await mkdir(wanted, { mode: 0o700 });
		else await symlink(await makeElsewhere(origin), wanted);
	}
	if ((await lstat(wanted)).isSymbolicLink()) await mkdir(await readlink(wanted), { recursive: true, mode: 0o700 });
	const folder = await realpath(wanted);
	const owner = (await stat(folder)).uid;
	return { folder, user: owner === 0 ? serverUser : owner };
}

/** Gives the place and all in it to the user who will run there. Does nothing for an ordinary user. */
export async function handOver(place: ServerPlace): Promise<void> {
	if (place.user === undefined) return;
	const inside = await readdir(place.folder, { recursive: true, withFileTypes: true });
	for (const entry of inside) if (!entry.isSymbolicLink()) await chown(join(entry.parentPath, entry.name), place.user, place.user);
	await chown(place.folder, place.user, place.user);
}

/** `folder` itself if the place's user can read it, else a copy of it in the place; `marker` is a file whose content names the version. */
export async function readableCopy(place: ServerPlace, folder: string, marker: string): Promise<string> {
	if (place.user === undefined || (await canEnter(await realpath(folder)))) return folder;
	const copy = join(place.folder, "runtime", basename(folder));
	const same = await Promise.all([readFile(join(folder, marker)), readFile(join(copy, marker))]).then(
		([a, b]) => a.equals(b),
		() => false,
	);
	if (same) return copy;
	const partial = `${copy}.partial`;
	await rm(partial, { recursive: true, force: true });
	await rm(copy, { recursive: true, force: true });
	await mkdir(dirname(copy), { recursive: true });
	await cp(folder, partial, { recursive: true, verbatimSymlinks: true });
	await rename(partial, copy);
	return copy;
}

/** Whether any user can pass through every folder of this real path. */
async function canEnter(path: string): Promise<boolean> {
	for (let folder = path; ; folder = dirname(folder)) {
		if (((await stat(folder)).mode & 0o001) === 0) return false;
		if (folder === dirname(folder)) return true;
	}
}

async function makeElsewhere(origin: string): Promise<string> {
	const folder = join(elsewhere, `${basename(origin)}-${createHash("sha256").update(origin).digest("hex").slice(0, 16)}`);
	await mkdir(elsewhere, { recursive: true, mode: 0o755 });
	await mkdir(folder, { recursive: true, mode: 0o700 });
	await writeFile(join(folder, originFile), origin);
	return folder;
}

/** Folders whose data folder was deleted. */
async function removeOrphans(): Promise<void> {
	for (const name of await readdir(elsewhere).catch(() => [])) {
		const folder = join(elsewhere, name);
		const origin = await readFile(join(folder, originFile), "utf8").catch(() => undefined);
		// Not the link itself: another process may be about to make it.
		if (origin !== undefined && !(await exists(dirname(origin)))) await rm(folder, { recursive: true, force: true });
	}
}

async function exists(path: string): Promise<boolean> {
	return lstat(path).then(
		() => true,
		() => false,
	);
}
