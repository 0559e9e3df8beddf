// For every line of vendors.ts a token that fits and one that does not, made by a seeded chance: no token of anybody.
import { type Step, type VendorToken, vendorTokens } from "./detect/vendor-shapes.ts";

export interface VendorSample {
	readonly token: VendorToken;
	/** Fits the shape, in the words that its vendor's name may need. */
	readonly positive: string;
	/** What of it must be gone. */
	readonly secret: string;
	/** One character too few where it matters. What is known by the name before it (`AccountKey=`) stands without that: beside it anything is a secret. */
	readonly negative: string;
}

export function vendorSamples(): readonly VendorSample[] {
	return vendorTokens.map((token, number) => {
		const chance = chances(number + 1);
		const secret = token.steps.map((step) => written(step, chance, 0)).join("");
		const [first] = token.steps;
		const named = first && "text" in first && first.text.endsWith("=") ? first.text.length : 0;
		const short = token.steps
			.map((step) => written(step, chance, "letters" in step && step === longest(token.steps) ? -step.min + 3 : 0))
			.join("");
		const around = (value: string) => (token.near ? `${token.anchors[0]} ${value}` : value);
		return {
			token,
			positive: around(secret),
			secret: secret.slice(token.keptChars),
			negative: around(named > 0 ? secret.slice(named) : short),
		};
	});
}

function longest(steps: readonly Step[]): Step | undefined {
	return steps.reduce<Step | undefined>(
		(most, step) => ("letters" in step && (!most || !("letters" in most) || step.min > most.min) ? step : most),
		undefined,
	);
}

function written(step: Step, chance: () => number, more: number): string {
	if ("text" in step) return step.text;
	const letters = spelledOut(step.letters).filter((letter) => /[A-Za-z0-9]/.test(letter));
	// Hexadecimal digits are written small.
	const used = step.letters === "0-9a-fA-F" ? letters.filter((letter) => /[0-9a-f]/.test(letter)) : letters;
	return Array.from({ length: step.min + more }, () => used[Math.floor(chance() * used.length)] ?? "").join("");
}

function spelledOut(letters: string): string[] {
	return Array.from({ length: 94 }, (_, at) => String.fromCharCode(0x21 + at)).filter((character) =>
		new RegExp(`[${letters}]`).test(character),
	);
}

function chances(seed: number): () => number {
	let state = seed * 2654435761;
	return () => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return state / 4_294_967_296;
	};
}
