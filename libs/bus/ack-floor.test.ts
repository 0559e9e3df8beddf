// What another process was done with is known by how far everyone has acknowledged: asked only about what is old, and seldom.
import { expect, test } from "vitest";
import { AckFloor } from "./ack-floor.ts";
import { EventsUnavailable } from "./bus.ts";

const old = (position: number) => ({ position, storedAt: new Date(Date.now() - 60_000) });
const young = (position: number) => ({ position, storedAt: new Date() });

test("what stands at the floor or below it was done, and what is young is not asked about", async () => {
	let asked = 0;
	const floor = new AckFloor(async () => {
		asked++;
		return 7;
	}, 30_000);
	expect(await floor.isDoneElsewhere(young(1))).toBe(false);
	expect(asked).toBe(0);
	expect(await Promise.all([6, 7, 8].map((position) => floor.isDoneElsewhere(old(position))))).toEqual([true, true, false]);
	expect(asked).toBe(1);
});

test("a server that does not answer is asked again by the next one", async () => {
	const answers = [Promise.reject(new EventsUnavailable("away")), Promise.resolve(7)];
	const floor = new AckFloor(async () => (await answers.shift()) ?? Number.NaN, 30_000);
	await expect(floor.isDoneElsewhere(old(7))).rejects.toThrow(EventsUnavailable);
	expect(await floor.isDoneElsewhere(old(7))).toBe(true);
});
