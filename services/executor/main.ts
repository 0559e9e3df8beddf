// The executor process: the only one that holds credentials and reaches functions.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { followConfiguration } from "#libs/configuration/follow-configuration.ts";
import type { Event } from "#libs/contracts/events.ts";
import { GrantVerifier } from "#libs/contracts/grant.ts";
import { systemClock } from "#libs/service/clock.ts";
import { readConfig } from "#libs/service/config.ts";
import { createHttp } from "#libs/service/http.ts";
import { aboutEvent } from "#libs/service/logger.ts";
import { createMetrics } from "#libs/service/metrics.ts";
import { tellRefusals } from "#libs/service/refusal-events.ts";
import { runService } from "#libs/service/run.ts";
import { connectServiceBus } from "#libs/service/service-bus.ts";
import { readMaskingKeys, readSealingKeys, readVerifyingKeys } from "#libs/service/service-keys.ts";
import { createAside } from "#libs/service/work-aside.ts";
import { openVault } from "#libs/vault/vault-file.ts";
import { chooseDialer } from "./choose-dialer.ts";
import { Claims } from "./claims.ts";
import { ExecutorConfig } from "./config.ts";
import { createHttpDialer } from "./dial-http/dial-http.ts";
import { createMcpDialer } from "./dial-mcp/dial-mcp.ts";
import { Ledger } from "./ledger.ts";
import { Quarantine } from "./quarantine.ts";
import { createPresidioRecogniser } from "./recogniser-presidio.ts";
import { startExecutor } from "./service.ts";

runService("executor", async (log, environment) => {
	const config = readConfig(ExecutorConfig, environment);
	const metrics = createMetrics("executor");
	const endings = metrics.counter("callgate_calls_ended_total", "Calls ended by this executor", ["ending", "code"]);
	const seconds = metrics.duration("callgate_execution_seconds", "From claim to ending");
	const { pool } = config;
	const { bus, stream } = await connectServiceBus("executor", config, { log, metrics, pool });
	const configuration = await followConfiguration(
		bus,
		({ revision }) => log.info({ revision }, "configuration in force"),
		(error) => log.error({ error }, "a configuration could not be followed"),
	);
	const aside = createAside(new URL("./work.ts", import.meta.url));
	const dialer = chooseDialer({ http: createHttpDialer(), mcp: createMcpDialer({ aside }) });
	const vault = await openVault({ file: config.vaultFile, keyFile: config.vaultKeyFile });
	const name = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
	const lease = { startWithinMs: config.startWithinMs, settleWithinMs: config.settleWithinMs };
	const failed = (error: Error) => log.error({ error }, "endings could not be stored, and are tried again");
	const quarantined = tellRefusals("control.function.quarantined", "executor", { bus, log });
	const ports = {
		bus,
		ledger: await Ledger.open({ ...{ bus, pool, name, lease, failed }, clock: systemClock }),
		configuration,
		grants: new GrantVerifier(readVerifyingKeys(config.grantKeys)),
		sealingKeys: readSealingKeys(config.sealingKeys),
		maskingKeys: readMaskingKeys(config.maskingKeys, config.tokenWindowMs),
		vault,
		dialer,
		recogniser: createPresidioRecogniser(),
		claims: new Claims(),
		quarantine: new Quarantine(quarantined),
		aside,
		clock: systemClock,
		pool,
		lease,
		name,
		ended: (granted: Event<"call.granted">, ending: string, code: string | undefined, took: number) => {
			endings.inc({ ending, code: code ?? "none" });
			seconds.observe(took);
			log.info({ ...aboutEvent(granted), ending, code, seconds: took }, "ended");
		},
		failed: (error: unknown, call: string) => log.error({ error, call }, "an execution did not go as it should"),
	};
	await startExecutor(ports, config.callsMax);
	const ready = {
		events: stream.checkReady,
		configuration: () => configuration.checkReady(),
		vault: async () => void (await vault.names()),
	};
	const http = createHttp({ log, metrics, ready, durability: stream.durability, bodyBytesMax: 1_024 });
	await http.listen({ host: config.host, port: config.port });
	return {
		broken: stream.lost,
		stop: async () => {
			stream.stop();
			await quarantined.close();
			await bus.close();
			await aside.close();
			await dialer.close();
			await http.close();
		},
	};
});
