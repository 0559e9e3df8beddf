// Gets a server that is published as a Python wheel, through pip, with its hash pinned for every platform it is published for.
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "./run-command.ts";

/** One wheel, pinned. */
export interface Wheel {
	readonly name: string;
	readonly version: string;
	/** SHA-256 of the wheel of each platform, or of the one for all; pip refuses a file that is none of these. */
	readonly sha256: string | Readonly<Record<string, string>>;
}

/** A slow line may need this long for 35 MB. */
const pipTimeoutMs = 8 * 60_000;

/**
 * Installs wheels, and nothing that they would have, into the folder `into`, through whatever registry pip is configured for.
 * @throws SetupError when python3 or pip is missing, the registry cannot be reached, or the hash is another.
 */
export async function installWheels(wheels: readonly Wheel[], into: string): Promise<void> {
	const requirements = `${into}.requirements.txt`;
	const names = wheels.map(({ name, version }) => `${name} ${version}`).join(", ");
	try {
		await writeFile(requirements, wheels.map(requirementOf).join(""));
		await installWithPip(["--no-deps", "--require-hashes", "--requirement", requirements], into, names);
	} finally {
		await rm(requirements, { force: true });
	}
}

/**
 * Has pip install what its arguments name into the folder `into`; nothing of it is built here.
 * @throws SetupError
 */
export async function installWithPip(args: readonly string[], into: string, names: string): Promise<void> {
	await runCommand({
		command: "python3",
		args: ["-m", "pip", "install", "--no-input", "--no-compile", "--only-binary=:all:", "--target", into, ...args],
		env: { PIP_DISABLE_PIP_VERSION_CHECK: "1", PIP_ROOT_USER_ACTION: "ignore", PIP_PROGRESS_BAR: "off" },
		timeoutMs: pipTimeoutMs,
		purpose: `Getting ${names} with pip`,
		missing: "Install Python 3 with pip (on Debian and Ubuntu: `apt-get install python3-pip`), then run this again.",
		failing:
			"Read pip's own words below. No module named pip: `apt-get install python3-pip`. No matching distribution: this platform has no such wheel. " +
			"Otherwise check the network and the index that pip is configured for, then run this again.",
	});
	// Launchers that pip writes for Python hold the path of this machine's interpreter; nothing here needs them.
	await rm(join(into, "__pycache__"), { recursive: true, force: true });
}

function requirementOf({ name, version, sha256 }: Wheel): string {
	const hashes = typeof sha256 === "string" ? [sha256] : Object.values(sha256);
	return `${name}==${version} ${hashes.map((hash) => `--hash=sha256:${hash}`).join(" ")}\n`;
}
