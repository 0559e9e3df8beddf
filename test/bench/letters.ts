// Numbers as letters, so that no detector takes a call's reference for a card or a phone number to be masked.

export function lettersOf(number: number): string {
	let letters = "";
	for (let rest = number; letters === "" || rest > 0; rest = Math.floor(rest / 26))
		letters = String.fromCharCode(97 + (rest % 26)) + letters;
	return letters;
}
