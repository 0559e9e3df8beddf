// The dialer against well-behaved and merely odd servers: what goes out, what comes back, and what is refused before anything happens.
import { once } from "node:events";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { OutboundRequest } from "./http-client.ts";
import { answerOf, dialingStage, requestTo } from "./raw-server.test-support.ts";
import { TEST_CERTIFICATE, TEST_KEY } from "./tls.test-support.ts";

const stage = dialingStage();
afterEach(stage.clear);
const { cleanup, startDialer, start, failure } = stage;

const textOf = (body: Uint8Array): string => Buffer.from(body).toString();

describe("what goes out", () => {
	test("is the request as given, with Host from the URL and identity as the only coding", async () => {
		const server = await start((socket) => socket.write(answerOf("ok")));
		const headers: [string, string][] = [
			["content-type", "application/json"],
			["host", "elsewhere.example"],
			["Accept-Encoding", "gzip"],
			["Connection", "x-hop, keep-alive"],
			["x-hop", "1"],
			["transfer-encoding", "chunked"],
			["content-length", "3"],
			["proxy-authorization", "Basic x"],
			["x-request", "kept"],
		];
		const answer = await startDialer().dial(requestTo(`${server.url}/pay/a%2Fb?q=1%202`, { headers }));
		expect(textOf(answer.body)).toBe("ok");
		expect(server.requests).toEqual([
			`POST /pay/a%2Fb?q=1%202 HTTP/1.1\r\nhost: ${new URL(server.url).host}\r\nconnection: keep-alive\r\ncontent-type: application/json\r\n` +
				`x-request: kept\r\naccept-encoding: identity\r\ncontent-length: 12\r\n\r\n{"amount":1}`,
		]);
	});

	const refused: [string, Partial<OutboundRequest>][] = [
		["a line feed in a header's value", { headers: [["x-a", "1\nx-b: 2"]] }],
		["a carriage return in a header's value", { headers: [["x-a", "1\rx-b: 2"]] }],
		["NUL in a header's value", { headers: [["x-a", "1\0"]] }],
		["a letter whose low byte is a line feed", { headers: [["x-a", "1\u010ax-b: 2"]] }],
		["a header's name with a colon", { headers: [["x-a: 1\r\nx-b", "2"]] }],
		["an empty header's name", { headers: [["", "2"]] }],
		["headers over their bound", { headers: [["x-a", "x".repeat(90_000)]] }],
		["a method with a line feed", { method: "GET / HTTP/1.1\r\n" }],
		["CONNECT", { method: "CONNECT" }],
		["TRACE", { method: "TRACE" }],
	];
	test.each(refused)("refuses %s before it connects", async (_what, change) => {
		const server = await start((socket) => socket.write(answerOf("ok")));
		const error = await failure(startDialer().dial(requestTo(server.url, change)));
		expect(error).toMatchObject({ code: "protocol_error", sent: false });
		expect(server.connections).toBe(0);
	});

	test.each(["/accounts/../admin", "/accounts/%2e%2e/admin", "/accounts/./x", "/a b", "/a\r\nx: y", "/a\\b", "/\u010a"])(
		"refuses the path %j that would not reach the function as written",
		async (path) => {
			const server = await start((socket) => socket.write(answerOf("ok")));
			expect(await failure(startDialer().dial(requestTo(server.url + path)))).toMatchObject({ code: "protocol_error", sent: false });
			expect(server.connections).toBe(0);
		},
	);

	test.each(["ftp://127.0.0.1/", "/relative", "http://user:pass@127.0.0.1/", "file:///etc/passwd", ""])(
		"refuses the URL %j",
		async (url) => {
			const error = await failure(startDialer().dial(requestTo(url)));
			expect(error).toMatchObject({ code: "protocol_error", sent: false });
			expect(error.message).not.toContain("pass@");
		},
	);
});

