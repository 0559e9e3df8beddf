// Limits as promises: exact sums, once per call, never more than the maximum in any window, state of bounded size.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decimalOfUnits, unitsOf, unitsOfDecimal } from "./decimal.ts";
import { charge, emptyLimit, type LimitState, refund, rememberedCallsMax } from "./limits.ts";

const limit = { windowMs: 1_000, max: "0.3" };

describe("charge", () => {
	test("a tenth three times is three tenths, and not one billionth more", () => {
		let state: LimitState | undefined;
		for (const call of ["a", "b", "c"]) {
			const result = charge(state, { ...limit, amount: "0.1" }, 5_000, call);
			expect(result.ok).toBe(true);
			state = result.state;
		}
		expect(charge(state, { ...limit, amount: "0.000000001" }, 5_000, "d")).toMatchObject({ ok: false, used: "0.3" });
	});

	test("the same call again is charged once, and answered like the first time even when the account is full", () => {
		const first = charge(undefined, { ...limit, amount: "0.3" }, 5_000, "a");
		expect(charge(first.state, { ...limit, amount: "0.3" }, 5_500, "a")).toEqual({
			ok: true,
			state: first.state,
			used: "0.3",
			repeated: true,
		});
	});

	test("a refusal charges nothing", () => {
		const first = charge(undefined, { ...limit, amount: "0.2" }, 5_000, "a");
		const second = charge(first.state, { ...limit, amount: "0.2" }, 5_000, "b");
		expect(second).toMatchObject({ ok: false, state: first.state, repeated: false });
		expect(charge(second.state, { ...limit, amount: "0.1" }, 5_000, "c").ok).toBe(true);
	});

	test("a charge leaves the window exactly one window later", () => {
		const { state } = charge(undefined, { ...limit, amount: "0.3" }, 5_000, "a");
		expect(charge(state, { ...limit, amount: "0.1" }, 5_999, "b").ok).toBe(false);
		expect(charge(state, { ...limit, amount: "0.1" }, 6_000, "b")).toMatchObject({ ok: true, used: "0.1" });
	});

	test("a clock that stands behind does not make room", () => {
		const { state } = charge(undefined, { ...limit, amount: "0.3" }, 5_000, "a");
		expect(charge(state, { ...limit, amount: "0.1" }, 1_000, "b").ok).toBe(false);
	});

	const back = (call: string, amount = "0.3", at = 5_000) => ({ call, at, amount, windowMs: 1_000 });

	test("a refund makes room again, for the one call it names, and once", () => {
		const { state } = charge(undefined, { ...limit, amount: "0.3" }, 5_000, "a");
		expect(refund(state, back("b"))).toEqual(state);
		const given = refund(state, back("a"));
		const next = charge(given, { ...limit, amount: "0.3" }, 5_000, "b");
		expect(next.ok).toBe(true);
		expect(refund(next.state, back("a"))).toBe(next.state);
	});

	test("a call that is charged again after it was given back can be given back again", () => {
		const first = charge(undefined, { ...limit, amount: "0.3" }, 5_000, "a");
		const again = charge(refund(first.state, back("a")), { ...limit, amount: "0.3" }, 5_100, "a");
		expect(charge(refund(again.state, back("a")), { ...limit, amount: "0" }, 5_200, "b").used).toBe("0");
	});

	test("a call that was folded into a slice is given back exactly, once, while others of the slice stay charged", () => {
		let state: LimitState = emptyLimit;
		const asked = { windowMs: 1_000_000, max: "1000000", amount: "0.01" };
		const calls = rememberedCallsMax * 2;
		for (let call = 0; call < calls; call++) state = charge(state, asked, 10_000 + call, `call-${call}`).state;
		const folded = { call: "call-3", at: 10_003, amount: "0.01", windowMs: asked.windowMs };
		for (let times = 0; times < 3; times++) state = refund(state, folded);
		expect(charge(state, { ...asked, amount: "0" }, 20_000, "last").used).toBe(decimalOfUnits(BigInt(calls - 1) * 10_000_000n));
		// After the window nothing of it is left, not even less than nothing.
		expect(charge(state, { ...asked, amount: "0" }, 20_000 + 2 * asked.windowMs, "later")).toMatchObject({ used: "0" });
		expect(JSON.stringify(charge(state, { ...asked, amount: "0" }, 20_000 + 2 * asked.windowMs, "later").state)).not.toContain("call-3");
	});

	test("what is remembered of refunds is bounded: beyond that a call stays charged", () => {
		let state: LimitState = emptyLimit;
		const asked = { windowMs: 1_000_000, max: "1000000", amount: "1" };
		const calls = rememberedCallsMax + 1;
		for (let call = 0; call < calls; call++) {
			state = charge(state, asked, 10_000, `call-${call}`).state;
			state = refund(state, { call: `call-${call}`, at: 10_000, amount: "1", windowMs: asked.windowMs });
		}
		expect(charge(state, { ...asked, amount: "0" }, 20_000, "last").used).toBe("1");
	});

	test.each([
		["an amount that is no decimal", { ...limit, amount: "NaN" }, 5_000],
		["a negative amount", { ...limit, amount: "-1" }, 5_000],
		["a maximum that is no decimal", { ...limit, max: "", amount: "1" }, 5_000],
		["no time", { ...limit, amount: "1" }, Number.NaN],
		["no window", { amount: "1", max: "1", windowMs: 0 }, 5_000],
	])("%s throws", (_, asked, now) => {
		expect(() => charge(emptyLimit, asked, now, "a")).toThrow(RangeError);
	});

	test("no window ever holds more than the maximum, whatever comes when and how often", () => {
		const event = fc.record({ afterMs: fc.nat(400), cents: fc.nat(120), call: fc.integer({ min: 0, max: 30 }) });
		fc.assert(
			fc.property(fc.array(event, { maxLength: 60 }), (events) => {
				let state: LimitState | undefined;
				let now = 10_000;
				const granted = new Map<number, { at: number; cents: number }>();
				for (const { afterMs, cents, call } of events) {
					now += afterMs;
					const result = charge(
						state,
						{ windowMs: 1_000, max: "2.5", amount: decimalOfUnits(BigInt(cents) * 10_000_000n) },
						now,
						String(call),
					);
					state = JSON.parse(JSON.stringify(result.state)) as LimitState;
					if (result.ok && !result.repeated) granted.set(call, { at: now, cents });
					const inWindow = [...granted.values()].filter(({ at }) => at > now - 1_000);
					expect(inWindow.reduce((sum, one) => sum + one.cents, 0)).toBeLessThanOrEqual(250);
				}
			}),
		);
	});

	test("the state stays bounded and the sum exact when thousands of calls are charged", () => {
		let state: LimitState | undefined;
		const asked = { windowMs: 1_000_000, max: "1000000", amount: "0.01" };
		for (let call = 0; call < rememberedCallsMax * 3; call++) state = charge(state, asked, 10_000 + call, `call-${call}`).state;
		expect(state?.calls.length).toBeLessThanOrEqual(rememberedCallsMax);
		expect(state?.folded.length).toBeLessThanOrEqual(65);
		expect(charge(state, { ...asked, amount: "0" }, 20_000, "last").used).toBe(String((rememberedCallsMax * 3) / 100));
		expect(charge(state, asked, 20_000, `call-${rememberedCallsMax * 3 - 1}`).repeated).toBe(true);
	});
});

