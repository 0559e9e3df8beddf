// Time that passes only when someone sleeps: the same figures on every machine.
import type { LoadClock } from "./generate-load.ts";

export interface FakeClock extends LoadClock {
	/** Lets time pass, waking each sleeper at its time, until `work` is done. */
	run<Result>(work: Promise<Result>): Promise<Result>;
}

export function createFakeClock(): FakeClock {
	let now = 0;
	let sleepers: { at: number; wake: () => void }[] = [];
	/** Everything that follows from what was woken: promises only, so one turn of the event loop is enough. */
	const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
	return {
		now: () => now,
		sleep: (ms) => new Promise((wake) => sleepers.push({ at: now + ms, wake })),
		async run(work) {
			let done = false;
			const finished = () => {
				done = true;
			};
			work.then(finished, finished);
			for (await settle(); !done; await settle()) {
				const next = Math.min(...sleepers.map(({ at }) => at));
				if (!Number.isFinite(next)) throw new Error("everyone waits and nobody sleeps");
				now = next;
				const woken = sleepers.filter(({ at }) => at === next);
				sleepers = sleepers.filter(({ at }) => at !== next);
				for (const { wake } of woken) wake();
			}
			return await work;
		},
	};
}
