// The policy process: reads its configuration, connects, activates, decides.
import { followConfiguration } from "#libs/configuration/follow-configuration.ts";
import { readFolder } from "#libs/configuration/read-folder.ts";
import { systemClock } from "#libs/service/clock.ts";
import { readConfig } from "#libs/service/config.ts";
import { createHttp } from "#libs/service/http.ts";
import { aboutEvent } from "#libs/service/logger.ts";
import { createMetrics } from "#libs/service/metrics.ts";
import { runService } from "#libs/service/run.ts";
import { connectServiceBus } from "#libs/service/service-bus.ts";
import { readSealingKeys, readSigningKey } from "#libs/service/service-keys.ts";
import { activateConfiguration } from "./activate-configuration.ts";
import { PolicyConfig } from "./config.ts";
import { startPolicy } from "./service.ts";

runService("policy", async (log, environment) => {
	const config = readConfig(PolicyConfig, environment);
	const metrics = createMetrics("policy");
	const decisions = metrics.counter("callgate_decisions_total", "Decisions by effect", ["effect"]);
	const { bus, stream } = await connectServiceBus("policy", config, { log, metrics });
	const folders = config.configurationDir === undefined ? [] : [config.configurationDir];
	for (const folder of folders) {
		const revision = await activateConfiguration(bus, await readFolder(folder), systemClock.now);
		log.info({ revision }, "configuration activated");
	}
	const configuration = await followConfiguration(
		bus,
		({ revision }) => log.info({ revision }, "configuration in force"),
		(error) => log.error({ error }, "a configuration could not be followed"),
	);
	await startPolicy({
		bus,
		configuration,
		sealingKeys: readSealingKeys(config.sealingKeys),
		signingKey: await readSigningKey(config.signingKey),
		clock: systemClock,
		grantTtlMs: config.grantTtlMs,
		decided: (effect, received) => {
			decisions.inc({ effect });
			log.info({ ...aboutEvent(received), effect }, "decided");
		},
	});
	const ready = { events: stream.checkReady, configuration: () => configuration.checkReady() };
	const http = createHttp({ log, metrics, ready, durability: stream.durability, bodyBytesMax: 1_024 });
	await http.listen({ host: config.host, port: config.port });
	return {
		broken: stream.lost,
		stop: async () => {
			stream.stop();
			await bus.close();
			await http.close();
		},
	};
});