describe("amounts", () => {
	test.each([
		[0, "0"],
		[0.1, "0.1"],
		[1e21, "1000000000000000000000"],
		[1e-9, "0.000000001"],
		[1.5e-9, "0.000000002"],
		[1e-20, "0.000000001"],
		[123456.789, "123456.789"],
		[1n, "1"],
	] as const)("%s is %s", (amount, text) => {
		const units = unitsOf(amount);
		expect(units === undefined ? undefined : decimalOfUnits(units)).toBe(text);
	});

	test.each([-1, -0.5, Number.NaN, Number.POSITIVE_INFINITY, -1n])("%s is no amount", (amount) => {
		expect(unitsOf(amount)).toBeUndefined();
	});

	test("text and units are one", () => {
		fc.assert(
			fc.property(fc.bigInt({ min: 0n, max: 10n ** 40n }), (units) => {
				expect(unitsOfDecimal(decimalOfUnits(units))).toBe(units);
			}),
		);
	});

	test("an amount is never counted as less than it is, nor as a billionth more", () => {
		fc.assert(
			fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), (amount) => {
				const units = unitsOf(amount) ?? 0n;
				expect(Number(units) / 1e9).toBeGreaterThanOrEqual(amount * (1 - 1e-15));
				expect(Number(units) / 1e9).toBeLessThanOrEqual(amount * (1 + 1e-15) + 1.000001e-9);
			}),
		);
	});
});
