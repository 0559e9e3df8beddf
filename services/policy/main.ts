// The policy process: reads its configuration, connects, activates, decides.
import { GrantSigner } from "#libs/contracts/grant.ts";
import { systemClock } from "#libs/service/clock.ts";
import { readConfig } from "#libs/service/config.ts";
import { createHttp } from "#libs/service/http.ts";
import { aboutEvent } from "#libs/service/logger.ts";
import { createMetrics } from "#libs/service/metrics.ts";
import { runService } from "#libs/service/run.ts";
import { connectServiceBus } from "#libs/service/service-bus.ts";
import { readSealingKeys, readSigningKey } from "#libs/service/service-keys.ts";
import { createAside } from "#libs/service/work-aside.ts";
import { PolicyConfig } from "./config.ts";
import { startPolicy } from "./service.ts";
import { folderWarning, startConfiguration } from "./start-configuration.ts";

runService("policy", async (log, environment) => {
	const config = readConfig(PolicyConfig, environment);
	const metrics = createMetrics("policy");
	const decisions = metrics.counter("callgate_decisions_total", "Decisions by effect", ["effect"]);
	const { bus, stream } = await connectServiceBus("policy", config, { log, metrics });
	const started = await startConfiguration(bus, config.configurationDir, systemClock, log);
	const { configuration, refused } = started;
	metrics.gauge("callgate_configuration_refused", "1 while the folder this process was started with is refused", () => (refused ? 1 : 0));
	const signingKey = readSigningKey(config.signingKey);
	const aside = createAside(new URL("./work.ts", import.meta.url));
	await startPolicy({
		bus,
		configuration,
		sealingKeys: readSealingKeys(config.sealingKeys),
		...{ signingKey, aside, grants: new GrantSigner(signingKey) },
		clock: systemClock,
		grantTtlMs: config.grantTtlMs,
		decided: (effect, received) => {
			decisions.inc({ effect });
			log.info({ ...aboutEvent(received), effect }, "decided");
		},
	});
	const ready = { events: stream.checkReady, configuration: () => configuration.checkReady() };
	const warnings = () => folderWarning(started);
	const http = createHttp({ log, metrics, ready, warnings, durability: stream.durability, bodyBytesMax: 1_024 });
	await http.listen({ host: config.host, port: config.port });
	return {
		broken: stream.lost,
		stop: async () => {
			stream.stop();
			await bus.close();
			await aside.close();
			await http.close();
		},
	};
});
