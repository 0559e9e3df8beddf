// A credential that a function echoes is found however it is written, and innocent text is left alone.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SCRUBBED, scrubber } from "./scrub-secret.ts";

const percentAll = (text: string): string => Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
const unicodeAll = (text: string): string =>
	Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`).join("");
const json = (text: string): string => JSON.stringify(text).slice(1, -1);
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const mixed = (text: string): string =>
	Array.from(text, (char, at) => [char, percentAll(char), unicodeAll(char), `&#${char.codePointAt(0)};`][at % 4]).join("");

const WRITINGS: [string, (secret: string) => string][] = [
	["as it is", (secret) => secret],
	["in capitals", (secret) => secret.replace(/[a-z]/g, (char) => char.toUpperCase())],
	["percent-encoded where needed", (secret) => encodeURIComponent(secret)],
	["percent-encoded in full", percentAll],
	["percent-encoded in full, capitals", (secret) => percentAll(secret).toUpperCase()],
	["percent-encoded twice", (secret) => encodeURIComponent(encodeURIComponent(secret))],
	["form-encoded", (secret) => new URLSearchParams({ k: secret }).toString().slice(2)],
	["JSON-escaped", json],
	["JSON-escaped twice", (secret) => json(json(secret))],
	["JSON-escaped with slashes", (secret) => json(secret).replaceAll("/", "\\/")],
	["JSON-escaped in full", unicodeAll],
	["HTML-escaped", (secret) => secret.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)],
	["in hexadecimal", (secret) => Buffer.from(secret).toString("hex")],
	["in base64url", (secret) => Buffer.from(secret).toString("base64url")],
	["each character in another way", mixed],
];

const SECRETS = [
	"sk_live_51HqXyZabc",
	"p/ss+w=rd&%25 ok?",
	'quote"back\\slash\\\\end',
	"ünïcödé-✓-secret",
	"<a href='x'>&amp;",
	"aaaaaaaaab",
	`long-${"0123456789abcdef/+".repeat(400)}`,
];

describe.each(SECRETS.map((secret) => [secret.slice(0, 20), secret]))("%s", (_name, secret) => {
	const scrub = scrubber([secret]);

	test.each(WRITINGS)("%s", async (_how, write) => {
		const written = write(secret);
		// base64 without its neighbours leaves at most one character that also holds bits of them
		const rest =
			written === Buffer.from(secret).toString("base64url") ? /^say \[credential\][\w=-]?, twice \[credential\][\w=-]?!$/ : undefined;
		const text = await scrub.text(`say ${written}, twice ${written}!`);
		if (rest === undefined) expect(text).toBe(`say ${SCRUBBED}, twice ${SCRUBBED}!`);
		else expect(text).toMatch(rest);
		expect(Buffer.from(await scrub.bytes(Buffer.from(`{"echo":"${written}"}`))).toString()).not.toContain(written);
	});

	test.each(["", "u", "us", "user:", "user: "])("in base64 after %j", async (before) => {
		for (const after of ["", "x", "xy", "xyz"]) {
			const encoded = base64(before + secret + after);
			expect(await scrub.text(`Basic ${encoded}`)).toContain(SCRUBBED);
			expect(await scrub.text(`Basic ${encodeURIComponent(encoded)}`)).toContain(SCRUBBED);
			expect(await scrub.text(`Basic ${encoded}`)).not.toContain(encoded.slice(4, 12));
		}
	});

	test("in bytes that are not UTF-8", async () => {
		const body = Buffer.concat([Buffer.from([0xff, 0xfe, 0xc3]), Buffer.from(secret), Buffer.from([0x80])]);
		expect(Buffer.from(await scrub.bytes(body)).toString("latin1")).toBe(`\xff\xfe\xc3${SCRUBBED}\x80`);
	});
});

test("a secret written in Latin-1, as header values are", async () => {
	const scrub = scrubber(["clé-très-secrète"]);
	expect(await scrub.text(Buffer.from("clé-très-secrète", "latin1").toString("latin1"))).toBe(SCRUBBED);
	expect(await scrub.text(Buffer.from("x clé-très-secrète", "utf8").toString("latin1"))).toBe(`x ${SCRUBBED}`);
	expect(Buffer.from(await scrub.bytes(Buffer.from("clé-très-secrète", "latin1"))).toString("latin1")).toBe(SCRUBBED);
	expect(await scrub.text("cl%E9-tr%e8s-secr%E8te")).toBe(SCRUBBED);
});

