// The floor's surroundings: a stream of its own on the same server, made like Callgate's, and its five processes.

import { ackWaitMs } from "#libs/bus/bus-nats.ts";
import type { Link } from "#libs/bus/nats-link.ts";
import { askNats } from "./ask-nats.ts";
import type { Child } from "./child.ts";
import { type FloorPlaces, type FloorRole, floorRoles, floorStream } from "./floor-plan.ts";

/** What each of the floor's durable consumers reads; ingress follows without one, as Callgate's does. */
const reads: Readonly<Record<Exclude<FloorRole, "ingress">, string>> = {
	policy: "floor.received",
	approval: "floor.held",
	executor: "floor.granted",
	audit: "floor.>",
};

type StartChild = (name: string, script: string, settings: object) => Promise<Child>;

export async function startFloor(start: StartChild, places: FloorPlaces): Promise<Child[]> {
	const children: Child[] = [];
	for (const role of floorRoles) children.push(await start(`floor-${role}`, "floor-process.ts", { ...places, role }));
	return children;
}

const nanosPerMs = 1_000_000;

/** The same terms as in infra/nats/provision-stream.ts. */
export async function makeFloorStream(operator: Link): Promise<void> {
	await askNats(operator, `STREAM.CREATE.${floorStream}`, {
		...{ name: floorStream, subjects: ["floor.>"], retention: "limits", storage: "file", discard: "new", num_replicas: 1 },
		...{ max_bytes: 4 * 1024 ** 3, duplicate_window: 120_000 * nanosPerMs, allow_direct: true },
	});
	for (const [name, filter] of Object.entries(reads)) {
		const config = {
			...{ durable_name: name, filter_subject: filter, ack_policy: "explicit", ack_wait: ackWaitMs * nanosPerMs },
			...{ deliver_policy: "all", max_ack_pending: 2_000, max_deliver: -1 },
		};
		await askNats(operator, `CONSUMER.CREATE.${floorStream}.${name}.${filter}`, { stream_name: floorStream, config });
	}
}

/** Empties the floor's stream and resolves with how many messages were in it. */
export async function emptyFloor(operator: Link): Promise<number> {
	return (await askNats<{ purged: number }>(operator, `STREAM.PURGE.${floorStream}`)).purged;
}
