// Answers in pieces: what belongs together is masked together, however it was cut, and a record that holds nothing to mask stays as it was sent.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FindAction } from "#libs/masking/action.ts";
import { ALL_DETECTORS } from "#libs/masking/detectors.ts";
import { keysOf } from "#libs/masking/keyed/keys.test-support.ts";
import type { MaskingContext } from "#libs/masking/keyed/session-keys.ts";
import { tokenOf } from "#libs/masking/keyed/token.ts";
import { compileMask, type MaskSpec } from "#libs/masking/mask.ts";
import { AnswerWithheld } from "./answer-text.ts";
import type { AnswerMasks } from "./mask-answer.ts";
import { RecordMasker } from "./mask-records.ts";

const masksOf = (paths: MaskSpec["paths"] = {}, finds: MaskSpec["finds"] = {}) => ({
	mask: compileMask({ paths, detect: ALL_DETECTORS, finds }),
	view: undefined,
	byPlace: Object.keys(paths).length > 0,
	isKeyed: false,
	passesMedia: false,
});
const plain = masksOf();
const noScrub = async (text: string) => text;

async function masked(
	records: readonly string[],
	framing: "events" | "lines" = "events",
	masks: AnswerMasks = plain,
	scrub = noScrub,
	keys?: MaskingContext,
): Promise<string> {
	const masker = new RecordMasker(masks, framing, scrub, keys);
	let out = "";
	for (const record of records) out += await masker.add(record);
	return out + (await masker.end());
}

