// Texts with two readings, paths and headers that mean something else further on: refused, whichever way they come in.
import { beforeAll, describe, expect, test } from "vitest";
import { labCall, startLab } from "../support/lab.ts";
import { type Fields, rawRequest, sendRaw } from "../support/raw-http.ts";
import {
	type Answer,
	ask,
	bankRequests,
	expectProblem,
	iban,
	newReference,
	readKey,
	stack,
	tokenOf,
	transfer,
	transfersNamed,
} from "../support/stack.ts";

const json = ["Content-Type", "application/json"] as const;
const { ingress } = stack.urls;
let token = "";
beforeAll(async () => {
	token = await tokenOf("ci");
});
const bearer = (value: string): Fields => [["Authorization", `Bearer ${value}`]];

/** A refusal of any kind; never an answer, never a crash. */
function expectRefused({ status, text }: Answer): void {
	expect(status, text).toBeGreaterThanOrEqual(400);
	expect(status, text).toBeLessThan(500);
}

describe("JSON with two readings", () => {
	const rest = (reference: string) => `"currency":"EUR","to":"${iban}","country":"DE","reference":"${reference}"`;
	const around = (args: string) => `{"connection":"bank","function":"createTransfer","arguments":${args}}`;
	const headers = { "content-type": "application/json", prefer: "wait=5" };
	const send = (path: string, body: string | Uint8Array<ArrayBuffer>) =>
		ask(`${ingress}${path}`, { method: "POST", as: "ci", headers, body });

	test("a text with one reading is accepted on both ways in", async () => {
		const reference = newReference("one reading");
		expect((await send("/v1/calls", around(`{"amount":10,${rest(reference)}}`))).status).toBe(200);
		expect((await send("/proxy/bank/transfers", `{"amount":10,${rest(reference)}}`)).status).toBe(201);
		expect(await transfersNamed(reference)).toHaveLength(2);
	});

	test.each([
		["an argument twice", '{"amount":10,"amount":5000,REST}'],
		["an argument twice, once escaped", '{"amount":10,"amo\\u0075nt":5000,REST}'],
		["__proto__", '{"amount":10,"__proto__":{"country":"XX"},REST}'],
		["__proto__, escaped", '{"amount":10,"\\u005f_proto__":{},REST}'],
		["constructor", '{"amount":10,"constructor":{"prototype":{}},REST}'],
		["depth", `{"amount":10,"x":${"[".repeat(5_000)}${"]".repeat(5_000)},REST}`],
		["a number beyond all", '{"amount":1e400,REST}'],
		["a number that would change", '{"amount":9007199254740993,REST}'],
		["a number with more digits than are kept", '{"amount":10.000000000000000001,REST}'],
		["text for a number", '{"amount":"10",REST}'],
		["a lone surrogate", '{"amount":10,"note":"\\ud800",REST}'],
		["a comment", '{"amount":10,/* 5000 */REST}'],
		["a comma too many", '{"amount":10,REST,}'],
		["not a number", '{"amount":NaN,REST}'],
		["a name without quotes", "{amount:10,REST}"],
	])("%s: refused on both ways in, and the bank saw nothing", async (_, template) => {
		const reference = newReference("two readings");
		const args = template.replace("REST", rest(reference));
		for (const answer of [await send("/v1/calls", around(args)), await send("/proxy/bank/transfers", args)]) {
			expectProblem(answer, answer.status === 422 ? "invalid_arguments" : "malformed_request");
		}
		expect(await transfersNamed(reference)).toEqual([]);
	});

	const bytes = (text: string) => new Uint8Array(Buffer.from(text));
	test.each<[string, (args: string) => string | Uint8Array<ArrayBuffer>]>([
		["the arguments twice", (args) => around(`${args},"arguments":${args}`)],
		["the function twice", (args) => around(args).replace('"function"', '"function":"getAccount","function"')],
		["__proto__ around them", (args) => around(args).replace("{", '{"__proto__":{"reason":"x"},')],
		["something after it", (args) => `${around(args)}{}`],
		["a byte order mark", (args) => `\ufeff${around(args)}`],
		["UTF-16", (args) => new Uint8Array(Buffer.from(around(args), "utf16le"))],
		[
			"bytes that are not UTF-8",
			(args) => new Uint8Array(Buffer.concat([bytes(around(args).slice(0, -3)), Buffer.from([0xff]), bytes('"}}')])),
		],
		["a list of calls", (args) => `[${around(args)}]`],
	])("around the arguments: %s: refused, and the bank saw nothing", async (_, make) => {
		const reference = newReference("two readings");
		expectProblem(await send("/v1/calls", make(`{"amount":10,${rest(reference)}}`)), "malformed_request");
		expect(await transfersNamed(reference)).toEqual([]);
	});
});

