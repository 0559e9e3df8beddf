// The durable tables beside the stream, each declared once: who writes, who reads, how long an entry lives.
import type { Service } from "#libs/contracts/define-event.ts";

interface StoreDeclaration {
	readonly says: string;
	readonly writer: Service;
	readonly readers: readonly Service[];
	/** 0: for ever. */
	readonly ageMaxMs: number;
	readonly valueBytesMax: number;
}

const hour = 3_600_000;

export const stores = {
	calls: {
		says: "Calls a caller may still ask about: those answered with 202, idempotency keys, and requests that attach to a pending call. Levels of log messages, by session.",
		writer: "ingress",
		readers: ["ingress"],
		ageMaxMs: 24 * hour,
		valueBytesMax: 16_384,
	},
	configuration: {
		says: "Activated revisions of the configuration, and which one is current.",
		writer: "policy",
		readers: ["ingress", "policy", "approval", "executor", "audit"],
		ageMaxMs: 0,
		valueBytesMax: 4_194_304,
	},
	limits: {
		says: "What each rule's limit has counted in its window.",
		writer: "policy",
		readers: ["policy"],
		ageMaxMs: 31 * 24 * hour,
		valueBytesMax: 262_144,
	},
	recorded: {
		says: "How far the record has come, and of which stream: a stream that is shorter, or another, is not worked on.",
		writer: "audit",
		readers: ["ingress", "policy", "approval", "executor", "audit"],
		ageMaxMs: 0,
		valueBytesMax: 4_096,
	},
} as const satisfies Record<string, StoreDeclaration>;

export type StoreName = keyof typeof stores;

/** A store is a JetStream key-value bucket, so `nats kv` shows it. */
export function bucketOf(store: StoreName): string {
	return `callgate-${store}`;
}
