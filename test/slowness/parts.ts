// Every reader of text that a stranger chose: detectors, patterns, formats, parsers, canonical forms, conditions.
import { canonicalJson } from "#libs/contracts/digest.ts";
import { isEmail } from "#libs/contracts/email.ts";
import { type JsonObject, type JsonValue, parseJsonStrictly } from "#libs/contracts/json.ts";
import { compileArguments } from "#libs/functions/check-arguments.ts";
import { checkedFormats } from "#libs/functions/schema.ts";
import { bearerToken } from "#libs/identity/authorization-header.ts";
import { callerFrom } from "#libs/identity/caller-from-claims.ts";
import { whichIssuer } from "#libs/identity/which-issuer.ts";
import { ALL_DETECTORS } from "#libs/masking/detectors.ts";
import { compileDetokenizer, TokenRefused } from "#libs/masking/keyed/detokenize.ts";
import { keysOf } from "#libs/masking/keyed/keys.test-support.ts";
import { tokenOf } from "#libs/masking/keyed/token.ts";
import { compileMask } from "#libs/masking/mask.ts";
import { maskedView } from "#libs/masking/view.ts";
import { argumentsFromRequest } from "#libs/openapi/arguments-from-request.ts";
import { functionOf } from "#libs/openapi/document.test-support.ts";
import { viewOf } from "#libs/policy/call-view.ts";
import { compileCondition } from "#libs/policy/condition.ts";
import { stepsMax, withBudget } from "#libs/policy/condition-budget.ts";
import { hereKeyedCharsMax } from "#libs/service/work-aside.ts";
import { answerLimits } from "../../services/executor/answer-text.ts";
import { scrubber } from "../../services/executor/dial-http/scrub-secret.ts";
import { readTraceparent, readWaitMs } from "../../services/ingress/listen/read-request.ts";
import type { Part } from "./part.ts";

