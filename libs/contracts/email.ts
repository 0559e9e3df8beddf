// E-mail addresses: what one looks like, and when two are one person's. People are known by theirs, so both are said here and nowhere else.

/**
 * What is taken for an address, as a pattern for schemas (with the flag u): one @, something on both sides, and no white space, control
 * characters or what lists of addresses are written with. Letters outside ASCII are allowed (RFC 6531).
 */
export const emailPattern = '^[^\\s@,;<>"\\p{Cc}]+@[^\\s@,;<>"\\p{Cc}]+$';
/** In UTF-16 units; RFC 5321 section 4.5.3.1.3 leaves this much between the angle brackets. */
export const emailCharactersMax = 254;

const email = new RegExp(emailPattern, "u");

export function isEmail(text: string): boolean {
	return text.length <= emailCharactersMax && email.test(text) && text.isWellFormed();
}

/**
 * Two addresses are one person's if their keys are equal: A to Z are a to z, everything else stays as it is. Letters outside ASCII are not
 * folded, normalised or trimmed: `toLowerCase` makes the Kelvin sign a k, and a stranger's address an approver's.
 */
export function emailKey(address: string): string {
	return address.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
