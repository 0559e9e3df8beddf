// A folder of configuration becomes the revision in force: compiled whole, stored under its hash, named as current, announced. Or nothing changes.
import { randomUUID } from "node:crypto";
import type { Bus } from "#libs/bus/bus.ts";
import { EventsUnavailable } from "#libs/bus/bus.ts";
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import type { ConfigurationError } from "#libs/configuration/configuration-error.ts";
import { type CurrentRevision, currentKey, formerOf, revisionKey } from "#libs/configuration/follow-configuration.ts";
import { packFiles } from "#libs/configuration/pack-files.ts";
import type { ReadFolder } from "#libs/configuration/read-folder.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";

/** The folder does not compile; every error with file, line and column. */
export class ConfigurationRefused extends ExpectedError {
	readonly errors: readonly ConfigurationError[];
	constructor(errors: readonly ConfigurationError[]) {
		super(
			`the configuration is refused:\n${errors.map(({ file, line, column, message }) => `  ${file}:${line}:${column} ${message}`).join("\n")}`,
		);
		this.errors = errors;
	}
}

const attemptsMax = 10;
/** How many former revisions `current` names: slow replicas refer to them, and calls that are decided again. One that is not named decides nothing. */
const previousMax = 512;

/** Activates what a folder says; resolves with the revision, also where it already was in force. @throws {ConfigurationRefused} */
export async function activateConfiguration(bus: Bus, folder: ReadFolder, now: () => Date): Promise<string> {
	if (!folder.ok) throw new ConfigurationRefused(folder.errors);
	const compiled = compileConfiguration(folder.files);
	if (!compiled.ok) throw new ConfigurationRefused(compiled.errors);
	const { files } = compiled.configuration;
	const { revision } = compiled.configuration;
	const store = bus.store("configuration");
	await store.put(revisionKey(revision), packFiles(files));
	for (let attempt = 0; attempt < attemptsMax; attempt++) {
		const entry = await store.get(currentKey);
		const current = entry ? (JSON.parse(entry.value) as CurrentRevision) : undefined;
		if (current?.revision === revision) return revision;
		const at = now();
		const former = entry && current ? [{ revision: current.revision, until: at.toISOString() }, ...formerOf(current, entry.storedAt)] : [];
		const previous = former.filter((one) => one.revision !== revision).slice(0, previousMax);
		const next: CurrentRevision = { revision, previous };
		if (!(await store.write(currentKey, JSON.stringify(next), entry?.version ?? 0)).won) continue;
		const data = { revision, documents: Object.keys(files).length, ...(current && { previous: current.revision }) };
		await bus.publish(newEvent("policy", "control.configuration.activated", data, { at, about: "configuration", nth: randomUUID() }));
		return revision;
	}
	throw new EventsUnavailable("the configuration could not be activated: others kept activating theirs");
}
