// Names of people are masked where the connection's analyzer finds them; without a good answer from it the function's answer stays in the executor.
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { text as textOf } from "node:stream/consumers";
import { afterEach, describe, expect, test } from "vitest";
import type { Analyzer } from "#libs/configuration/kinds/analyzer.ts";
import { ALL_DETECTORS } from "#libs/masking/detectors.ts";
import { compileMask } from "#libs/masking/mask.ts";
import { analyseAnswer, analysedCharsMax, type MaskedText } from "./analyse-answer.ts";
import { answered, Bench, configuration } from "./granted-call.test-support.ts";
import { maskAnswer } from "./mask-answer.ts";
import type { TextSpan } from "./ports.ts";
import { createPresidioRecogniser } from "./recogniser-presidio.ts";

const stops: (() => unknown)[] = [];
afterEach(() => {
	for (const stop of stops.splice(0)) stop();
});

/** What an analyzer is asked, as Presidio names it. */
interface Question {
	readonly text: string;
	readonly language: string;
	readonly entities: string[];
	readonly score_threshold: number;
}

async function serve(listener: RequestListener): Promise<string> {
	const server = createServer(listener).listen(0, "127.0.0.1");
	await once(server, "listening");
	stops.push(() => {
		server.closeAllConnections();
		server.close();
	});
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Presidio's words: places in code points, as Python counts. */
function finds(text: string, word: string): object[] {
	const places: object[] = [];
	for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
		const start = Array.from(text.slice(0, at)).length;
		const end = start + Array.from(word).length;
		places.push({ analysis_explanation: null, end, entity_type: "PERSON", score: 0.85, start });
	}
	return places;
}

/** Knows some names; `asked` is every question. */
async function analyzerOf(answer: (question: Question) => unknown, over: Partial<Analyzer> = {}) {
	const asked: { request: IncomingMessage; question: Question }[] = [];
	const url = await serve(async (request, response) => {
		const question = JSON.parse(await textOf(request)) as Question;
		asked.push({ request, question });
		const said = answer(question);
		response.writeHead(200, { "content-type": "application/json" }).end(typeof said === "string" ? said : JSON.stringify(said));
	});
	const analyzer: Analyzer = {
		...{ url, allowPrivateAddresses: true, language: "en", entities: ["PERSON"], score: 0.5, timeoutMs: 60_000 },
		...over,
	};
	return { asked, analyzer };
}

const names = ["Jamie Okafor", "Žofie Nováková", "Ana 👩🏽‍🚀 Silva"];
const knowsNames = ({ text }: Question) => names.flatMap((name) => finds(text, name));

function masked(body: string, type = "application/json"): MaskedText {
	const masks = {
		mask: compileMask({ paths: {}, detect: ALL_DETECTORS }),
		view: undefined,
		byPlace: false,
		isKeyed: false,
		passesMedia: false,
	};
	const { result, view, findings } = maskAnswer({ protocol: "http", ...answered(body, type) }, masks);
	return { text: JSON.stringify(result), view, findings };
}

async function analysed(body: string, analyzer: Analyzer, type?: string): Promise<MaskedText> {
	return await analyseAnswer(createPresidioRecogniser(), analyzer, masked(body, type), { view: undefined });
}

function bodyOf({ text }: MaskedText): unknown {
	const { body } = JSON.parse(text);
	return body.json ?? body.text;
}

