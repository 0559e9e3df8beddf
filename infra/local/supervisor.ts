// Starts a service again that died: what was pending goes on. What keeps dying is left alone, and said.
import { setTimeout as delay } from "node:timers/promises";
import type { Report } from "./cache.ts";
import type { RunningServer } from "./run-server.ts";

const pauseMs = 500;
/** More deaths than this within the window are not an accident. */
const deathsMax = 20;
const windowMs = 60_000;

export class Supervisor {
	private readonly report: Report;
	private released = false;
	constructor(report: Report) {
		this.report = report;
	}

	watch(name: string, server: RunningServer): void {
		void this.keepAlive(name, server);
	}

	/** From now on what ends was meant to. */
	release(): void {
		this.released = true;
	}

	private async keepAlive(name: string, server: RunningServer): Promise<void> {
		let deaths: number[] = [];
		for (;;) {
			await server.exited();
			if (this.released) return;
			const now = performance.now();
			deaths = [...deaths.filter((at) => now - at < windowMs), now];
			if (deaths.length > deathsMax) return this.report(`${name} keeps ending and is left alone; its log: ${server.logFile}`);
			this.report(`${name} ended and is started again`);
			await delay(pauseMs);
			if (this.released) return;
			await server
				.restart()
				.catch((error: unknown) => this.report(`${name} did not start: ${error instanceof Error ? error.message : "failed"}`));
		}
	}
}
