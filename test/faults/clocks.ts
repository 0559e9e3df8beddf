// The wall clocks of the service processes of a fault run, and when each was wrong by how much.
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Service } from "#libs/contracts/define-event.ts";
import type { WrongClock } from "./evidence.ts";
import type { Target } from "./processes.ts";

export interface Clocks {
	/** What a process is started with so that its clock can be moved. */
	env(service: Service, replica: number): Readonly<Record<string, string>>;
	/** Moves a clock while its process runs; what is started in its place has the same time. Resolves when it has been noticed. */
	set(target: Target, offMs: number): Promise<void>;
	/** Every clock that was ever wrong, in real time. */
	readonly wrong: readonly WrongClock[];
}

const preload = fileURLToPath(new URL("./moved-clock.ts", import.meta.url));
/** Several times what the preload takes to look: see moved-clock.ts. */
const noticedWithinMs = 500;

export async function createClocks(dir: string): Promise<Clocks> {
	await mkdir(dir, { recursive: true });
	const wrong: { -readonly [Key in keyof WrongClock]: WrongClock[Key] }[] = [];
	const fileOf = ({ service, replica }: Target) => join(dir, `${service}-${replica}`);
	return {
		env: (service, replica) => ({
			NODE_OPTIONS: `--import=${preload}`,
			CALLGATE_FAULTS_CLOCK_FILE: fileOf({ service, replica }),
		}),
		async set(target, offMs) {
			const file = fileOf(target);
			// A reader must never see half a number.
			await writeFile(`${file}.new`, String(offMs));
			if (offMs !== 0) wrong.push({ ...target, offMs, from: Date.now(), until: Number.POSITIVE_INFINITY });
			await rename(`${file}.new`, file);
			await delay(noticedWithinMs);
			for (const one of wrong) {
				const isOver = one.service === target.service && one.replica === target.replica && one.offMs !== offMs;
				if (isOver && one.until === Number.POSITIVE_INFINITY) one.until = Date.now();
			}
		},
		wrong,
	};
}
