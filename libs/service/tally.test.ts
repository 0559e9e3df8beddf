// What happens often is told seldom, and every one of them is in a number that was told.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Counted, Tally } from "./tally.ts";

interface Knock {
	readonly door: string;
}
let told: Counted<Knock>[];
let away: boolean;
let tally: Tally<Knock>;
const counts = () => told.map(({ about, count }) => `${about.door} ${count}`);

beforeEach(() => {
	vi.useFakeTimers();
	told = [];
	away = false;
	const tell = async (counted: Counted<Knock>) => {
		told.push(counted);
		if (away) throw new Error("away");
	};
	tally = new Tally<Knock>({ tell, rest: { door: "others" }, everyMs: 1_000, kindsMax: 3 });
});
afterEach(() => {
	vi.useRealTimers();
});
const second = () => vi.advanceTimersByTimeAsync(1_000);

test("the first is told at once, those that follow within a second together, and the next after silence at once again", async () => {
	for (let time = 0; time < 1_000; time++) tally.note({ door: "a" });
	expect(counts()).toEqual(["a 1"]);
	await second();
	expect(counts()).toEqual(["a 1", "a 999"]);
	await second();
	await second();
	tally.note({ door: "a" });
	expect(counts()).toEqual(["a 1", "a 999", "a 1"]);
});

test("so many kinds are told apart within a second; the others are one", async () => {
	tally.note({ door: "first" });
	for (let door = 0; door < 100; door++) tally.note({ door: String(door) });
	await second();
	expect(counts()).toEqual(["first 1", "0 1", "1 1", "2 1", "others 97"]);
});

test("what could not be told is told again under its id, and what came meanwhile after it", async () => {
	away = true;
	tally.note({ door: "a" });
	tally.note({ door: "a" });
	await second();
	tally.note({ door: "b" });
	await second();
	away = false;
	await second();
	await second();
	const ids = told.map(({ id }) => id);
	expect(counts()).toEqual(["a 1", "a 1", "a 1", "a 1", "a 1", "b 1"]);
	expect(new Set(ids.slice(0, 4)).size).toBe(1);
	expect(new Set(ids).size).toBe(3);
});

test("whoever stops tells the rest first", async () => {
	tally.note({ door: "a" });
	tally.note({ door: "a" });
	await tally.close();
	expect(counts()).toEqual(["a 1", "a 1"]);
});
