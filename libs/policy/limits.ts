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

/** One account. Plain JSON, at most {@link rememberedCallsMax} calls, as many returned, and a slice more than {@link slices}: some 200 KB. */
export interface LimitState {
	readonly calls: readonly Charged[];
	/** Sums of older charges; `at` is the latest charge in it. */
	readonly folded: readonly { readonly at: number; readonly amount: string }[];
	/** Calls that were given back, so that none is twice; absent in accounts of which nothing ever was. */
	readonly returned?: readonly Pick<Charged, "call" | "at">[];
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
	const account = inWindow(state ?? emptyLimit, nowMs - asked.windowMs, asked.windowMs);
	const used = sumOf(account);
	if (account.calls.some(({ call }) => call === callId)) return { ok: true, state: account, used: decimalOfUnits(used), repeated: true };
	const after = used + unitsOfDecimal(asked.amount);
	if (after > unitsOfDecimal(asked.max)) return { ok: false, state: account, used: decimalOfUnits(used), repeated: false };
	const calls = [...account.calls, { call: callId, at: nowMs, amount: asked.amount }];
	return {
		ok: true,
		state: folded(notReturned({ ...account, calls }, callId), asked.windowMs),
		used: decimalOfUnits(after),
		repeated: false,
	};
}

/** A charge that was made and is taken back. */
export type Refund = Charged & { readonly windowMs: number };

/**
 * Takes back the charge of a call that did not run, also if it was folded into a slice since. Taking it back again changes nothing. Where
 * {@link rememberedCallsMax} calls of one window were given back already it stays charged: an error on the safe side.
 */
export function refund(state: LimitState, { call, at, amount, windowMs }: Refund): LimitState {
	const returned = state.returned ?? [];
	const isCharged = state.calls.some((one) => one.call === call);
	if (returned.length >= rememberedCallsMax || (!isCharged && returned.some((one) => one.call === call))) return state;
	const remembering = { ...state, returned: [...returned.filter((one) => one.call !== call), { call, at }] };
	if (isCharged) return { ...remembering, calls: state.calls.filter((one) => one.call !== call) };
	const slice = state.folded.find((one) => sliceOf(one.at, windowMs) === sliceOf(at, windowMs));
	const left = slice && unitsOfDecimal(slice.amount) - unitsOfDecimal(amount);
	if (left === undefined || left < 0n) return state;
	return { ...remembering, folded: state.folded.map((one) => (one === slice ? { ...one, amount: decimalOfUnits(left) } : one)) };
}

/**
 * Takes back the charge of a call that may have been charged, where it is remembered one by one. One that was folded cannot be told from one
 * that never was, and stays: an error on the safe side.
 */
export function uncharge(state: LimitState, call: string): LimitState {
	const calls = state.calls.filter((one) => one.call !== call);
	return calls.length === state.calls.length ? state : { ...state, calls };
}

/** A call that is charged anew can be given back anew. */
function notReturned(state: LimitState, call: string): LimitState {
	return state.returned ? { ...state, returned: state.returned.filter((one) => one.call !== call) } : state;
}

function inWindow({ calls, folded, returned }: LimitState, startMs: number, windowMs: number): LimitState {
	return {
		calls: calls.filter(({ at }) => at > startMs),
		folded: folded.filter(({ at }) => at > startMs),
		// A slice stays until its last charge has left the window, and so does what is known of its calls.
		...(returned && { returned: returned.filter(({ at }) => at > startMs - sliceMsOf(windowMs)) }),
	};
}

function sliceMsOf(windowMs: number): number {
	return Math.max(1, Math.ceil(windowMs / slices));
}

function sliceOf(at: number, windowMs: number): number {
	return Math.floor(at / sliceMsOf(windowMs));
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
	const sums = new Map<number, { at: number; units: bigint }>();
	for (const { at, amount } of [...state.folded, ...oldest]) {
		const slice = sliceOf(at, windowMs);
		const known = sums.get(slice);
		sums.set(slice, { at: Math.max(at, known?.at ?? at), units: (known?.units ?? 0n) + unitsOfDecimal(amount) });
	}
	return {
		...state,
		calls: byAge.slice(rememberedCallsMax / 2),
		folded: [...sums.values()].map(({ at, units }) => ({ at, amount: decimalOfUnits(units) })),
	};
}