describe("what comes back", () => {
	test.each([
		["301 Moved Permanently", 301],
		["302 Found", 302],
		["307 Temporary Redirect", 307],
		["308 Permanent Redirect", 308],
	])("%s is an answer, with its Location, and nothing is followed", async (line, status) => {
		const server = await start((socket) => socket.write(answerOf("", ["Location: /elsewhere"], line)));
		const answer = await startDialer().dial(requestTo(server.url));
		expect(answer.status).toBe(status);
		expect(answer.headers).toEqual([["location", "/elsewhere"]]);
		expect(server.requests).toHaveLength(1);
	});

	test("hop-by-hop fields, Connection's own and trailers stay behind; repeated fields keep their order", async () => {
		const head = ["HTTP/1.1 200 OK", "Connection: keep-alive, X-Gone", "Keep-Alive: timeout=60", "X-Gone: 1", "Set-Cookie: a=1"];
		const tail = ["Set-Cookie: b=2", "Transfer-Encoding: chunked", "Trailer: X-Late", "", "2\r\nok\r\n0", "X-Late: 1", "", ""];
		const server = await start((socket) => socket.write([...head, ...tail].join("\r\n")));
		const answer = await startDialer().dial(requestTo(server.url));
		expect(answer.headers).toEqual([
			["set-cookie", "a=1"],
			["set-cookie", "b=2"],
		]);
		expect(textOf(answer.body)).toBe("ok");
	});

	test("interim answers (102, 103) are passed over", async () => {
		const server = await start((socket) =>
			socket.write(`HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${answerOf("ok")}`),
		);
		const answer = await startDialer().dial(requestTo(server.url));
		expect([answer.status, textOf(answer.body), answer.headers]).toEqual([200, "ok", []]);
	});

	test("a HEAD's Content-Length announces no body, however large", async () => {
		const server = await start((socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n"));
		const { body: _body, ...head } = requestTo(server.url, { method: "HEAD" });
		expect((await startDialer().dial(head)).body.byteLength).toBe(0);
	});

	test.each([
		["HEAD", "HEAD", "200 OK", [], [["content-length", "12345"]]],
		["HEAD, of what would come compressed", "HEAD", "200 OK", ["Content-Encoding: gzip"], []],
		[
			"GET, not modified",
			"GET",
			"304 Not Modified",
			['ETag: "a"'],
			[
				["etag", '"a"'],
				["content-length", "12345"],
			],
		],
	] as const)("an answer to %s tells the length of the body that it stands for", async (_what, method, status, more, expected) => {
		const head = [`HTTP/1.1 ${status}`, ...more, "Content-Length: 12345", "", ""].join("\r\n");
		const server = await start((socket) => socket.write(head));
		const { body: _body, ...request } = requestTo(server.url, { method, headers: [] });
		const answer = await startDialer().dial(request);
		expect([answer.headers, answer.body.byteLength]).toEqual([expected, 0]);
	});

	test.each([
		["gzip", gzipSync],
		["x-gzip", gzipSync],
		["br", brotliCompressSync],
		["zstd", zstdCompressSync],
		["deflate", deflateSync],
		["Deflate", deflateRawSync],
		["identity", (text: string) => Buffer.from(text)],
	])("%s is taken off, and no header says it is still there", async (coding, compress) => {
		const body = compress("card 4111");
		const server = await start((socket) => {
			socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\nContent-Length: ${body.byteLength}\r\n\r\n`);
			socket.write(body);
		});
		const answer = await startDialer().dial(requestTo(server.url));
		expect(textOf(answer.body)).toBe("card 4111");
		expect(answer.headers).toEqual([]);
	});

	test("kept connections are used again", async () => {
		const server = await start((socket) => socket.write(answerOf("ok")));
		const dialer = startDialer();
		for (let round = 0; round < 10; round += 1) await dialer.dial(requestTo(server.url));
		expect(server.requests).toHaveLength(10);
		// Two, because undici lets a connection rest for one turn of the event loop before it trusts it again.
		expect(server.connections).toBeLessThanOrEqual(2);
	});

	test("more dials than connections wait their turn and each gets its own answer", async () => {
		const server = await start((socket, _index, request) => socket.write(answerOf(/x-n: (\d+)/.exec(request)?.[1] ?? "")));
		const dialer = startDialer({ connectionsPerOriginMax: 2 });
		const answers = await Promise.all(
			Array.from({ length: 20 }, (_, n) => dialer.dial(requestTo(server.url, { headers: [["x-n", String(n)]] }))),
		);
		expect(answers.map((answer) => textOf(answer.body))).toEqual(Array.from({ length: 20 }, (_, n) => String(n)));
		expect(server.connections).toBe(2);
	});

	test("too many dials to one origin are refused, not queued", async () => {
		const server = await start(() => {});
		const dialer = startDialer({ dialsPerOriginMax: 1 });
		const stop = new AbortController();
		const first = failure(dialer.dial(requestTo(server.url), stop.signal));
		expect(await failure(dialer.dial(requestTo(server.url)))).toMatchObject({ code: "connect_timeout", sent: false });
		stop.abort();
		expect((await first).code).toBe("aborted");
	});
});

describe("surroundings do not matter", () => {
	const variables = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "NODE_USE_ENV_PROXY"];
	test("proxy variables are ignored", async () => {
		const proxy = await start((socket) => socket.write(answerOf("proxied")));
		const server = await start((socket) => socket.write(answerOf("direct")));
		for (const name of variables) process.env[name] = proxy.url;
		cleanup.push(async () => {
			for (const name of variables) delete process.env[name];
		});
		expect(textOf((await startDialer().dial(requestTo(server.url))).body)).toBe("direct");
		expect(proxy.connections).toBe(0);
	});
});

describe("TLS", () => {
	let url = "";
	const caPem = TEST_CERTIFICATE;
	let stop: () => Promise<void> = async () => {};
	beforeAll(async () => {
		const server = createHttpsServer({ cert: TEST_CERTIFICATE, key: TEST_KEY }, (_request, response) => response.end("secure"));
		server.listen(0, "127.0.0.1");
		await once(server, "listening");
		url = `https://functions.test:${(server.address() as AddressInfo).port}/`;
		stop = async () => {
			server.closeAllConnections();
			server.close();
			await once(server, "close");
		};
	});
	afterAll(() => stop());

	const lookup = async () => [{ address: "127.0.0.1", family: 4 }];

	test("a connection's own authority is trusted for that connection only", async () => {
		const dialer = startDialer({ lookup });
		expect(textOf((await dialer.dial(requestTo(url, { caPem }))).body)).toBe("secure");
		expect(await failure(dialer.dial(requestTo(url)))).toMatchObject({ code: "tls_failed", sent: false });
	});

	test("the name is checked", async () => {
		const other = url.replace("functions.test", "other.test");
		expect(await failure(startDialer({ lookup }).dial(requestTo(other, { caPem })))).toMatchObject({ code: "tls_failed", sent: false });
	});

	test("NODE_TLS_REJECT_UNAUTHORIZED=0 switches nothing off", async () => {
		process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0";
		cleanup.push(async () => {
			delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
		});
		expect(await failure(startDialer({ lookup }).dial(requestTo(url)))).toMatchObject({ code: "tls_failed", sent: false });
	});

	test("an authority that is not a certificate is said to be none", async () => {
		const error = await failure(startDialer({ lookup }).dial(requestTo(url, { caPem: "not a certificate" })));
		expect(error).toMatchObject({ code: "tls_failed", sent: false });
	});

	test("a server that does not speak TLS", async () => {
		const plain = await start((socket) => socket.end("SSH-2.0\r\n"));
		const server = await start(() => {});
		expect(
			await failure(startDialer().dial(requestTo(plain.url.replace("http:", "https:"), { limits: { connectTimeoutMs: 200 } }))),
		).toMatchObject({
			sent: false,
		});
		// accepts, and never answers the ClientHello
		expect(
			await failure(startDialer().dial(requestTo(server.url.replace("http:", "https:"), { limits: { connectTimeoutMs: 50 } }))),
		).toMatchObject({ code: "connect_timeout", sent: false });
	});
});
