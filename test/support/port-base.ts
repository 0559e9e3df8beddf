// Ports for a stack of a test: a first one whose whole range is free.
import { assertPortsFree } from "../../infra/local/port-plan.ts";

const candidates = 50;

/** @throws if none of fifty random ranges is free. */
export async function findPortBase(): Promise<number> {
	for (let attempt = 0; attempt < candidates; attempt++) {
		const first = 10_000 + Math.floor(Math.random() * 200) * 100;
		const free = await assertPortsFree(first, 2).then(
			() => true,
			() => false,
		);
		if (free) return first;
	}
	throw new Error("no range of free ports was found");
}
