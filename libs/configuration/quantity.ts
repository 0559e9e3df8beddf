// Sizes as people write them: `64KiB`, `1MiB`. Durations are `#libs/policy/duration.ts`; both are a whole number and one unit.

/** Schema pattern of a size: binary units only, so that nobody wonders whether a kilo is 1000. */
export const sizePattern = "^[1-9][0-9]{0,8}(B|KiB|MiB)$";

/** Bytes of a size such as `512B`, `64KiB` or `1MiB`; undefined if the text is none. */
export function sizeBytes(text: string): number | undefined {
	if (!new RegExp(sizePattern).test(text)) return undefined;
	const count = Number.parseInt(text, 10);
	if (text.endsWith("MiB")) return count * 1_048_576;
	return text.endsWith("KiB") ? count * 1_024 : count;
}
