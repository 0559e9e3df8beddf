// Which event leads to which verb: audit reads all of them, in batches, and puts them on the record.
import type { Bus, Consumption } from "#libs/bus/bus.ts";
import type { Recorder } from "./record-event.ts";

/** A batch is one bulk request of about a megabyte; a second costs an auditor nothing, and spares NATS, OpenSearch and this process many small turns. */
export const batchDefault = { eventsMax: 2_000, waitMs: 1_000 };

/**
 * Of the record's tree (proof/keep-tree.ts). Five seconds: a checkpoint costs some file writes, and an auditor can soon prove what just happened. A
 * minute is what the record promises. A lease that ends unsaid, because the machine died, makes the tree a quarter of a minute late.
 */
export const treeDefault = { signWithinMs: 5_000, signEveryMs: 60_000, leaseMs: 15_000, readEveryMs: 1_000 };

export async function startAudit(bus: Bus, recorder: Recorder, batch = batchDefault): Promise<Consumption> {
	return await bus.consumeBatches((events) => recorder.record(events), { ...batch, onMalformed: recorder.parkMalformed });
}
