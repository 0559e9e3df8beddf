// Gets OpenSearch with its security plugin through Maven and lays it out as the distribution's archive has it.
import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { provide, type Report } from "./cache.ts";
import {
	dependencyPlugin,
	moduleDescriptor,
	openSearchModules,
	openSearchParts,
	openSearchVersion,
	parentPom,
	partPom,
	securityArchive,
} from "./opensearch-parts.ts";
import { runCommand } from "./run-command.ts";
import { setupError } from "./setup-error.ts";

/** 96 MB and Maven's own plugins, on a slow line. */
const mavenTimeoutMs = 15 * 60_000;
const unzipTimeoutMs = 60_000;
/** One line of progress for so many jars. */
const reportEvery = 20;

/** The SHA-256 of every file that is taken from the registry; made with `sha256sum` from a download that was seen to work. */
const pinnedHashes = new URL("./opensearch.sha256", import.meta.url);

/** The folder of OpenSearch (`lib`, `modules`, `plugins`, `agent` in it), downloaded into the cache if it is not there. */
export async function provideOpenSearch(report: Report): Promise<{ readonly openSearchHome: string }> {
	const openSearchHome = await provide(
		{
			name: `opensearch-${openSearchVersion}`,
			keyFiles: [`lib/opensearch-${openSearchVersion}.jar`, `agent/opensearch-agent-${openSearchVersion}.jar`, "bin/README"],
			install: (into) => install(into, report),
		},
		report,
	);
	return { openSearchHome };
}

async function install(into: string, report: Report): Promise<void> {
	const work = `${into}-maven`;
	try {
		await download(work, report);
		await checkHashes(work);
		await layOut(work, into);
		report(`opensearch ${openSearchVersion}: ready`);
	} finally {
		await rm(work, { recursive: true, force: true });
	}
}

/** Maven's own variable, not one of this file. See `jarsOf`. */
const intoJars = "-DoutputDirectory=$\x7bproject.basedir}/jars";

function jarsOf(work: string, part: string): string {
	return join(work, part, "jars");
}

async function download(work: string, report: Report): Promise<void> {
	for (const part of openSearchParts) {
		await mkdir(join(work, part.name), { recursive: true });
		await writeFile(join(work, part.name, "pom.xml"), partPom(part));
	}
	await writeFile(join(work, "pom.xml"), parentPom());
	report(`opensearch ${openSearchVersion}: downloading with Maven (about 100 MB in some 100 files)`);
	let files = 0;
	await runCommand({
		command: "mvn",
		// Strict checksums: a file that is not what the repository says it is ends the run.
		args: ["--batch-mode", "--strict-checksums", "-DincludeScope=runtime", intoJars, dependencyPlugin],
		cwd: work,
		timeoutMs: mavenTimeoutMs,
		purpose: `Getting OpenSearch ${openSearchVersion} with Maven`,
		missing: "Install Maven (on Debian and Ubuntu: `apt-get install maven`), then run this again.",
		failing: "Read Maven's own words below; check the network and the repository that Maven is configured for, then run this again.",
		onLine(line) {
			if (!/^\[INFO\] Downloaded .*\.(jar|zip) /.test(line)) return;
			files += 1;
			if (files % reportEvery === 0) report(`opensearch ${openSearchVersion}: ${files} files downloaded`);
		},
	});
}

/** Compares what came with the pinned list, both ways: no file may be another, missing, or more than was agreed to. */
async function checkHashes(work: string): Promise<void> {
	const pinned = new Map<string, string>();
	for (const line of (await readFile(pinnedHashes, "utf8")).trim().split("\n")) {
		const [hash = "", path = ""] = line.split(/\s+/);
		pinned.set(path, hash);
	}
	const wrong: string[] = [];
	for (const part of openSearchParts) {
		for (const file of await readdir(jarsOf(work, part.name))) {
			const path = `${part.name}/${file}`;
			const hash = createHash("sha256").update(await readFile(join(jarsOf(work, part.name), file)));
			if (pinned.get(path) !== hash.digest("hex")) wrong.push(`${path} is ${pinned.has(path) ? "another file" : "not on the list"}`);
			pinned.delete(path);
		}
	}
	wrong.push(...[...pinned.keys()].map((path) => `${path} did not come`));
	if (wrong.length === 0) return;
	throw setupError({
		failed: `What Maven brought for OpenSearch ${openSearchVersion} is not what was pinned.`,
		expected: "exactly the files, with the SHA-256, of infra/local/opensearch.sha256.",
		todo: "Remove these from Maven's local repository and run this again; if it stays, do not trust the repository that Maven is configured for.",
		detail: wrong.slice(0, 12).join("\n"),
	});
}

async function layOut(work: string, into: string): Promise<void> {
	const lib = join(into, "lib");
	await rename(jarsOf(work, "lib"), lib);
	await rename(jarsOf(work, "agent"), join(into, "agent"));
	const inLib = new Set(await readdir(lib));
	for (const [name, classname] of Object.entries(openSearchModules)) {
		const folder = join(into, "modules", name);
		await mkdir(folder, { recursive: true });
		for (const jar of await readdir(jarsOf(work, name))) {
			// A class that both bring would make OpenSearch refuse to start.
			if (!inLib.has(jar)) await copyFile(join(jarsOf(work, name), jar), join(folder, jar));
		}
		await writeFile(join(folder, "plugin-descriptor.properties"), moduleDescriptor(name, classname));
	}
	await layOutSecurity(jarsOf(work, "security"), join(into, "plugins/opensearch-security"));
	// OpenSearch insists on this folder, and the manifest of the cache knows only files.
	await mkdir(join(into, "bin"));
	await writeFile(join(into, "bin/README"), "OpenSearch refuses to start without this folder.\n");
}

async function layOutSecurity(jars: string, folder: string): Promise<void> {
	await mkdir(folder, { recursive: true });
	await runCommand({
		command: "python3",
		args: ["-m", "zipfile", "--extract", join(jars, securityArchive), folder],
		timeoutMs: unzipTimeoutMs,
		purpose: "Unpacking OpenSearch's security plugin",
		missing: "Install Python 3 (on Debian and Ubuntu: `apt-get install python3`), then run this again.",
		failing: "Read the words below; is the disk full?",
	});
	for (const jar of await readdir(jars)) if (jar !== securityArchive) await copyFile(join(jars, jar), join(folder, jar));
	// It names a module, rule-framework, that is not published, for a feature that is not used here.
	const descriptor = join(folder, "plugin-descriptor.properties");
	const text = await readFile(descriptor, "utf8");
	await writeFile(descriptor, text.replace(/^extended\.plugins=.*$/m, "extended.plugins="));
}
