// Whatever a port cannot take is refused as one problem, also by what stands before the routes: parser, router, codings, expectations.
import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import { Writable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { type ProblemCode, problems, Refusal } from "#libs/contracts/problems.ts";
import { tokenCharactersMax } from "#libs/identity/authorization-header.ts";
import { patience } from "../../test/support/patience.ts";
import { rawRequest, sendRaw } from "../../test/support/raw-http.ts";
import type { Answer } from "../../test/support/stack.ts";
import { createHttp } from "./http.ts";
import { createMetrics } from "./metrics.ts";

let http: FastifyInstance;
let origin: string;
let handled: string[];
let logged: { msg: string; code?: string; route?: string; count?: number }[];
let finish: PromiseWithResolvers<void>;
const metrics = () => http.inject({ url: "/metrics" }).then(({ body }) => body);

beforeEach(async () => {
	handled = [];
	logged = [];
	finish = Promise.withResolvers();
	const lines = new Writable({
		write: (chunk, _encoding, done) => {
			logged.push(JSON.parse(String(chunk)));
			done();
		},
	});
	http = createHttp({ log: pino(lines), metrics: createMetrics("ingress"), ready: {}, bodyBytesMax: 1_024 });
	http.get("/things/:name", async ({ params }) => {
		handled.push(JSON.stringify(params));
		return { done: true };
	});
	http.post("/things", async () => {
		handled.push("post");
		return { done: true };
	});
	http.delete("/things/:name", async () => {
		handled.push("delete");
		return { done: true };
	});
	http.get("/slow", async () => {
		handled.push("slow");
		await finish.promise;
		return { done: true };
	});
	http.get("/denied", async () => {
		throw new Refusal("not_an_auditor", { detail: "a secret word" });
	});
	http.get("/unasked", async () => {
		throw new NotAuthenticated("issuer_unavailable", { issuer: "corporate", inLog: "https://idp.example: cannot be read" });
	});
	await http.listen({ host: "127.0.0.1", port: 0 });
	origin = `http://127.0.0.1:${(http.server.address() as AddressInfo).port}`;
});
afterEach(async () => {
	finish.resolve();
	await http.close();
});

function expectProblem({ status, headers, body, text }: Answer, code: ProblemCode): void {
	expect(headers.get("content-type"), text).toMatch(/^application\/problem\+json\b/);
	// An answer to HEAD has no body.
	if (text !== "") expect(body).toMatchObject({ code, title: problems[code].title });
	expect(status).toBe(problems[code].status);
}

const head = "Host: a\r\nConnection: close\r\n";
const chunked = `${head}Transfer-Encoding: chunked\r\n`;

describe("refused, and no handler ran, is", () => {
	test.each<[string, string, ProblemCode]>([
		["what is not HTTP", "hello\r\n\r\n", "malformed_request"],
		["a method that nobody knows", `BREW /things HTTP/1.1\r\n${head}\r\n`, "malformed_request"],
		["a tunnel", `CONNECT a:1 HTTP/1.1\r\n${head}\r\n`, "method_not_allowed"],
		["no Host", "GET /things/a HTTP/1.1\r\nConnection: close\r\n\r\n", "malformed_request"],
		["a header that is none", `GET /things/a HTTP/1.1\r\n${head}no header\r\n\r\n`, "malformed_request"],
		["a length that is none", `GET /things/a HTTP/1.1\r\n${head}Content-Length: x\r\n\r\n`, "malformed_request"],
		["a length beside chunks", `POST /things HTTP/1.1\r\n${chunked}Content-Length: 2\r\n\r\n0\r\n\r\n`, "malformed_request"],
		["an unknown transfer coding", `GET /things/a HTTP/1.1\r\n${head}Transfer-Encoding: gzip\r\n\r\n`, "malformed_request"],
		["one more than chunked", `GET /things/a HTTP/1.1\r\n${head}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, "malformed_request"],
		["chunks in HTTP/1.0", "GET /things/a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "malformed_request"],
		["a chunk without a size", `GET /things/a HTTP/1.1\r\n${chunked}\r\nxyz\r\n\r\n`, "malformed_request"],
		["a chunk that is longer than its size", `DELETE /things/a HTTP/1.1\r\n${chunked}\r\n1\r\nabc\r\n0\r\n\r\n`, "malformed_request"],
		[
			"a body where none is taken",
			`GET /things/a HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
			"malformed_request",
		],
		["a body on HEAD", `HEAD /things/a HTTP/1.1\r\n${head}Content-Length: 2\r\n\r\n{}`, "unsupported_media_type"],
		["a body without a type", `DELETE /things/a HTTP/1.1\r\n${head}Content-Length: 2\r\n\r\n{}`, "unsupported_media_type"],
		["a content coding", `POST /things HTTP/1.1\r\n${head}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}`, "unsupported_media_type"],
		["a coding of nothing", `GET /things/a HTTP/1.1\r\n${head}Content-Encoding: identity, br\r\n\r\n`, "unsupported_media_type"],
		["another expectation", `GET /things/a HTTP/1.1\r\n${head}Expect: coffee\r\n\r\n`, "expectation_failed"],
		["an expectation too many", `GET /things/a HTTP/1.1\r\n${head}Expect: 100-continue, coffee\r\n\r\n`, "expectation_failed"],
		[
			"a body that is too large",
			`POST /things HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: 2000\r\n\r\n`,
			"body_too_large",
		],
		["chunks that are too large", `GET /things/a HTTP/1.1\r\n${chunked}\r\n500\r\n${"x".repeat(0x500)}\r\n0\r\n\r\n`, "body_too_large"],
		["an address that is too long", `GET /things/a?${"x".repeat(20_000)} HTTP/1.1\r\n${head}\r\n`, "uri_too_long"],
		["an address that never ends", `GET /things/${"x".repeat(110_000)}`, "uri_too_long"],
		["a part of a path that is too long", `GET /things/${"x".repeat(600)} HTTP/1.1\r\n${head}\r\n`, "uri_too_long"],
		["header fields that are too large", `GET /things/a HTTP/1.1\r\n${head}X: ${"x".repeat(110_000)}\r\n\r\n`, "headers_too_large"],
		["an address with a broken escape", `GET /things/%zz HTTP/1.1\r\n${head}\r\n`, "malformed_request"],
		["an address that leads nowhere", `GET /nothing HTTP/1.1\r\n${head}\r\n`, "not_found"],
	])("%s", async (_what, text, code) => {
		expectProblem(await sendRaw(origin, text), code);
		expect(handled).toEqual([]);
		expect(await metrics()).toMatch(new RegExp(`callgate_requests_total\\{route="[^"]+",code="${code}",service="ingress"\\} 1\\n`));
	});

	test.each([
		["PUT", "/things", "POST"],
		["POST", "/things/a?b=c", "DELETE, GET, HEAD"],
		["OPTIONS", "/healthz", "GET, HEAD"],
		["PROPFIND", "/metrics", "GET, HEAD"],
	])("%s %s, with the methods that it answers", async (method, url, allow) => {
		const answer = await sendRaw(origin, rawRequest(`${method} ${url}`, []));
		expectProblem(answer, "method_not_allowed");
		expect(answer.headers.get("allow")).toBe(allow);
		expect(handled).toEqual([]);
	});

	test("a request that does not become whole in time", async () => {
		const connected = once(http.server, "connection") as Promise<[Socket]>;
		const answering = sendRaw(origin, "POST /things HTTP/1.1\r\nHost: a\r\n");
		const [socket] = await connected;
		http.server.emit("clientError", Object.assign(new Error(), { code: "ERR_HTTP_REQUEST_TIMEOUT" }), socket);
		expectProblem(await answering, "request_timeout");
	});
});

describe("taken is", () => {
	test.each<[string, string]>([
		["a content type without a body", `DELETE /things/a HTTP/1.1\r\n${head}Content-Type: application/json\r\n\r\n`],
		["a type without a body, in chunks", `GET /things/a HTTP/1.1\r\n${chunked}Content-Type: text/plain\r\n\r\n0\r\n\r\n`],
		["100-continue", `GET /things/a HTTP/1.1\r\n${head}Expect: 100-Continue\r\n\r\n`],
		["the largest token", `GET /things/a HTTP/1.1\r\n${head}Authorization: Bearer ${"x".repeat(tokenCharactersMax)}\r\n\r\n`],
		["the coding that is none", `GET /things/a HTTP/1.1\r\n${head}Content-Encoding: Identity\r\n\r\n`],
	])("%s", async (_what, text) => {
		const { text: answer } = await sendRaw(origin, text);
		expect(answer).toContain('{"done":true}');
		expect(handled).toHaveLength(1);
	});
});

test("whoever asks for a tunnel and resets the connection ends nothing but that", async () => {
	const faults: unknown[] = [];
	const note = (fault: unknown) => void faults.push(fault);
	process.on("uncaughtException", note);
	const asked = once(http.server, "connect") as Promise<[unknown, Socket]>;
	const caller = connect(Number(new URL(origin).port), "127.0.0.1");
	await once(caller, "connect");
	caller.write("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n");
	caller.resetAndDestroy();
	const [, socket] = await asked;
	if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
	process.off("uncaughtException", note);
	expect(faults).toEqual([]);
	expect((await fetch(`${origin}/things/a`)).status).toBe(200);
});

test("an answer that is owed is given before what came behind it is refused, and alone", async () => {
	const connected = once(http.server, "connection") as Promise<[Socket]>;
	const socket = connect(Number(new URL(origin).port), "127.0.0.1");
	const refused = new Promise<void>((resolve) => http.server.on("clientError", () => resolve()));
	let text = "";
	socket.on("data", (chunk) => {
		text += chunk;
	});
	socket.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\nnot HTTP\r\n\r\n");
	await connected;
	await refused;
	finish.resolve();
	await once(socket, "close");
	expect(text).toMatch(/^HTTP\/1\.1 200 /);
	expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
});

test("a refusal leaves its code, its route and nothing else of it in the log; what is repeated is counted", async () => {
	for (let time = 0; time < 5; time++) await http.inject({ url: "/denied" });
	const lines = () => logged.filter(({ msg }) => msg === "refused");
	await vi.waitFor(() => expect(lines().reduce((sum, { count = 0 }) => sum + count, 0)).toBe(5), patience);
	expect(lines()[0]).toMatchObject({ code: "not_an_auditor", route: "/denied", count: 1 });
	expect(lines().length).toBeLessThan(5);
	expect(JSON.stringify(logged)).not.toContain("secret");
	expect(await metrics()).toMatch(/callgate_request_seconds_count\{[^}]*route="\/denied"[^}]*\} 5\n/);
});

test("why an issuer could not be asked stands in the log, and not in the answer", async () => {
	const { body } = await http.inject({ url: "/unasked" });
	expect(body).not.toContain("idp.example");
	await vi.waitFor(() => expect(logged.some(({ msg }) => msg === "refused")).toBe(true), patience);
	expect(logged.find(({ msg }) => msg === "refused")).toMatchObject({
		...{ code: "not_ready", reason: "issuer_unavailable", issuer: "corporate", detail: "https://idp.example: cannot be read" },
	});
});
