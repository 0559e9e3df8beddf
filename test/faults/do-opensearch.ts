// Faults of OpenSearch beside its death: too busy to take anything (429), and one event that it can never take.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { recordStream } from "#libs/contracts/index-template.ts";
import { askOpenSearch } from "../../infra/opensearch/ask-opensearch.ts";
import type { Poison } from "./evidence.ts";
import type { FaultParts } from "./fault-parts.ts";
import type { Operator } from "./operator.ts";
import { adminAccess } from "./read-record.ts";

/** Smaller than any bulk request, larger than the question that is to be answered meanwhile. */
const roomBytes = "256b";
const setting = "network.breaker.inflight_requests.limit";

/**
 * The circuit breaker over the bytes of requests in work is given almost no room. OpenSearch itself refuses every larger request with 429
 * `circuit_breaking_exception`, before it reads it, as it does when its memory is short; this setting itself cannot be refused by it.
 */
export async function beTooBusy({ stack, effects }: FaultParts, awayMs: number): Promise<void> {
	const access = await adminAccess(stack);
	const set = async (limit: string | null) => {
		const answer = await askOpenSearch(access, "PUT", "/_cluster/settings", { persistent: { [setting]: limit } });
		if (answer.status !== 200) throw new Error(`OpenSearch answered ${answer.status} to ${setting}`);
	};
	await set(roomBytes);
	try {
		const probe = { query: { terms: { id: Array.from({ length: 20 }, () => randomUUID()) } } };
		const { status, body } = await askOpenSearch(access, "POST", `/${recordStream}/_search`, probe);
		if (status === 429 && body.includes("circuit_breaking_exception")) effects.tooBusy++;
		else effects.none.push(`OpenSearch was not too busy: it answered ${status}`);
		await delay(awayMs);
	} finally {
		await set(null);
	}
}

const subject = "callgate.all._.audit._.control.record.read";
/** Fits every schema of Callgate, which know what a time looks like; the index knows the calendar. */
const noSuchTime = "2026-99-99T99:99:99.999Z";

/** One event that the index refuses between two that it takes, in one message. */
export async function poisonIndex(operator: Operator): Promise<Poison> {
	const about = `faults-${randomUUID()}`;
	const event = (nth: number, time: string) => ({
		...{ specversion: "1.0", id: `${about}.control.record.read.audit.${nth}`, source: "/callgate/audit", type: "control.record.read" },
		...{ subject: about, time, datacontenttype: "application/json" },
		data: { reader: { issuer: "https://idp.example", subject: "faults", groups: [] }, query: "faults", hits: 0 },
	});
	const now = new Date().toISOString();
	const bytes = new TextEncoder().encode(JSON.stringify([event(1, now), event(2, noSuchTime), event(3, now)]));
	return { sequence: await operator.publish(subject, bytes), item: 1, kind: "a time that is none", expects: "unindexed", reader: "audit" };
}
