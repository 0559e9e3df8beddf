// What the writer of the tree tells: its log lines, and its metrics.
import type { Logger } from "#libs/service/logger.ts";
import type { Metrics } from "#libs/service/metrics.ts";
import type { ProofLog, ProofMetrics, WitnessLog, WitnessMetrics } from "./ports.ts";

/** A failure that stays the same is told once as an error. */
export function createProofLog(log: Logger): ProofLog {
	let last: string | undefined;
	return {
		began(about) {
			last = undefined;
			log.info(about, "this process writes the record's tree");
		},
		ended({ error }) {
			const message = error instanceof Error ? error.message : "failed";
			log[message === last ? "debug" : "error"]({ error }, "the record's tree does not grow here: what happens waits in the stream");
			last = message;
		},
		missing: (about) => log.error(about, "the stream lost messages before the record's tree had read them"),
	};
}

/** `callgate_proof_checkpoint_age_seconds` is of the process that writes; where no process says `callgate_proof_writer` 1, nobody does. */
export function createProofMetrics(metrics: Metrics, elapsedMs: () => number = () => performance.now()): ProofMetrics {
	const checkpoints = metrics.counter("callgate_proof_checkpoints_total", "Checkpoints of the record's tree that this process signed");
	const events = metrics.counter("callgate_proof_events_total", "Events that this process put into the record's tree");
	const failures = metrics.counter("callgate_proof_failures_total", "Times that the record's tree could not grow here");
	let size = Number.NaN;
	let signedAtMs = Number.NaN;
	let writes = false;
	metrics.gauge("callgate_proof_size", "Leaves of the record's tree at the last checkpoint of this process", () => size);
	metrics.gauge("callgate_proof_writer", "Whether this process writes the record's tree", () => (writes ? 1 : 0));
	metrics.gauge("callgate_proof_checkpoint_age_seconds", "How long ago this process, as the writer, signed the last checkpoint", () =>
		writes ? (elapsedMs() - signedAtMs) / 1_000 : Number.NaN,
	);
	return {
		signed(about) {
			checkpoints.inc();
			events.inc(about.events);
			({ size } = about);
			signedAtMs = elapsedMs();
		},
		failed: () => failures.inc(),
		isWriter(is) {
			writes = is;
		},
	};
}

/** As above: what a witness says again and again is told once. */
export function createWitnessLog(log: Logger): WitnessLog {
	const last = new Map<string, string>();
	return {
		witnessed({ witness, size }) {
			log[last.get(witness) === "" ? "debug" : "info"]({ witness, size }, "a witness signed the record's tree");
			last.set(witness, "");
		},
		refused({ witness, error }) {
			const message = error instanceof Error ? error.message : "failed";
			const isNew = last.get(witness ?? "") !== message;
			log[isNew ? "error" : "debug"]({ ...(witness !== undefined && { witness }), error }, "a witness did not sign the record's tree");
			last.set(witness ?? "", message);
		},
	};
}

export function createWitnessMetrics(metrics: Metrics, elapsedMs: () => number = () => performance.now()): WitnessMetrics {
	const refusals = metrics.counter("callgate_witness_failures_total", "Times that a witness did not sign the record's tree", ["witness"]);
	const signedAtMs = new Map<string, number>();
	metrics.gauge(
		"callgate_witness_age_seconds",
		"How long ago that witness signed that signed longest ago, of those that signed for this process",
		() => {
			const ages = [...signedAtMs.values()].map((atMs) => (elapsedMs() - atMs) / 1_000);
			return ages.length === 0 ? Number.NaN : Math.max(...ages);
		},
	);
	return {
		witnessed: (witness) => void signedAtMs.set(witness, elapsedMs()),
		refused: (witness) => refusals.inc({ witness }),
	};
}
