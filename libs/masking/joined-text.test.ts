// Text in parts is masked as the whole text is, wherever it was parted.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ALL_DETECTORS } from "./detectors.ts";
import { heldCharsMax, heldCharsMin, JoinedText } from "./joined-text.ts";
import { compileMask } from "./mask.ts";
import { MaskingError } from "./masking-error.ts";

const whole = compileMask({ paths: {}, detect: ALL_DETECTORS });
const mask = async (text: string) => whole.maskText(text);

/** What each part became, in order. */
async function inParts(parts: readonly string[]): Promise<string[]> {
	const joined = new JoinedText(mask);
	const out: string[] = [];
	for (const part of parts) {
		joined.add(part);
		out.push(...(await joined.settle()));
	}
	return [...out, ...(await joined.settle(true))];
}

function cut(text: string, places: readonly number[]): string[] {
	const at = [...new Set(places.map((place) => place % (text.length + 1)))].sort((one, other) => one - other);
	return [...at, text.length].map((end, index) => text.slice(index === 0 ? 0 : at[index - 1], end));
}

const secrets = [
	"4111 1111 1111 1111",
	"378282246310005",
	"DE89 3704 0044 0532 0130 00",
	"jane.doe+invoices@customer.example",
	"+49 30 901820 77",
	"phone: 030 901820",
	"password: correct-horse-battery",
	'"api_key": "9f8a7b6c5d4e3f2a1b0c"',
	`passphrase: "${"correct horse battery staple ".repeat(12)}"`,
	"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
	"AKIAIOSFODNN7EXAMPLE",
	"192.168.17.23",
	"born 12 March 1984",
	`-----BEGIN PRIVATE KEY-----\n${"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n".repeat(6)}-----END PRIVATE KEY-----`,
];
const words = fc.constantFrom(
	..."the sum is paid to account of our customer and nobody else may know it 🙂 Überweisung 支払い".split(" "),
	"\n",
	"a.",
	"(b)",
);
const prose = fc.array(words, { minLength: 0, maxLength: 60 }).map((list) => list.join(" "));
const text = fc
	.array(fc.tuple(prose, fc.constantFrom(...secrets)), { minLength: 1, maxLength: 5 })
	.map((pairs) => pairs.map(([before, secret]) => `${before} ${secret} `).join("and then "));

describe("text in parts", () => {
	test("is masked as the whole is, wherever it is parted", async () => {
		await fc.assert(
			fc.asyncProperty(text, fc.array(fc.nat(), { maxLength: 80 }), async (one, places) => {
				expect((await inParts(cut(one, places))).join("")).toBe(whole.maskText(one).text);
			}),
			{ numRuns: 300 },
		);
	});

	test("character by character, no part of a secret is ever let go", async () => {
		for (const secret of secrets) {
			const one = `Here it is, as you asked for it: ${secret} and that was it. ${"Nothing more is to be said. ".repeat(12)}`;
			expect((await inParts([...one])).join(""), secret).toBe(whole.maskText(one).text);
		}
	});

	test("a find across parts has its mark where it begins, and each part is what it was otherwise", async () => {
		expect(await inParts(["my card ", "4111 1111 ", "1111 1111", ", thank ", "you"])).toEqual([
			"my card ",
			"[card …1111]",
			"",
			", thank ",
			"you",
		]);
	});

	test("what nothing can change any more is let go before the end", async () => {
		const joined = new JoinedText(mask);
		let out = 0;
		for (let at = 0; at < 100; at++) {
			joined.add(`word${at} `);
			out += (await joined.settle()).length;
			expect(joined.waiting).toBeLessThan((2 * heldCharsMin) / 6);
		}
		expect(out).toBeGreaterThan(70);
	});

	test("what cannot be parted is not let go, however long it is, and there is an end to that", async () => {
		const joined = new JoinedText(mask);
		const fill = async () => {
			for (let at = 0; at < heldCharsMax; at += 8) {
				joined.add("QUJDREVG");
				expect(await joined.settle()).toEqual([]);
			}
			joined.add("QUJDREVG");
			await joined.settle();
		};
		await expect(fill()).rejects.toThrow(MaskingError);
	});
});
