// Limits of a call that several replicas decide at once: what its entry says at last is what its accounts hold.
import { v7 as uuidv7 } from "uuid";
import { beforeEach, expect, test } from "vitest";
import { type Bus, EventsUnavailable, type Store } from "#libs/bus/bus.ts";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import type { Decision, LimitCharge } from "#libs/policy/decide.ts";
import { type ChargedCall, chargeLimits, giveBack } from "./charge-limits.ts";

const storedAt = new Date("2026-01-01T12:00:00.000Z");
const limit = (key: string): LimitCharge => ({ rule: key, key, amount: "10", windowMs: 3_600_000, max: "10" });
const [hourly, daily] = [limit("hourly"), limit("daily")];
const allowed = (...limits: LimitCharge[]): Decision => ({ effect: "grant", rules: ["r"], reasons: [], limits });
const newCall = (): ChargedCall => ({ call: uuidv7(), pool: "default", storedAt });

let ports: { readonly bus: Bus };
let stream: MemoryStream;
beforeEach(() => {
	stream = new MemoryStream();
	ports = { bus: createMemoryBus(stream, "policy") };
});

/** A replica whose store is another one. */
function replica(over: (store: Store) => Partial<Store>): { readonly bus: Bus } {
	const bus = createMemoryBus(stream, "policy");
	const store = bus.store("limits");
	const whole: Store = {
		get: (key) => store.get(key),
		write: (...entry) => store.write(...entry),
		put: (...entry) => store.put(...entry),
		remove: (key) => store.remove(key),
		...over(store),
	};
	return { bus: Object.assign(Object.create(bus) as Bus, { store: () => whole }) };
}

/** One that is so slow behind its n-th look into the store that `meanwhile` happens in between. */
function slowAfter(nth: number, meanwhile: () => Promise<unknown>): { readonly bus: Bus } {
	let looks = 0;
	return replica((store) => ({
		get: async (key) => {
			const found = await store.get(key);
			if (++looks === nth) await meanwhile();
			return found;
		},
	}));
}

/** One that never gets to its n-th write. */
function dyingAt(nth: number): { readonly bus: Bus } {
	let writes = 0;
	return replica((store) => ({
		write: (...entry) => (++writes === nth ? Promise.reject(new EventsUnavailable("died")) : store.write(...entry)),
	}));
}

/** What another call may still spend of an account. */
async function room(of: LimitCharge): Promise<number> {
	for (let amount = Number(of.max); amount > 0; amount--) {
		const probe = newCall();
		const { effect } = await chargeLimits(ports, probe, allowed({ ...of, amount: String(amount) }));
		if (effect !== "grant") continue;
		await giveBack(ports, probe);
		return amount;
	}
	return 0;
}

test("a replica that charges a call after it was given back takes its own charge back", async () => {
	const call = newCall();
	const slow = slowAfter(1, async () => {
		await chargeLimits(ports, call, allowed(hourly));
		await giveBack(ports, call);
	});
	expect(await chargeLimits(slow, call, allowed(hourly))).toMatchObject({ effect: "grant" });
	expect(await room(hourly)).toBe(10);
});

test("of several limits those before the exceeded one are given back, also where the replica dies at any step of it", async () => {
	await chargeLimits(ports, newCall(), allowed(daily));
	for (let step = 1; step <= 4; step++) {
		const call = newCall();
		const dying = dyingAt(step);
		const died = await chargeLimits(dying, call, allowed(hourly, daily)).catch((error: unknown) => error);
		if (step < 4) expect(died).toBeInstanceOf(EventsUnavailable);
		expect(await chargeLimits(ports, call, allowed(hourly, daily))).toMatchObject({ effect: "deny", rules: ["daily"] });
		expect([step, await room(hourly), await room(daily)]).toEqual([step, 10, 0]);
	}
});

test("a replica that finds a limit exceeded takes nothing from a call that another one grants meanwhile", async () => {
	const other = newCall();
	await chargeLimits(ports, other, allowed(daily));
	const call = newCall();
	// It looks for the call, charges the first limit, and sees the second one full.
	const slow = slowAfter(3, async () => {
		await giveBack(ports, other);
		expect(await chargeLimits(ports, call, allowed(hourly, daily))).toMatchObject({ effect: "grant" });
	});
	expect(await chargeLimits(slow, call, allowed(hourly, daily))).toMatchObject({ effect: "grant" });
	expect([await room(hourly), await room(daily)]).toEqual([0, 0]);
});

test.each([1, 2, 3])("a replica that is slow behind look %d charges nothing for a call that another one denied meanwhile", async (nth) => {
	const other = newCall();
	await chargeLimits(ports, other, allowed(daily));
	const call = newCall();
	const slow = slowAfter(nth, async () => {
		expect(await chargeLimits(ports, call, allowed(hourly, daily))).toMatchObject({ effect: "deny" });
		await giveBack(ports, other);
	});
	expect(await chargeLimits(slow, call, allowed(hourly, daily))).toMatchObject({ effect: "deny", rules: ["daily"] });
	expect([await room(hourly), await room(daily)]).toEqual([10, 10]);
});
