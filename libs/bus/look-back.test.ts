// Reading again stops as soon as everybody who asked has what they want: what lies behind it may be a day's worth.
import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { patience } from "../../test/support/patience.ts";
import type { FollowOptions } from "./bus.ts";
import { withdrawn } from "./bus-contract.ts";
import { LookBack } from "./look-back.ts";

/** A stream that is never read to its end. @param last where that is. */
function endless(last = 1_000) {
	const begun: FollowOptions[] = [];
	let stopped = 0;
	const follow = async (options: FollowOptions) => {
		begun.push(options);
		const caughtUp = new Promise<void>(() => undefined);
		return { caughtUp, position: () => 0, stop: async () => void stopped++ };
	};
	const say = (position: number, ...calls: string[]) => {
		const options = begun.at(-1);
		calls.forEach((call, item) => {
			options?.handle({ event: withdrawn(call), position }, { position, item, tries: 1, storedAt: new Date() });
		});
		options?.passed?.("callgate.ingress.default.executor._a.call.ended", position);
	};
	return { bus: { follow, lastOf: async () => last }, begun, say, stopped: () => stopped };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const positionsOf = (found: readonly { readonly position: number }[]) => found.map(({ position }) => position);
const [one, two, other] = [uuidv7(), uuidv7(), uuidv7()];

test("who wants the first word is answered when it comes, and reading stops with the last who waits", async () => {
	const { bus, begun, say, stopped } = endless();
	const lookBack = new LookBack(bus, "f");
	const [first, second] = [lookBack.find(one, 5, { max: 1 }), lookBack.find(two, 9, { max: 1 })];
	// The first of them began to read alone; who came after it reads next.
	await turn();
	expect(begun.map(({ from }) => from)).toEqual([5]);
	say(6, other, one);
	expect(positionsOf(await first)).toEqual([6]);
	await expect.poll(() => begun.length, patience).toBe(2);
	expect(stopped()).toBe(1);
	say(8, two);
	say(9, other);
	say(10, two);
	expect(positionsOf(await second)).toEqual([10]);
	await expect.poll(stopped, patience).toBe(2);
});

test("those who ask meanwhile are read for together, each from where it asked and as far as it asked", async () => {
	const { bus, begun, say, stopped } = endless();
	const lookBack = new LookBack(bus, "f");
	const before = lookBack.find(other, 1, { max: 1 });
	const first = lookBack.find(one, 20, { until: 40, max: 1 });
	const [all, some] = [lookBack.find(one, 4, { until: 30 }), lookBack.find(two, 9, { until: 12 })];
	await turn();
	say(1, other);
	await before;
	await expect.poll(() => begun.length, patience).toBe(2);
	expect(begun.at(-1)).toMatchObject({ from: 4, ahead: 36 });
	for (const position of [3, 4, 9, 12, 20]) say(position, one, two);
	expect(positionsOf(await first)).toEqual([20]);
	expect(stopped()).toBe(1);
	for (const position of [29, 30, 39]) say(position, one);
	expect(positionsOf(await all)).toEqual([4, 9, 12, 20, 29]);
	expect(positionsOf(await some)).toEqual([9]);
	expect(begun).toHaveLength(2);
});

test("nothing is read beyond where everyone's question ends", async () => {
	const { bus, begun, say, stopped } = endless();
	const found = new LookBack(bus, "f").find(one, 4, { until: 7 });
	await turn();
	expect(begun.at(-1)).toMatchObject({ from: 4, ahead: 3 });
	say(5, one);
	expect(stopped()).toBe(0);
	say(6, one, other);
	expect(positionsOf(await found)).toEqual([5, 6]);
	expect(stopped()).toBe(1);
});

test("reading is over with the last message that whoever decides about writes knows of, and not where a copy that lags behind ends", async () => {
	const { bus, say, stopped } = endless(9);
	const found = new LookBack(
		{ ...bus, follow: async (options) => ({ ...(await bus.follow(options)), caughtUp: Promise.resolve() }) },
		"f",
	).find(one, 4);
	await turn();
	say(5, other);
	await turn();
	expect(stopped()).toBe(0);
	say(9, one);
	expect(positionsOf(await found)).toEqual([9]);
	expect(stopped()).toBe(1);
});

test("where there is nothing since then, nothing is read", async () => {
	const { bus, begun } = endless(3);
	expect(await new LookBack(bus, "f").find(one, 4)).toEqual([]);
	expect(begun).toEqual([]);
});