describe("paths through the proxy", () => {
	const get = (target: string, method = "GET") => sendRaw(ingress, rawRequest(`${method} ${target}`, bearer(token)));

	test("the plain path works", async () => {
		expect((await get("/proxy/bank/accounts/acc-1")).status).toBe(200);
	});

	test.each([
		"/proxy/bank/accounts%2Facc-1",
		"/proxy/bank/accounts/acc-1/",
		"/proxy/bank//accounts/acc-1",
		"/proxy//bank/accounts/acc-1",
		"/proxy/bank/./accounts/acc-1",
		"/proxy/bank/x/../accounts/acc-1",
		"/proxy/bank/%2e%2e/accounts/acc-1",
		"/proxy/bank/accounts/%2e%2e/transfers",
		"/proxy/bank/accounts/acc-1%2f..%2facc-2",
		"/proxy/bank/accounts/acc-1%252f..%252facc-2",
		"/proxy/bank/accounts/%2561cc-1",
		"/proxy/bank/ACCOUNTS/acc-1",
		"/proxy/bank/accounts/ACC-1",
		"/proxy/BANK/accounts/acc-1",
		"/proxy/%62ank/accounts/acc-1",
		"/PROXY/bank/accounts/acc-1",
		"/proxy/bank/accounts/acc-1;admin=1",
		"/proxy/bank/accounts/acc-1%00",
		"/proxy/bank/accounts/acc-1%0d%0aX-Evil:%201",
		"/proxy/bank/accounts/acc-1%3fx=1",
		"/proxy/bank/accounts\\acc-1",
		"/proxy/bank/accounts/acc-1%5c..%5cacc-2",
		"/proxy/bank/accounts/%ff",
		"/proxy/bank/accounts/%zz",
		"/proxy/bank/accounts/acc-1?limit=1",
		"/proxy/bank/accounts/acc-1/transactions?limit=1&limit=100",
		"/proxy/bank/accounts/acc-1?_method=DELETE",
		"/proxy/bank/_demo/requests",
		"/proxy/bank@127.0.0.1/accounts/acc-1",
		"/proxy/bank/http://127.0.0.1/accounts/acc-1",
		"/proxy/../v1/functions/../../proxy/bank/accounts/acc-1",
		"*",
	])("%s: refused, and the bank saw nothing", async (target) => {
		const before = (await bankRequests()).length;
		expectRefused(await get(target));
		expect(await bankRequests()).toHaveLength(before);
	});

	test("a target in absolute form leads nowhere else", async () => {
		const before = (await bankRequests()).length;
		for (const target of [`${stack.urls.bank}/accounts/acc-1`, "http://evil.example/accounts/acc-1"]) expectRefused(await get(target));
		for (const method of ["CONNECT", "TRACE", "PROPFIND"]) {
			const { status } = await get("/proxy/bank/accounts/acc-1", method);
			expect(status === 0 || (status >= 400 && status < 500), `${method} ${status}`).toBe(true);
		}
		expect(await bankRequests()).toHaveLength(before);
	});

	test("a method is the one of the request line", async () => {
		const before = (await bankRequests()).length;
		const overrides: Fields = ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"].map((name) => [name, "DELETE"] as const);
		const answer = await sendRaw(ingress, rawRequest("GET /proxy/bank/accounts/acc-1", [...bearer(token), ...overrides]));
		expect(answer.status).toBe(200);
		const [seen, ...more] = (await bankRequests()).slice(before);
		expect(more).toEqual([]);
		expect(seen?.method).toBe("GET");
		expect(Object.keys(seen?.headers ?? {}).filter((name) => name.includes("method"))).toEqual([]);
	});
});

