// A browser for tests of pages: Debian's Chromium, installed where it is missing and may be.

import { access } from "node:fs/promises";
import { type Browser, chromium } from "playwright-core";
import { runCommand } from "../../infra/local/run-command.ts";
import { hasCode } from "../../infra/local/setup-error.ts";

const path = "/usr/bin/chromium";
const installMs = 15 * 60_000;
const flags = [
	"--headless",
	"--no-sandbox",
	"--disable-gpu",
	"--no-first-run",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-sync",
];

/** @throws SetupError where there is none and none can be installed */
export async function startChromium(): Promise<Browser> {
	await access(path).catch(async (error: unknown) => {
		if (!hasCode(error, "ENOENT")) throw error;
		const advice = {
			missing: "Install Chromium as /usr/bin/chromium, then run this again.",
			failing: "Install Chromium by hand (on Debian: `apt-get install chromium`), then run this again.",
		};
		for (const args of [["update"], ["install", "-y", "--no-install-recommends", "chromium"]])
			await runCommand({
				command: "apt-get",
				args,
				timeoutMs: installMs,
				purpose: "Installing Chromium for the tests of pages",
				...advice,
			});
	});
	return await chromium.launch({ executablePath: path, args: flags, timeout: 120_000 });
}
