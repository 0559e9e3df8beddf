// How often a lost connection to NATS is dialled again: by a clock that nobody sets.

/** Between two dials, with up to `jitterMs` more so that not everybody dials at once. */
const pauseMs = 250;
const jitterMs = 100;

/**
 * The client's `reconnectDelayHandler`: milliseconds that must have passed since a server was dialled last. The client counts them by the time
 * of day (`dodialLoop` in protocol.js of `nats` 2.29), so that a process whose clock was set back by an hour after it had connected would not
 * dial for an hour. Here the monotonic clock decides: a dial that is due is due whatever time it is.
 */
export function createReconnectPace(elapsedMs: () => number = () => performance.now(), random: () => number = Math.random): () => number {
	let dueAt = Number.NEGATIVE_INFINITY;
	return () => {
		const now = elapsedMs();
		if (now < dueAt) return pauseMs;
		dueAt = now + pauseMs + random() * jitterMs;
		return Number.NEGATIVE_INFINITY;
	};
}
