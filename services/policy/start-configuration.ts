// Which revision policy starts under: that of the folder it was given, or, where the folder is refused, the one that is in force.
import type { Bus } from "#libs/bus/bus.ts";
import type { ConfigurationError } from "#libs/configuration/configuration-error.ts";
import { type ActiveConfiguration, followConfiguration } from "#libs/configuration/follow-configuration.ts";
import { readFolder } from "#libs/configuration/read-folder.ts";
import type { Clock } from "#libs/service/clock.ts";
import type { Logger } from "#libs/service/logger.ts";
import { activateConfiguration, ConfigurationRefused } from "./activate-configuration.ts";

/** Mistakes that are logged one by one; `callgate check` prints all of them. */
const loggedMax = 20;

export interface StartedConfiguration {
	readonly configuration: ActiveConfiguration;
	/** Why the folder that this process was given is not what decides; undefined where it is, or where there was none. */
	readonly refused: ConfigurationRefused | undefined;
}

/**
 * Activates the folder and follows what is in force. A folder that does not compile changes nothing: calls are decided under the revision in
 * force, as they are by every replica that was not restarted.
 *
 * @throws {ConfigurationRefused} where the folder is refused and no revision is in force either
 */
export async function startConfiguration(bus: Bus, folder: string | undefined, clock: Clock, log: Logger): Promise<StartedConfiguration> {
	const refused = folder === undefined ? undefined : await activate(bus, folder, clock, log);
	const configuration = await followConfiguration(
		bus,
		({ revision }) => log.info({ revision }, "configuration in force"),
		(error) => log.error({ error }, "a configuration could not be followed"),
	);
	if (!refused) return { configuration, refused };
	if (configuration.inForce() === undefined) throw refused;
	const { length } = refused.errors;
	log.error(
		{ folder, revision: configuration.current().revision, errors: length, first: refused.errors.slice(0, loggedMax).map(placed) },
		"the configuration folder is refused: calls are decided under the revision in force until it is mended and policy is started again",
	);
	return { configuration, refused };
}

async function activate(bus: Bus, folder: string, clock: Clock, log: Logger): Promise<ConfigurationRefused | undefined> {
	try {
		const revision = await activateConfiguration(bus, await readFolder(folder), clock.now);
		log.info({ revision }, "configuration activated");
		return undefined;
	} catch (error) {
		if (error instanceof ConfigurationRefused) return error;
		throw error;
	}
}

/** What `/readyz` tells everyone about a refused folder: where, and not what was found there, which may be what somebody pasted by mistake. */
export function folderWarning({ refused }: StartedConfiguration): Record<string, string> {
	const [first] = refused?.errors ?? [];
	if (!refused || !first) return {};
	const { file, line, column } = first;
	const mistakes = refused.errors.length === 1 ? "1 mistake" : `${refused.errors.length} mistakes`;
	return {
		"configuration folder": `refused at this process's start, ${mistakes}, the first at ${file}:${line}:${column}; the revision in force decides`,
	};
}

function placed({ file, line, column, message }: ConfigurationError): string {
	return `${file}:${line}:${column} ${message}`;
}
