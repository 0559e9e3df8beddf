// What a header field may be made of: checks that leave no room for a second one.

/** RFC 9110 section 5.6.2. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;
/** RFC 9110 section 5.5 as Latin-1 code units. Anything above U+00FF would be cut to its low byte on the way out, and U+010A's is a line feed. */
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Is this a header name as RFC 9110 has it (at most 128 characters)? */
export function isHeaderName(name: string): boolean {
	return token.test(name);
}

/** Can this value be written without ending its line? */
export function isHeaderValue(value: string): boolean {
	return fieldValue.test(value);
}