/** What detectors start at, what they run through, and what makes them give up late. */
const tokens = [
	...["eyJ.", "eyJa.eyJa.", "eyJhbGciOiJIUzI1NiJ9.", "eyAiewogew0K", "eyJeyJ", "eyJ9ey..", "eyJhIjox.a.b "],
	...["4", "4 ", "41 ", "4-1 ", "6-2-6-2-", "4111 ", "4111.", "4111111111111111 ", "4111111111111112-", "5.1.", "3-7-3 "],
	...["+1", "+1 ", "+31 6 1234 567", "+12345678 ", "+31612345678,", "123-45-6789 ", "123-", "12345678Z", "X1", "AB123456C ", "756.9217."],
	...["RSSMRA85T10A562S", "ssn 123456789 ", "NL91", "NL91 ABNA-", "NL91ABNA0417164300 ", "GB00aaaa", "a1", "41111111-1111-1111-8111-1 "],
	...["@", "a@", "@a.", "a@a.aa ", "a@1.1.1.1.aa ", '"a"@b.c', "é@", "://", "://a:", "a://a:b@c ", "a:@"],
	...["-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "-----BEGIN A PRIVATE KEY", "Private-Lines:", "b3BlbnNzaC1rZXktdjE"],
	...["sk-a", " sk-aaaaaaaaaaaaaaaaaaaaa", "AKIA", "AKIAIOSFODNN7EXAMPLE ", "SG.a1A", " SK", "xoxb-", "sig=a", "glpat-"],
	...[
		"password: {",
		"secret=[{",
		"<password>",
		"a=b=",
		"key: |\n  ",
		"::",
		"1:",
		"00:1A:",
		"born ",
		"passport A1",
		"0x",
		"bc1q",
		"<<",
		"datadog a1 ",
	],
	...[
		"%41",
		"%2541",
		"\\u0041",
		"\\\\u0041",
		"&#65;",
		"=41",
		"+a=",
		"YWFh",
		"base64,",
		"1.2.3.4 ",
		"call 555 ",
		"(415) ",
		"a,password\n",
		"name: token\nvalue: ",
	],
	...[
		"tok-",
		`tok-${"a".repeat(56)}@`,
		`tok-${"a".repeat(56)}@${"a".repeat(56)}.`,
		"@callgate.invalid",
		"<text:",
		`<text:${"a".repeat(60)}`,
	],
	// An address, the same in base64 twice over, a wrapped line of it, its digits, and what reads like a text and is none.
	...["amFtaWVAYi5leGFtcGxl ", "WVcxaGFXVkFZaTVsZUdGdGNHeGw= ", `${"amFtaWVAYi5leGFtcGxl".repeat(3)}amFt\n`, "6a616d6965406261626364 "],
	...["amFtaWVAYi5leGFtcGxl/", "aGVsbG8gd29ybGQh", "aGVsbG8gd29ybGQh=\n", "AG4AG4AG4"],
	...["password=", 'password: "', "pwd==", "Bearer a", "Basic aaaaaaaa ", "[card …1111]", "٤", "٤\u200b"],
];

const allHints = ["phone", "ssn"];

function maskingParts(): Part[] {
	const text = (detect: typeof ALL_DETECTORS) => compileMask({ paths: {}, detect });
	const keys = keysOf();
	const keyed = compileMask({ paths: { "$..a": "tokenize", "$..b": "surrogate", "$.c[*].d": "hash" }, detect: ALL_DETECTORS });
	const finds = { email: "tokenize", phone: "tokenize", card: "surrogate", "ip-address": "surrogate", secret: "hash" } as const;
	const acted = compileMask({ paths: {}, detect: ALL_DETECTORS, finds });
	const open = compileDetokenizer({ $: ["email", "text"] });
	const tokensAndPieces = [
		...tokens,
		...["jane@b.example", "text"].map((value) => tokenOf(keys, value.includes("@") ? "email" : "text", value) ?? ""),
	];
	const refusedOrOpened = (found: string) => {
		try {
			return open({ found }, keys);
		} catch (error) {
			if (error instanceof TokenRefused) return error;
			throw error;
		}
	};
	const named = compileMask({ paths: { "$..b": "last4", "$.c[*].d": "redact" }, detect: ALL_DETECTORS });
	return [
		...ALL_DETECTORS.map((detector): Part => {
			const mask = text([detector]);
			return { name: `detector ${detector}`, pieces: tokens, read: (found) => mask.mask(hinted(found)) };
		}),
		{ name: "all detectors", pieces: tokens, read: (found) => named.mask(hinted(found)) },
		{ name: "keyed actions", ...values, hereMax: hereKeyedCharsMax, read: (found) => keyed.mask(JSON.parse(found) as JsonValue, keys) },
		{
			name: "finds that are acted on",
			pieces: tokensAndPieces,
			hereMax: hereKeyedCharsMax,
			read: (found) => acted.mask(hinted(found), keys),
		},
		{ name: "tokens", pieces: tokensAndPieces, read: refusedOrOpened },
		{ name: "view", ...values, read: (found) => maskedView(JSON.parse(found) as JsonValue, named) },
	];
}

/** In a member whose name turns on what names turn on. */
function hinted(found: string): JsonObject {
	const [phone = "", ssn = ""] = allHints;
	return { [phone]: { [ssn]: found } };
}

/** Items of an array, as JSON. */
const values = {
	pieces: [
		...["1,", "12345678901234567,", "1234567890123456,", "0.12345678901234567,", "1e-300,", "-0,", '"a",', '"\\u0041\\n",', '"\\\\",'],
		...[
			"[],",
			"{},",
			'{"a":1},',
			'{"a":1,"b":2,"c":[{"d":4}]},',
			`${"[".repeat(20)}${"]".repeat(20)},`,
			'"a@b.example",',
			"4111111111111111,",
		],
		...['{"a@b.example":1,"c@d.example":2},', '"é",', `"${"\\ud83d\\ude00".repeat(3)}",`, "null,", "true,"],
	],
	around: ['{"a":[', "0]}"],
} as const;

function parserParts(): Part[] {
	const contentType = "application/x-www-form-urlencoded";
	const form = functionOf({
		contentType,
		body: { type: "object", properties: { a: { type: "array", items: { type: "integer" } }, b: { type: "string" } } },
	});
	const query = functionOf({
		parameters: [
			{ name: "a", in: "query", schema: { type: "array", items: { type: "number" } } },
			{ name: "b", in: "query", schema: { type: "string" } },
		],
	});
	const scrub = scrubber(["sk-1/2+3 secret&value"]);
	const pairs = ["a=1&", "b=%41&", "b=%ff&", "a=1,1,1&", "a=1e9&", "b=+&", "%61=1&", "b=%25%25&", "&&", "=="];
	return [
		{ name: "JSON of a caller", ...values, read: (text) => parseJsonStrictly(text) },
		{
			name: "JSON of an answer",
			...values,
			read: (text) => parseJsonStrictly(text, answerLimits),
		},
		{ name: "canonical form", ...values, read: (text) => canonicalJson(JSON.parse(text) as JsonValue) },
		{
			name: "form body",
			pieces: pairs,
			read: (text) =>
				argumentsFromRequest(form.transport, { pathArgs: {}, query: "", headers: {}, body: { contentType, encoding: "form", text } }),
		},
		{ name: "query", pieces: pairs, read: (text) => argumentsFromRequest(query.transport, { pathArgs: {}, query: text, headers: {} }) },
		{
			name: "Prefer",
			pieces: ["wait=1,", "wait = ", ";", "respond-async ", '"', "wait=999999999 "],
			read: (text) => readWaitMs(text, 300),
		},
		{ name: "traceparent", pieces: ["00-", "0", "-"], read: readTraceparent },
		// Measured is its first piece, which is all of a text that is looked at in one.
		{ name: "credential in an answer", pieces: credentialPieces, read: (text) => void scrub.text(text) },
	];
}

/** How the credential of the part begins, in the ways that are looked for. */
const credentialPieces = [
	"sk-1",
	"%73",
	"%2573",
	"%25",
	"\\u0073",
	"\\\\u0073",
	"&#115;",
	"&amp;#115;",
	"c2st",
	"736b2d",
	"\\",
	"&amp;",
	"s",
];

/** What strangers send before they are known, and what an issuer says of those who are. */
function identityParts(): Part[] {
	const claims = { subject: "sub", groups: "a.a.a.a", email: "a" };
	const encoded = (text: string) => Buffer.from(text).toString("base64url");
	return [
		{ name: "Authorization", pieces: ["Bearer ", " ", "a", "a.", ".", "-", "\t"], read: (text) => bearerToken([text]) },
		{ name: "claims of a stranger", ...values, read: (text) => whichIssuer(`e30.${encoded(text)}.e30`, new Map()) },
		{
			...{
				name: "groups of a caller",
				pieces: ['"a",', '"é\u0001",', "null,"],
				around: ['{"sub":"s","a":{"a":{"a.a":[', '"a"]}}}'] as const,
			},
			read: (text) => callerFrom(JSON.parse(text) as Record<string, unknown>, { issuer: "https://idp.example", claims }),
		},
		{ name: "e-mail address", pieces: ["a", "@", "a@", ".", " ", "é", "A"], read: isEmail },
	];
}

function argumentParts(): Part[] {
	const patterns = [
		...["[A-Za-z0-9]{1,1000}$", "\\S{1,100}\\s*$", "(a*)*b$", "(?:[a-z]*[0-9]*){1,20}!$", "(?i)[\\p{L}\\p{N}]{1,200}!"],
		...["(?:a|b)*a(?:a|b){12}$", "^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,255}\\.[a-z]{2,}$", "\\b\\w{1,100}\\b\\d"],
	];
	const letters = ["a", "b", "ab", "aB1", "a1", " ", "é", "a@a.", "!", "aaaaaaaaab", "١"];
	const check = (schema: object) => compileArguments(functionOf({ body: { type: "object", properties: { a: schema } } }));
	return [
		...patterns.map((pattern): Part => {
			const checked = check({ type: "string", maxLength: 1_000_000, pattern });
			return { name: `pattern ${pattern}`, pieces: letters, read: (text) => longestChecked(checked, text) };
		}),
		...patterns.slice(0, 2).map((pattern): Part => {
			const checked = check({ type: "string", maxLength: 1_000, pattern });
			return { name: `pattern ${pattern} beside maxLength`, pieces: letters, read: (text) => longestChecked(checked, text) };
		}),
		...checkedFormats.map((format): Part => {
			const checked = check({ type: "array", items: { type: "string", format } });
			return { name: `format ${format}`, pieces: formatPieces, read: (text) => checked({ a: inPieces(text) }) };
		}),
		uniquePart("items that differ", check({ type: "array", uniqueItems: true })),
	];
}

/** What costs too much is refused before it is run: the dearest text is the longest that is not. */
function longestChecked(checked: ReturnType<typeof compileArguments>, text: string): void {
	for (let chars = text.length; chars > 0; chars = Math.floor(chars * 0.8)) {
		const result = checked({ a: text.slice(0, chars) });
		if (result.ok || !result.tooDear) return;
	}
}

function uniquePart(name: string, checked: ReturnType<typeof compileArguments>): Part {
	const unique = (text: string) => Array.from({ length: Math.floor(text.length / 16) }, (_, at) => ({ [text.slice(0, 4)]: at }));
	return { name, pieces: ["a", "ab", "é"], read: (text) => checked({ a: unique(text) }) };
}

const formatPieces = [
	"a",
	"a.",
	"a-",
	"-",
	"1",
	"1.",
	":",
	"::",
	"0:",
	"%41",
	"/",
	"//",
	"a@",
	"[",
	"~0",
	"P1",
	"2026-",
	"T",
	"AAAA",
	"=",
	"é",
];

/** As long as a format is looked at. */
function inPieces(text: string): string[] {
	return Array.from({ length: Math.ceil(text.length / 2_000) }, (_, at) => text.slice(at * 2_000, (at + 1) * 2_000));
}

function conditionParts(): Part[] {
	const conditions = [
		...[
			'args.a.matches("[A-Za-z0-9]{1,1000}$")',
			'args.a.matches("(?:[a-z]*[0-9]*){1,20}!$")',
			'args.a.matches("a") || args.a.matches("b+$")',
		],
		...['args.a.contains("aaaaaaaaab")', "args.a.lowerAscii() == args.a.upperAscii()", 'args.a.split("a").exists(part, part == "b")'],
		...['args.b.exists(one, args.b.exists(two, one == two && one == "x"))', "args.b == [args.a]", "args.a in args.b", "size(args.a) > 5"],
		...['args.a.indexOf("b") == 1', 'args.a.substring(1) == "x"', 'args.a.charAt(4) == "x"', 'args.a.trim() == "x"'],
	];
	return conditions.map((source): Part => {
		const condition = compileCondition(source);
		const caller = { issuer: "https://idp.example", subject: "s", groups: [] };
		const ask = (a: string) => {
			const call = { caller, connection: "c", function: "f", arguments: { a, b: a.split(" ") }, receivedAt: "2026-01-01T00:00:00Z" };
			return withBudget(stepsMax, () => condition.ask(viewOf(call, undefined)));
		};
		// A pattern that costs too many steps is refused before it is run: the dearest text is the longest that is not.
		const longest = (text: string) => {
			for (let chars = 4_096; chars > 0 && ask(text.slice(0, chars)) === "error"; chars = Math.floor(chars * 0.8));
		};
		const read = source.includes("matches") ? longest : ask;
		return { name: `condition ${source}`, pieces: ["a", "b", "ab", " ", "a ", "A", "aaaaaaaaa", "a1", "é"], read };
	});
}

export const parts: readonly Part[] = [...maskingParts(), ...parserParts(), ...identityParts(), ...argumentParts(), ...conditionParts()];
