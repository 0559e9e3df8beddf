// `multipleOf` on the decimals that people write: 19.99 is a multiple of 0.01, although the doubles that stand for them divide with a rest.

/** Whether `value` is a whole number of times `divisor`, both taken as the shortest decimal that names the double. Exact, without tolerance. */
export function isMultipleOf(divisor: number, value: number): boolean {
	if (!Number.isFinite(value)) return false;
	const [one, other] = [decimalOf(value), decimalOf(divisor)];
	const exponent = Math.min(one.exponent, other.exponent);
	return scaled(one, exponent) % scaled(other, exponent) === 0n;
}

interface Decimal {
	readonly digits: bigint;
	readonly exponent: number;
}

function decimalOf(value: number): Decimal {
	const [mantissa = "0", exponent = "0"] = value.toExponential().split("e");
	const [whole = "0", fraction = ""] = mantissa.split(".");
	return { digits: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length };
}

/** At most some 650 digits: a double's exponent is bounded. */
function scaled({ digits, exponent }: Decimal, to: number): bigint {
	return digits * 10n ** BigInt(exponent - to);
}