describe("an analyzer's finds are masked", () => {
	test("in the caller's answer and on the record, also behind characters of two code units, and counted by place", async () => {
		const { analyzer, asked } = await analyzerOf(knowsNames);
		const value = {
			to: "😀😀 Jamie Okafor, jamie@example.com",
			list: ["Ana 👩🏽‍🚀 Silva and Žofie Nováková", "nobody", 7],
			"a/b": { __proto: "Jamie Okafor" },
		};
		const answer = await analysed(JSON.stringify(value), analyzer);
		const expected = {
			to: "😀😀 [redacted], [email]",
			list: ["[redacted] and [redacted]", "nobody", 7],
			"a/b": { __proto: "[redacted]" },
		};
		expect(bodyOf(answer)).toEqual(expected);
		expect(answer.view).toEqual({ status: 200, body: expected });
		expect(answer.findings).toEqual([
			{ detector: "email", path: "/to", count: 1 },
			{ detector: "analyzer", path: "/to", count: 1 },
			{ detector: "analyzer", path: "/list/0", count: 2 },
			{ detector: "analyzer", path: "/a~1b/__proto", count: 1 },
		]);
		expect(asked).toHaveLength(1);
		const [{ request, question }] = asked as [(typeof asked)[0]];
		expect([request.method, request.url, request.headers["content-type"]]).toEqual(["POST", "/analyze", "application/json"]);
		expect(question).toMatchObject({ language: "en", entities: ["PERSON"], score_threshold: 0.5 });
		expect(question.text).not.toContain("jamie@example.com");
	});

	test("in text, and what has none is passed on as it came", async () => {
		const { analyzer } = await analyzerOf(knowsNames);
		expect(bodyOf(await analysed("Dear Jamie Okafor,\n", analyzer, "text/plain"))).toBe("Dear [redacted],\n");
		const exact = '{ "amount": 1.50, "id": 12345678901234567890, "note": "nobody" }\n';
		expect(await analysed(exact, analyzer)).toEqual(masked(exact));
	});

	test("where they overlap as one, and a mark that stands there already stays whole", async () => {
		const { analyzer } = await analyzerOf(({ text }) => [
			{ start: 0, end: 9, entity_type: "PERSON", score: 1 },
			{ start: 3, end: 12, entity_type: "LOCATION", score: 1 },
			{ start: text.indexOf("call") + 2, end: text.indexOf("or go"), entity_type: "PERSON", score: 1 },
		]);
		const answer = await analysed("0123456789 abc, call [email] or go", analyzer, "text/plain");
		expect(bodyOf(answer)).toBe("[redacted]bc, ca[redacted][email] or go");
	});

	test("on both sides of a seam between two texts", async () => {
		const { analyzer } = await analyzerOf(({ text }) => [{ start: 4, end: text.length - 4, entity_type: "PERSON", score: 1 }]);
		expect(bodyOf(await analysed('["one two","three four"]', analyzer))).toEqual(["one [redacted]", "[redacted]four"]);
	});

	test("and masking the answer again changes nothing", async () => {
		const { analyzer, asked } = await analyzerOf(knowsNames);
		const once = bodyOf(await analysed('{"to":"Jamie Okafor, jamie@example.com"}', analyzer));
		expect(JSON.parse(String(bodyOf(await analysed(JSON.stringify(once), analyzer))))).toEqual(once);
		expect(asked).toHaveLength(2);
	});
});