test("text without the secret comes back as it was", async () => {
	const scrub = scrubber(["sk_live_51HqXyZabc"]);
	const bytes = Buffer.from('{"id":"sk_live_51HqXyZab","✓":"ünï"}');
	expect(await scrub.bytes(bytes)).toBe(bytes);
	await fc.assert(
		fc.asyncProperty(fc.string({ unit: "grapheme" }), async (text) => {
			expect(await scrub.text(text)).toBe(text);
		}),
	);
	await fc.assert(
		fc.asyncProperty(fc.uint8Array(), async (body) => {
			expect(await scrub.bytes(body)).toBe(body);
		}),
	);
});

test("whatever surrounds it, the secret does not come through", async () => {
	const secret = fc.string({ unit: "grapheme-ascii", minLength: 8, maxLength: 40 }).filter((text) => !SCRUBBED.includes(text));
	await fc.assert(
		fc.asyncProperty(
			secret,
			fc.string({ unit: "grapheme" }),
			fc.string({ unit: "grapheme" }),
			fc.constantFrom(...WRITINGS),
			async (value, before, after, [, write]) => {
				const text = await scrubber([value]).text(`${before} ${write(value)} ${after}`);
				expect(text).toContain(SCRUBBED);
			},
		),
	);
});

test("several secrets, none, and an empty one", async () => {
	expect(await scrubber(["first-secret", "second-secret"]).text("first-secret second-secret")).toBe(`${SCRUBBED} ${SCRUBBED}`);
	expect(await scrubber([]).text("anything")).toBe("anything");
	expect(await scrubber([""]).text("anything")).toBe("anything");
});

describe("a large body", () => {
	const secret = "a-credential-0123456789";
	const seam = 64 * 1024;

	test.each(WRITINGS)("hides no secret at a seam: %s", async (_way, write) => {
		const written = Buffer.from(write(secret), "latin1");
		// Over the seam by each of its characters, before it and behind it.
		for (let at = seam - written.length - 1; at <= seam + 1; at += 5) {
			const body = Buffer.alloc(2 * seam + 10, "x");
			written.copy(body, at);
			const scrubbed = Buffer.from(await scrubber([secret]).bytes(body)).toString("latin1");
			expect(scrubbed.indexOf(SCRUBBED)).toBe(at);
			// In base64 the last character may hold bits of a neighbour, and stays.
			expect(scrubbed.length).toBeLessThanOrEqual(body.length - written.length + SCRUBBED.length + 1);
		}
	});
	test("without a secret comes back as it is", async () => {
		const body = Buffer.alloc(3 * seam, "%7");
		expect(await scrubber([secret]).bytes(body)).toBe(body);
	});
});

describe("others have their turn", () => {
	const seam = 64 * 1024;
	async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
		let turns = 0;
		let over = false;
		const tick = () => {
			turns++;
			if (!over) setImmediate(tick);
		};
		setImmediate(tick);
		await work();
		over = true;
		return turns;
	}
	const repeating = scrubber([`${"a".repeat(300)}b`]);

	test("while a large body is looked through", async () => {
		const body = Buffer.alloc(16 * seam, "\\");
		expect(await turnsDuring(() => scrubber(["a-credential-0123456789"]).bytes(body))).toBeGreaterThanOrEqual(15);
	});
	test.each<[string, () => Promise<unknown>]>([
		["a body", () => repeating.bytes(Buffer.alloc(4_000, "a"))],
		["a header", () => repeating.text("a".repeat(4_000))],
		["a header that is no Latin-1", () => repeating.text(`✓${"a".repeat(4_000)}`)],
	])("where %s repeats a secret's beginning", async (_what, work) => {
		expect(await turnsDuring(work)).toBeGreaterThanOrEqual(10);
	});
	test("where many headers do, each of them a little", async () => {
		const headers = async () => {
			for (let header = 0; header < 400; header++) await repeating.text("a".repeat(20));
		};
		expect(await turnsDuring(headers)).toBeGreaterThanOrEqual(5);
	});
});
