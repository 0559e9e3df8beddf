// A process's connection to the bus, with its troubles in the log and counted, and only to a stream that is whole.
import { readFileSync } from "node:fs";
import { Type } from "typebox";
import type { Bus } from "#libs/bus/bus.ts";
import { connectBus } from "#libs/bus/bus-nats.ts";
import type { Service } from "#libs/contracts/define-event.ts";
import { secretSetting, setting } from "./config.ts";
import { guardStream, type StreamGuard } from "./guard-stream.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

export const natsSettings = {
	natsServers: setting("CALLGATE_NATS_SERVERS", "comma-separated URLs of NATS", Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })),
	natsSeed: secretSetting("CALLGATE_NATS_SEED", "this service's NKey seed", Type.String({ pattern: "^SU[A-Z2-7]+$" })),
	natsCaFile: Type.Optional(setting("CALLGATE_NATS_CA_FILE", "PEM of the authority of NATS' certificate", Type.String())),
	streamIdentity: Type.Optional(
		setting(
			"CALLGATE_STREAM_IDENTITY",
			"the stream to work on, as `provision` told it; no other is accepted",
			Type.String({ minLength: 1 }),
		),
	),
};

interface NatsSettings {
	readonly natsServers: string[];
	readonly natsSeed: string;
	readonly natsCaFile?: string;
	readonly streamIdentity?: string;
}

export interface ServiceBus {
	readonly bus: Bus;
	readonly stream: StreamGuard;
}

/**
 * @throws {EventsUnavailable} if NATS cannot be reached or refuses the seed.
 * @throws {StreamLost} if the stream is missing, another one, or shorter than what is known of it.
 */
export async function connectServiceBus(
	service: Service,
	settings: NatsSettings,
	{ log, metrics, pool }: { log: Logger; metrics: Metrics; pool?: string },
): Promise<ServiceBus> {
	const parked = metrics.counter("callgate_messages_parked_total", "Messages set aside because no handler could process them");
	const retried = metrics.counter("callgate_messages_retried_total", "Deliveries that failed and come again");
	const bus = await connectBus({
		servers: settings.natsServers,
		service,
		seed: settings.natsSeed,
		ca: settings.natsCaFile === undefined ? undefined : readFileSync(settings.natsCaFile, "utf8"),
		...(pool !== undefined && { pool }),
		log: {
			retried: (about) => {
				retried.inc();
				log.warn(about, "an event could not be handled and comes again");
			},
			parked: (about) => {
				parked.inc();
				log.error(about, "a message was parked");
			},
			connection: (status) => log.info({ status }, "NATS"),
		},
	});
	try {
		return { bus, stream: await guardStream(bus, { identity: settings.streamIdentity, log }) };
	} catch (error) {
		await bus.close();
		throw error;
	}
}
