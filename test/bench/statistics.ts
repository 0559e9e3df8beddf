// Medians, percentiles and spreads: how many repetitions become one figure.

/** One figure of several repetitions. */
export interface Spread {
	readonly median: number;
	readonly min: number;
	readonly max: number;
	/** In the order in which they were measured. */
	readonly all: readonly number[];
}

/** How long calls took, in milliseconds. */
export interface Latency {
	readonly p50: number;
	readonly p95: number;
	readonly p99: number;
	readonly max: number;
}

/** The middle value; of an even number the mean of the two in the middle. @throws {RangeError} for no values. */
export function median(values: readonly number[]): number {
	const sorted = ascending(values);
	const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
	if (low === undefined || high === undefined) throw new RangeError("no values have no median");
	return (low + high) / 2;
}

/**
 * The smallest value that at least `percent` of all values do not exceed (nearest rank: always a value that was measured).
 *
 * @param percent above 0, at most 100
 * @throws {RangeError} for no values.
 */
export function percentile(values: readonly number[], percent: number): number {
	const sorted = ascending(values);
	const value = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
	if (value === undefined) throw new RangeError("no values have no percentiles");
	return value;
}

/** @throws {RangeError} for no values. */
export function spreadOf(values: readonly number[]): Spread {
	return { median: median(values), min: Math.min(...values), max: Math.max(...values), all: values };
}

/** The middle of the ratios turn by turn, of two that took turns: what slowed the machine down for a while met both. @throws {RangeError} for no values. */
export function ratioOf(one: Spread, other: Spread): number {
	return median(one.all.map((value, turn) => value / (other.all[turn] ?? Number.NaN)));
}

/** Turn by turn, likewise. @throws {RangeError} for no values. */
export function differenceOf(one: Spread, other: Spread): Spread {
	return spreadOf(one.all.map((value, turn) => value - (other.all[turn] ?? Number.NaN)));
}

/** @throws {RangeError} for no values. */
export function latencyOf(ms: readonly number[]): Latency {
	const sorted = ascending(ms);
	return { p50: percentile(sorted, 50), p95: percentile(sorted, 95), p99: percentile(sorted, 99), max: percentile(sorted, 100) };
}

function ascending(values: readonly number[]): number[] {
	return values.toSorted((one, other) => one - other);
}
