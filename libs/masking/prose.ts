// Texts in which nothing is to be found, told by one expression: words, which is what most texts are.

/**
 * Words of at most eleven letters, small but for the first or large throughout, with a space between and a comma or a full stop before it, and at most one number of
 * three digits. Everything that is looked for without a name has more digits, a sign, a longer run of letters or large letters within small ones.
 * `Basic` is left out: what follows it is read as base64 from eight letters on.
 */
const words =
	/^(?:(?![Bb](?:asic|ASIC) )(?:[A-Za-z][a-z]{0,10}|[A-Z]{2,6})(?:[,.;]? |[,.;]?$))*(?:\d{1,3}(?:[,.;]? |[,.;]?$)(?:(?![Bb](?:asic|ASIC) )(?:[A-Za-z][a-z]{0,10}|[A-Z]{2,6})(?:[,.;]? |[,.;]?$))*)?$/;
/** `entry-17`, `Item 3`, `line_204`. */
const numbered = /^[A-Za-z][a-z]{0,6}[-_ ]?\d{1,3}$/;

const numberedCharsMax = 11;
/** The expression remembers each word; and long texts of nothing but words are rare. */
const charsMax = 4096;
const firstLetter = 0x41;

/** Whether no detector finds anything in the text: prose.test.ts asks them. */
export function isProse(text: string): boolean {
	// Anything else is seldom words, and this is the cheapest question.
	if (text.charCodeAt(0) < firstLetter || text.length > charsMax) return false;
	return (text.length <= numberedCharsMax && numbered.test(text)) || words.test(text);
}
