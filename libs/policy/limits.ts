// Sliding-window accounts behind `limit:`: what was charged lately, exactly, once per call. Pure; the service stores the state and compares-and-swaps.
import type { LimitCharge } from "./decide.ts";
import { decimalOfUnits, unitsOfDecimal } from "./decimal.ts";

/**
 * Calls of one account remembered one by one: more than are redelivered together after a crash. Older ones still count, but a redelivery of
 * one would be charged again: an error on the safe side.
 */
export const rememberedCallsMax = 1_024;
/** Slices of the window into which older charges are folded; a slice counts until all of it has left the window. */
const slices = 64;

interface Charged {
	readonly call: string;
	/** Milliseconds since 1970. */
	readonly at: number;
	/** Exact decimal. */
	readonly amount: string;
}

/** One account. Plain JSON, at most {@link rememberedCallsMax} calls and a slice more than {@link slices}: some 100 KB. */
export interface LimitState {
	readonly calls: readonly Charged[];
	/** Sums of older charges; `at` is the latest charge in it. */
	readonly folded: readonly { readonly at: number; readonly amount: string }[];
}

export const emptyLimit: LimitState = { calls: [], folded: [] };

export interface ChargeResult {
	/** Whether the call stays within the limit. If not, nothing was charged. */
	readonly ok: boolean;
	readonly state: LimitState;
	/** What the window holds now, this call included if it was charged; an exact decimal. */
	readonly used: string;
	/** The call was charged before and is not charged again. */
	readonly repeated: boolean;
}

/**
 * Charges a call to an account unless that would exceed the limit: what was charged in the last `windowMs` plus this call is at most `max`.
 * Sums are exact (integers of billionths, see decimal.ts). Charging the same call id again changes nothing and answers like the first time,
 * whatever has been charged since. A charge leaves the window `windowMs` after it was made; charges from a clock that runs ahead count.
 *
 * @param state the account's state, or undefined if it has none yet
 * @param nowMs milliseconds since 1970
 * @throws {RangeError} if the charge or the state holds what is no decimal: nothing may be granted on it
 */
export function charge(
	state: LimitState | undefined,
	asked: Pick<LimitCharge, "amount" | "windowMs" | "max">,
	nowMs: number,
	callId: string,
): ChargeResult {
	if (!Number.isSafeInteger(nowMs) || !(asked.windowMs > 0)) throw new RangeError("a charge needs a time and a window");
	const account = inWindow(state ?? emptyLimit, nowMs - asked.windowMs);
	const used = sumOf(account);
	if (account.calls.some(({ call }) => call === callId)) return { ok: true, state: account, used: decimalOfUnits(used), repeated: true };
	const after = used + unitsOfDecimal(asked.amount);
	if (after > unitsOfDecimal(asked.max)) return { ok: false, state: account, used: decimalOfUnits(used), repeated: false };
	const calls = [...account.calls, { call: callId, at: nowMs, amount: asked.amount }];
	return { ok: true, state: folded({ ...account, calls }, asked.windowMs), used: decimalOfUnits(after), repeated: false };
}

/** Takes a charge back, for a call that was charged to one account and refused by another. Unknown calls change nothing. */
export function refund(state: LimitState, callId: string): LimitState {
	return { ...state, calls: state.calls.filter(({ call }) => call !== callId) };
}

function inWindow(state: LimitState, startMs: number): LimitState {
	return { calls: state.calls.filter(({ at }) => at > startMs), folded: state.folded.filter(({ at }) => at > startMs) };
}

function sumOf(state: LimitState): bigint {
	let sum = 0n;
	for (const { amount } of state.calls) sum += unitsOfDecimal(amount);
	for (const { amount } of state.folded) sum += unitsOfDecimal(amount);
	return sum;
}

/** Folds the oldest half of the calls into slices when there are too many: amounts stay exact, they only leave the window a slice later. */
function folded(state: LimitState, windowMs: number): LimitState {
	if (state.calls.length <= rememberedCallsMax) return state;
	const byAge = [...state.calls].sort((one, other) => one.at - other.at);
	const oldest = byAge.slice(0, rememberedCallsMax / 2);
	const sliceMs = Math.max(1, Math.ceil(windowMs / slices));
	const sums = new Map<number, { at: number; units: bigint }>();
	for (const { at, amount } of [...state.folded, ...oldest]) {
		const slice = Math.floor(at / sliceMs);
		const known = sums.get(slice);
		sums.set(slice, { at: Math.max(at, known?.at ?? at), units: (known?.units ?? 0n) + unitsOfDecimal(amount) });
	}
	return {
		calls: byAge.slice(rememberedCallsMax / 2),
		folded: [...sums.values()].map(({ at, units }) => ({ at, amount: decimalOfUnits(units) })),
	};
}