describe("headers", () => {
	const smuggled: Fields = [
		["X-Forwarded-For", "10.0.0.1"],
		["X-Forwarded-Host", "evil.example"],
		["Forwarded", "for=10.0.0.1"],
		["X-Real-IP", "10.0.0.1"],
		["Via", "1.1 evil"],
		["Cookie", "session=stolen"],
		["X-Api-Key", "stolen"],
		["Proxy-Authorization", "Bearer stolen"],
		["X-Original-URL", "/_demo/requests"],
		["X-Rewrite-URL", "/_demo/requests"],
		["Callgate-Call", "00000000-0000-7000-8000-000000000000"],
		["Range", "bytes=0-1"],
		["Expect", "100-continue"],
		["Accept-Language", "tlh"],
	];

	test("nothing of the caller's reaches the bank but what the function is declared to take", async () => {
		const reference = newReference("headers");
		const body = JSON.stringify(transfer(10, { reference }).arguments);
		const key = ["Idempotency-Key", newReference("k").replaceAll(" ", "-")] as const;
		const fields = smuggled.filter(([name]) => name !== "Expect");
		const answer = await sendRaw(ingress, rawRequest("POST /proxy/bank/transfers", [...bearer(token), json, key, ...fields], body));
		expect(answer.status, answer.text).toBe(201);
		const [seen] = await transfersNamed(reference);
		expect(Object.keys(seen?.headers ?? {}).sort()).toEqual([
			"accept",
			"accept-encoding",
			"connection",
			"content-length",
			"content-type",
			"host",
			"user-agent",
		]);
		const text = JSON.stringify(seen);
		for (const [, value] of [...fields, ["", token], key]) expect(text).not.toContain(value);
		// It is not idempotent, so the caller's key is Callgate's business alone.
		expect(seen?.idempotencyKey).toBeUndefined();
	});

	test("a function that is idempotent sees the caller's key, and one that may forward a header sees that header", async () => {
		const lab = await startLab();
		try {
			const tag = newReference("forwarded");
			const key = tag.replaceAll(" ", "-");
			const body = JSON.stringify(labCall("repeatable", tag).arguments);
			const request = rawRequest(
				"POST /proxy/lab/repeatable",
				[...bearer(token), json, ["Idempotency-Key", key], ...smuggled.slice(0, 12), ["Accept-Language", "tlh"]],
				body,
			);
			expect((await sendRaw(ingress, request)).status).toBe(200);
			const [seen] = lab.seen.filter((one) => one.tag === tag);
			expect(seen?.headers["idempotency-key"]).toBe(key);
			expect(seen?.headers["accept-language"]).toBe("tlh");
			expect(seen?.headers.authorization).toBe(`Bearer ${readKey(stack.bankApiKeyFile)}`);
			expect(JSON.stringify(seen)).not.toContain("stolen");
			expect(JSON.stringify(seen)).not.toContain("10.0.0.1");
		} finally {
			await lab.stop();
		}
	});

	test.each([
		[
			"two lengths",
			[
				["Content-Length", "5"],
				["Content-Length", "6"],
			],
		],
		[
			"a length and chunks",
			[
				["Content-Length", "5"],
				["Transfer-Encoding", "chunked"],
			],
		],
		["chunks of two kinds", [["Transfer-Encoding", "chunked, identity"]]],
		["a length that is none", [["Content-Length", "+5"]]],
		["a name with a space", [["Content-Length ", "5"]]],
		[
			"a line that is folded",
			[
				["X-A", "1\r\n Authorization: Bearer x"],
				["Content-Length", "-1"],
			],
		],
	] as [string, Fields][])("a request that ends in two ways is refused: %s", async (_, fields) => {
		const before = (await bankRequests()).length;
		const head = rawRequest("POST /proxy/bank/transfers", [...bearer(token), json, ...fields]);
		const second = rawRequest("DELETE /proxy/bank/accounts/acc-1", bearer(token));
		expectRefused(await sendRaw(ingress, `${head}0\r\n\r\n${second}`));
		expect(await bankRequests()).toHaveLength(before);
	});

	test("compressed bodies are refused", async () => {
		const { gzipSync } = await import("node:zlib");
		const reference = newReference("gzip");
		const headers = { "content-type": "application/json", "content-encoding": "gzip" };
		const body = new Uint8Array(gzipSync(JSON.stringify(transfer(10, { reference }))));
		expectRefused(await ask(`${ingress}/v1/calls`, { method: "POST", as: "ci", headers, body }));
		expect(await transfersNamed(reference)).toEqual([]);
	});
});