describe("the answer stays here where the analyzer", () => {
	const one = (over: object) => () => [{ start: 0, end: 3, entity_type: "PERSON", score: 1, ...over }];
	test.each<[string, (question: Question) => unknown]>([
		["answers with something else", () => ({ found: [] })],
		["answers with no JSON", () => "<html>"],
		["finds something behind the text", ({ text }) => one({ end: text.length + 1 })()],
		["finds something before the text", one({ start: -1 })],
		["finds nothing that has a place", one({ start: "0" })],
		["finds a place that ends before it begins", one({ start: 3, end: 3 })],
		["finds half a character", one({ start: 0.5 })],
		["finds what is no number", one({ end: null })],
		["finds nothing but null", () => [null]],
		["finds more than there may be", () => Array.from({ length: 10_001 }, one({}))],
		["says more than is read", () => JSON.stringify([{ ...one({})()[0], why: "x".repeat(5_000_000) }])],
	])("%s", async (_what, answer) => {
		const { analyzer, asked } = await analyzerOf(answer);
		await expect(analysed('{"to":"Jamie Okafor"}', analyzer)).rejects.toThrow(/^the analyzer could not look at it: /);
		expect(asked).toHaveLength(1);
	});

	test.each([500, 302, 204])("answers %i", async (status) => {
		const url = await serve((_request, response) => void response.writeHead(status, { location: "/" }).end());
		const { analyzer } = await analyzerOf(() => [], { url });
		await expect(analysed('{"to":"Jamie"}', analyzer)).rejects.toThrow(`it answered ${status}`);
	});

	test("does not answer in its time", async () => {
		const url = await serve(() => {});
		const { analyzer } = await analyzerOf(() => [], { url, timeoutMs: 50 });
		await expect(analysed('{"to":"Jamie"}', analyzer)).rejects.toThrow("it did not answer in time");
	});

	test("is not there, or at an address that is not allowed", async () => {
		const gone = await analyzerOf(() => [], { url: "http://127.0.0.1:1" });
		await expect(analysed('{"to":"Jamie"}', gone.analyzer)).rejects.toThrow("it cannot be reached (connect_failed)");
		const { analyzer, asked } = await analyzerOf(() => [], { allowPrivateAddresses: false });
		await expect(analysed('{"to":"Jamie"}', analyzer)).rejects.toThrow("it cannot be reached (address_forbidden)");
		expect(asked).toHaveLength(0);
	});

	test("would be asked about more than it is asked", async () => {
		const { analyzer, asked } = await analyzerOf(() => []);
		await expect(analysed(JSON.stringify(["x ".repeat(analysedCharsMax)]), analyzer)).rejects.toThrow("longer than an analyzer is asked");
		expect(asked).toHaveLength(0);
	});
});

describe("a call on a connection with an analyzer", () => {
	const analyzer: Analyzer = {
		...{ url: "http://127.0.0.1:1", allowPrivateAddresses: true, language: "en", entities: ["PERSON"], score: 0.5, timeoutMs: 3_000 },
	};
	const at = async () => {
		const connection = (name: string) => {
			const known = configuration.connection(name);
			return known && { ...known, analyzer };
		};
		return { ...configuration, connection };
	};

	test("ends with what was found masked, and its lease lasts as much longer", async () => {
		const bench = new Bench();
		bench.dialer.answering = () => answered('{"id":"t1","to":"Jamie Okafor"}');
		const recogniser = { recognise: async (text: string): Promise<TextSpan[]> => [{ start: text.indexOf("Jamie"), end: text.length }] };
		const ended = await bench.run({}, { configuration: { at }, recogniser });
		expect(ended.data).toMatchObject({ ending: "completed", result: { body: { to: "[redacted]" } } });
		expect(JSON.stringify(bench.result(ended))).not.toContain("Jamie");
		const plain = new Bench();
		await plain.run();
		const lease = (of: Bench) => Date.parse(of.of("call.started")[0]?.data.leaseUntil ?? "") - of.now.getTime();
		expect(lease(bench) - lease(plain)).toBe(3_000);
	});

	test("fails without the answer where the analyzer cannot be asked, and says so", async () => {
		const bench = new Bench();
		bench.dialer.answering = () => answered('{"id":"t1","to":"Jamie Okafor"}');
		const ended = await bench.run({}, { configuration: { at } });
		const detail = "the analyzer could not look at it: it cannot be reached (connect_failed)";
		expect(ended.data).toMatchObject({ ending: "failed", code: "function_answer_unusable", detail });
		expect(JSON.stringify(bench.stream.events())).not.toContain("Jamie");
		expect(bench.failures).toEqual([]);
	});
});

test("ten thousand finds in one long text take the time of one walk over it", async () => {
	const text = "Ann and so on or else ".repeat(11_900);
	const spans = Array.from({ length: 10_000 }, (_, nth) => ({ start: nth * 22, end: nth * 22 + 3 }));
	const masked: MaskedText = {
		text: JSON.stringify({ protocol: "http", status: 200, headers: [], body: { text } }),
		view: null,
		findings: [],
	};
	const before = process.cpuUsage();
	const { text: out } = await analyseAnswer({ recognise: async () => spans }, {} as Analyzer, masked, { view: undefined });
	expect(process.cpuUsage(before).user).toBeLessThan(400_000);
	expect(out.match(/\[redacted\] and so on/g)).toHaveLength(10_000);
});