const event = (data: unknown, more = "") => `${more}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
const delta = (content: string, index = 0) => ({
	id: "chatcmpl-123",
	object: "chat.completion.chunk",
	choices: [{ index, delta: { content } }],
});
/** What a client puts together of the deltas of one choice. */
const said = (stream: string, index = 0): string =>
	stream
		.split("\n\n")
		.filter((one) => one.startsWith("data: {"))
		.flatMap((one) => JSON.parse(one.slice(6)).choices ?? [])
		.filter((choice) => choice.index === index)
		.map((choice) => choice.delta.content)
		.join("");

const secret = "the card is 4111 1111 1111 1111, mail jane.doe@customer.example or call +49 30 901820 77 now";
const hidden = "the card is [card …1111], mail [email] or call [phone] now";
const inParts = (text: string, size: number): string[] => text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];

describe("the words of a model", () => {
	test.each([1, 2, 3, 5, 7, 16, 200])("%i characters an event: masked as the whole is", async (size) => {
		const out = await masked([...inParts(secret, size).map((part) => event(delta(part))), event("[DONE]")]);
		expect(said(out)).toBe(hidden);
		expect(out).toMatch(/data: \[DONE\]\n\n$/);
	});

	test("cut anywhere, over two choices at once, each is masked as its whole is", async () => {
		const places = fc.array(fc.record({ size: fc.integer({ min: 1, max: 9 }), index: fc.integer({ min: 0, max: 1 }) }), {
			minLength: 5,
			maxLength: 90,
		});
		await fc.assert(
			fc.asyncProperty(places, async (cuts) => {
				const left = [secret, `and ${secret}`];
				const records = cuts.flatMap(({ size, index }) => {
					const part = left[index]?.slice(0, size) ?? "";
					left[index] = left[index]?.slice(size) ?? "";
					return part === "" ? [] : [event(delta(part, index))];
				});
				records.push(event(delta(left[0] ?? "", 0)), event(delta(left[1] ?? "", 1)));
				const out = await masked(records);
				expect(said(out, 0)).toBe(hidden);
				expect(said(out, 1)).toBe(`and ${hidden}`);
			}),
			{ numRuns: 60 },
		);
	});

	test.each<[FindAction, RegExp]>([
		["tokenize", /^the card is (<card:[a-z2-7]+>), mail (tok-\w+@[\w.]+) or call (<phone:[a-z2-7]+>) now$/],
		["hash", /^the card is (\[hash \w{16}\]), mail (\[hash \w{16}\]) or call (\[hash \w{16}\]) now$/],
		["surrogate", /^the card is (4242 42[\d ]+), mail (\w+@example\.com) or call (\+1\d{10}) now$/],
	])("cut anywhere, what is found becomes what the whole's would: %s", async (action, shape) => {
		const call = () => ({ ...keysOf(), made: new Set<string>() });
		const keyed = { ...masksOf({}, { card: action, email: action, phone: action }), isKeyed: true };
		const whole = keyed.mask.maskText(secret, call()).text;
		expect(whole).toMatch(shape);
		for (const size of [1, 2, 3, 5, 7, 16, 33, 200]) {
			const out = await masked(
				[...inParts(secret, size).map((part) => event(delta(part))), event("[DONE]")],
				"events",
				keyed,
				noScrub,
				call(),
			);
			expect(said(out)).toBe(whole);
		}
	});

	test("arguments of a tool call, Anthropic's and Gemini's texts, lines of Ollama", async () => {
		const card = inParts("pay with 4111 1111 1111 1111 today", 4);
		const shapes: ((part: string) => object)[] = [
			(part) => ({ choices: [{ index: 0, delta: { tool_calls: [{ index: 1, function: { arguments: part } }] } }] }),
			(part) => ({ type: "response.output_text.delta", output_index: 0, content_index: 0, delta: part }),
			(part) => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: part } }),
			(part) => ({ type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: part } }),
			(part) => ({ candidates: [{ content: { role: "model", parts: [{ text: part }] } }] }),
		];
		for (const shape of shapes) {
			const out = await masked(card.map((part) => event(shape(part))));
			expect(out).toContain("[card …1111]");
			expect(out).not.toMatch(/1111 |4111|\b1111\b(?!\])/);
		}
		const lines = await masked(
			card.map((part) => `${JSON.stringify({ model: "m", response: part, done: false })}\n`),
			"lines",
		);
		expect(lines.split("\n").filter((line) => line.includes("[card …1111]"))).toHaveLength(1);
	});

	test("leave before the answer is over, in whole records, a sentence behind", async () => {
		const masker = new RecordMasker(plain, "events", noScrub);
		let out = "";
		let behind = 0;
		const sent = Array.from({ length: 200 }, (_, at) => event(delta(`word${at} `)));
		for (const [at, record] of sent.entries()) {
			out += await masker.add(record);
			behind = Math.max(behind, at + 1 - (out.match(/data:/g)?.length ?? 0));
		}
		expect(behind).toBeLessThan(40);
		expect(out + (await masker.end())).toBe(sent.join(""));
	});

	test("a text that is over holds back nobody: neither by what follows in others, nor by their number", async () => {
		const masker = new RecordMasker(plain, "events", noScrub);
		let out = await masker.add(event(delta("short", 7)));
		for (let at = 0; at < 40; at++) out += await masker.add(event({ type: "ping", at }));
		expect(said(out, 7)).toBe("short");
		for (let at = 0; at < 70; at++) out += await masker.add(event(delta(`text ${at}`, at)));
		expect(said(out, 0)).toBe("text 0");
	});

	test.each([33, 40, 65, 128])(
		"of %i choices, each in its turn, are masked as their wholes are but for what their first parts show",
		async (choices) => {
			const parts = ["Well: ", ...inParts(secret, 5)];
			const out = await masked(parts.flatMap((part) => Array.from({ length: choices }, (_, index) => event(delta(part, index)))));
			for (const index of [0, choices - 1]) expect(said(out, index)).toBe(`Well: ${hidden}`);
		},
	);

	test("with thirty-two pings between any two parts are masked as the whole", async () => {
		const ping = Array.from({ length: 32 }, () => ": ping\n\n");
		const out = await masked(["Well: ", ...inParts(secret, 5)].flatMap((part) => [event(delta(part)), ...ping]));
		expect(said(out.replaceAll(": ping\n\n", ""))).toBe(`Well: ${hidden}`);
	});

	test("others have their turn while a record goes on with many texts, none of which can be parted", async () => {
		const masker = new RecordMasker(plain, "lines", noScrub);
		const record = (text: string) => `${JSON.stringify(Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`a${at}`, { text }])))}\n`;
		await masker.add(record(`${"4-1 ".repeat(800)}\n-----BEGIN PRIVATE KEY-----\n`));
		let turns = 0;
		const heard = setInterval(() => turns++, 1);
		await masker.add(record("MIIEvQ abc\n".repeat(350)));
		clearInterval(heard);
		expect(turns).toBeGreaterThan(2);
	});

	test("what a token was opened to is the token again in them, however long it is", async () => {
		const keys = keysOf();
		for (const value of ["The patient was told on Monday that nobody may hear of it. ".repeat(17).trim(), "患者".repeat(170)]) {
			const token = tokenOf(keys, "note", value) ?? "";
			const masker = new RecordMasker(plain, "events", noScrub, { ...keys, revealed: [[value, token]] });
			let out = "";
			for (const part of inParts(`Sent: ${value} And that was it. ${"Nothing more. ".repeat(99)}`, 7))
				out += await masker.add(event(delta(part)));
			expect(said(out + (await masker.end()))).toMatch(new RegExp(`^Sent: ${token} And`));
		}
	});

	test("a credential that is echoed in parts is taken out where they are put together", async () => {
		const scrub = async (text: string) => text.replaceAll("sk-live-42-secret", "[credential]");
		const out = await masked(
			inParts("your key is sk-live-42-secret ok", 3).map((part) => event(delta(part))),
			"events",
			plain,
			scrub,
		);
		expect(said(out)).toBe("your key is [credential] ok");
	});
});

describe("a record", () => {
	test("without anything to mask stays as it was sent, whatever its ends, order and spaces", async () => {
		const sent = [
			": hello\r\n\r\n",
			'id: 7\r\nevent: tick\r\ndata: {"b":1.50,  "a":[1e3]}\r\n\r\n',
			"data: one\ndata: two\n\n",
			"retry: 5\n\n",
			"\n\n",
			"data\n\n",
			"data:last",
		];
		expect(await masked(sent)).toBe(sent.join(""));
		const lines = ['{"a":1}\r\n', "\n", "not json\n", '{"b": 2}'];
		expect(await masked(lines, "lines")).toBe(lines.join(""));
	});

	test("is masked as a value, and written anew where something was found", async () => {
		const out = await masked([event({ customer: { mail: "jane.doe@customer.example", n: 1 } }, "event: row\nid: 3\n")]);
		expect(out).toBe('event: row\nid: 3\ndata: {"customer":{"mail":"[email]","n":1}}\n\n');
	});

	test("has its comments, names and ids masked, too", async () => {
		expect(await masked([": mail jane.doe@customer.example\nid: 4111111111111111\ndata: x\n\n"])).toBe(
			": mail [email]\nid: [card …1111]\ndata: x\n\n",
		);
	});

	test("plain text over several events is one text", async () => {
		const out = await masked(["data: 4111 1111\n\n", "data:  1111 1111\n\n", "data:  and more\n\n"]);
		expect(out).not.toContain("1111 ");
		expect(out).toContain("[card …1111]");
	});

	test("plain lines are one text with their ends", async () => {
		const key = `-----BEGIN PRIVATE KEY-----\n${"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n".repeat(4)}-----END PRIVATE KEY-----\n`;
		const out = await masked([...key.split(/(?<=\n)/), "and then\n"], "lines");
		expect(out).not.toContain("MIIE");
		expect(out).toContain("[private-key]");
		expect(out).toContain("and then\n");
	});

	test("has the places that the policy names masked in each, also where they are parts of a text", async () => {
		const masks = masksOf({ "$.ssn": "redact", "$.choices[*].delta.content": "redact" });
		const out = await masked([event({ ssn: "536-90-4399" }), event(delta("any word"))], "events", masks);
		expect(out).not.toContain("536-90-4399");
		expect(said(out.split("\n\n").slice(1).join("\n\n"))).toBe("[redacted]");
	});

	test("of which an item is dropped keeps every other one's own words", async () => {
		const sent = { messages: [{ content: "of nobody's business" }, { content: "hello" }, { content: "you" }] };
		const out = await masked([event(sent)], "events", masksOf({ "$.messages[0]": "drop" }));
		expect(out).toBe(event({ messages: [{ content: "hello" }, { content: "you" }] }));
	});

	test.each([
		{ password: { text: "hunter2 is mine" } },
		{ credentials: [{ content: "hunter2hunter" }] },
		{ name: "DB_PASSWORD", content: "hunter2hunter2" },
		{ phone: { text: "030 901820" } },
	])("has masked in it what a name says, as an answer that comes whole: %j", async (sent) => {
		expect(await masked([event(sent)])).toBe(event(plain.mask.mask(sent).value));
		expect(plain.mask.mask(sent).findings).toHaveLength(1);
	});

	test("that holds what stands for a text while it is masked keeps it, and its text", async () => {
		for (const nth of [0, 7]) {
			const sent = event({ a: `\u0000${nth}\u0000`, delta: { text: "words" }, b: "jane@customer.example" });
			expect(await masked([sent])).toContain('"delta":{"text":"words"}');
		}
	});

	test("in which those places cannot be found does not leave, and nothing after it", async () => {
		const masks = masksOf({ "$.ssn": "redact" });
		for (const part of ['{"ssn": "536-90-43', '[{"ssn": "is private"},', '[ [ {"ssn": "is private"}'])
			await expect(masked([event(part)], "events", masks)).rejects.toThrow(AnswerWithheld);
	});
});
