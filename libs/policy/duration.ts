// Durations as people write them in policies: one whole number and one unit, `30m`.

/** Schema pattern of a duration: a positive whole number without leading zeros and one of `s`, `m`, `h`, `d`. */
export const durationPattern = "^[1-9][0-9]{0,5}(s|m|h|d)$";

const unitMs: ReadonlyMap<string, number> = new Map([
	["s", 1_000],
	["m", 60_000],
	["h", 3_600_000],
	["d", 86_400_000],
]);

/** Milliseconds of a duration such as `10s`, `30m`, `24h` or `7d`; undefined if the text is none. */
export function durationMs(text: string): number | undefined {
	if (!new RegExp(durationPattern).test(text)) return undefined;
	const unit = unitMs.get(text.slice(-1));
	return unit === undefined ? undefined : Number(text.slice(0, -1)) * unit;
}
