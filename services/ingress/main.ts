// The ingress process: where calls come in and answers go out.
import { followConfiguration } from "#libs/configuration/follow-configuration.ts";
import { createAuthenticator } from "#libs/identity/authenticate.ts";
import { TokenScopes } from "#libs/identity/token-scopes.ts";
import { watchIssuers } from "#libs/identity/watch-issuers.ts";
import { systemClock } from "#libs/service/clock.ts";
import { readConfig } from "#libs/service/config.ts";
import { createHttp } from "#libs/service/http.ts";
import { createMetrics } from "#libs/service/metrics.ts";
import { tellRefusals } from "#libs/service/refusal-events.ts";
import { runService } from "#libs/service/run.ts";
import { connectServiceBus } from "#libs/service/service-bus.ts";
import { readSealingKeys } from "#libs/service/service-keys.ts";
import { createAside } from "#libs/service/work-aside.ts";
import { IngressConfig } from "./config.ts";
import { Intake } from "./intake.ts";
import { listenHttp } from "./listen/listen-http.ts";
import { listenMcp } from "./listen/listen-mcp.ts";
import { listenModels } from "./listen/listen-models.ts";
import { listenProxy } from "./listen/listen-proxy.ts";
import { PendingCalls } from "./pending-calls.ts";
import { followEndings } from "./service.ts";

runService("ingress", async (log, environment) => {
	const config = readConfig(IngressConfig, environment);
	const metrics = createMetrics("ingress");
	const pending = new PendingCalls(config.pendingMax);
	metrics.gauge("callgate_callers_waiting", "Callers that wait at this replica", () => pending.size());
	const { bus, stream } = await connectServiceBus("ingress", config, { log, metrics });
	const intake = new Intake({ bytesMax: config.intakeBytesMax, bodyBytesMax: config.bodyBytesMax, bus });
	metrics.gauge("callgate_intake_bytes", "Bodies of requests that are not answered yet", () => intake.bytes());
	const scopes = new TokenScopes();
	let authenticator = createAuthenticator([]);
	let warnings = watchIssuers([]);
	const configuration = await followConfiguration(
		bus,
		({ revision, issuers }) => {
			authenticator = createAuthenticator(issuers, undefined, undefined, scopes);
			warnings = watchIssuers(issuers);
			log.info({ revision }, "configuration in force");
		},
		(error) => log.error({ error }, "a configuration could not be followed"),
	);
	const ended = await followEndings(bus, systemClock, pending);

	const strangers = tellRefusals("control.authentication.failed", "ingress", { bus, log });
	const aside = createAside(new URL("./work.ts", import.meta.url));
	const ports = {
		...{ bus, configuration, pending, ended, intake, scopes, strangers, aside, log, clock: systemClock },
		authenticate: (authorization: readonly string[]) => authenticator.authenticate(authorization),
		sealingKeys: readSealingKeys(config.sealingKeys),
	};
	const ready = { events: stream.checkReady, configuration: () => configuration.checkReady() };
	const http = createHttp({
		log,
		metrics,
		ready,
		warnings: () => warnings(),
		durability: stream.durability,
		bodyBytesMax: config.bodyBytesMax,
	});
	await listenHttp(http, ports, config);
	await listenProxy(http, ports, config);
	await listenModels(http, ports, config);
	await listenMcp(http, ports, config);
	await http.listen({ host: config.host, port: config.port });
	return {
		broken: stream.lost,
		stop: async () => {
			stream.stop();
			await http.close();
			await strangers.close();
			await aside.close();
			await bus.close();
		},
	};
});
