// What stands in a value for a string that is masked elsewhere, and where it went: masking moves items and renames members.
import { isJsonObject, type JsonValue } from "#libs/contracts/json.ts";

/** No detector sees anything in it, and no name makes a password of so little but where it is masked as one. */
export const standIn = (nth: number): string => `\u0000${nth}\u0000`;

// biome-ignore lint/suspicious/noControlCharactersInRegex: nobody writes one
const whole = /^\u0000(\d{1,9})\u0000$/;

/** Puts in what each of them stands for, for those that are still there. @param fill what goes into its place; undefined: it stays */
export function fillStandIns(value: JsonValue, fill: (nth: number) => string | undefined): JsonValue {
	if (typeof value === "string") {
		const nth = whole.exec(value)?.[1];
		return nth === undefined ? value : (fill(Number(nth)) ?? value);
	}
	if (Array.isArray(value)) return value.map((item) => fillStandIns(item, fill));
	if (!isJsonObject(value)) return value;
	return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, fillStandIns(member, fill)]));
}

/** Which are still there. */
export function standInsIn(value: JsonValue): ReadonlySet<number> {
	const found = new Set<number>();
	fillStandIns(value, (nth) => void found.add(nth));
	return found;
}
