// Exact decimal amounts, so that a limit on money never drifts: integers that count billionths.

/** Digits after the point that an amount keeps; more are rounded up. */
const scaleDigits = 9;
const one = 10n ** BigInt(scaleDigits);

/**
 * Billionths of a number that is not negative, or undefined for a negative, infinite or missing number. The decimal is the one JavaScript
 * prints (ECMA-262 Number::toString), which is the one the caller wrote: `0.1` is exactly 100,000,000 billionths. Digits beyond the ninth
 * are rounded up, so a limit may count a billionth too much and never too little.
 */
export function unitsOf(amount: number | bigint): bigint | undefined {
	if (typeof amount === "bigint") return amount < 0n ? undefined : amount * one;
	if (!Number.isFinite(amount) || amount < 0) return undefined;
	const match = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(amount));
	if (match === null) return undefined;
	const [, whole = "0", fraction = "", exponent = "0"] = match;
	const shift = Number(exponent) - fraction.length + scaleDigits;
	const digits = BigInt(whole + fraction);
	if (shift >= 0) return digits * 10n ** BigInt(shift);
	const divisor = 10n ** BigInt(-shift);
	return (digits + divisor - 1n) / divisor;
}

/** The decimal text of billionths: `1500000000n` is `1.5`. */
export function decimalOfUnits(units: bigint): string {
	const whole = units / one;
	const fraction = String(units % one)
		.padStart(scaleDigits, "0")
		.replace(/0+$/, "");
	return fraction === "" ? String(whole) : `${whole}.${fraction}`;
}

/** Billionths of a decimal text that {@link decimalOfUnits} wrote. @throws {RangeError} for any other text. */
export function unitsOfDecimal(text: string): bigint {
	const match = /^(\d{1,400})(?:\.(\d{1,9}))?$/.exec(text);
	if (match === null) throw new RangeError("not a decimal amount");
	const [, whole = "0", fraction = ""] = match;
	return BigInt(whole) * one + BigInt(fraction.padEnd(scaleDigits, "0"));
}
