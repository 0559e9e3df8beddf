// How numbers prove that they were written right: the sums that standards and states use. `compact` has no separators and large letters.

export function digitAt(compact: string, at: number): number {
	return compact.charCodeAt(at) - 0x30;
}

/** The sum of the first digits, each times its weight. */
export function weighted(compact: string, weights: readonly number[]): number {
	return weights.reduce((sum, weight, at) => sum + weight * digitAt(compact, at), 0);
}

/** ISO/IEC 7812-1 annex B. */
export function isLuhn(compact: string): boolean {
	let sum = 0;
	for (let at = compact.length - 1, twice = false; at >= 0; at--, twice = !twice) {
		const digit = digitAt(compact, at);
		sum += twice ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit;
	}
	return sum % 10 === 0;
}

/** ISO 7064 mod 11,10. */
export function isMod1110(compact: string): boolean {
	let product = 10;
	for (let at = 0; at < compact.length - 1; at++) product = (((digitAt(compact, at) + product) % 10 || 10) * 2) % 11;
	return (11 - product) % 10 === digitAt(compact, compact.length - 1);
}

const dihedral = [
	...["0123456789", "1234067895", "2340178956", "3401289567", "4012395678"],
	...["5987604321", "6598710432", "7659821043", "8765932104", "9876543210"],
].map((row) => Array.from(row, Number));
const permutation = ["0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258"].map(
	(row) => Array.from(row, Number),
);

/** J. Verhoeff, Error Detecting Decimal Codes, 1969. */
export function isVerhoeff(compact: string): boolean {
	let check = 0;
	for (let at = compact.length - 1, place = 0; at >= 0; at--, place++)
		check = dihedral[check]?.[permutation[place % 8]?.[digitAt(compact, at)] ?? 0] ?? 0;
	return check === 0;
}

export function isDay(month: number, day: number): boolean {
	return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/** Whether the two digits at each place are a month and a day. */
export function hasDay(compact: string, month: number, day: number): boolean {
	return isDay(Number(compact.slice(month, month + 2)), Number(compact.slice(day, day + 2)));
}
