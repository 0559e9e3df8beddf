// The dialer against servers that mean harm or are broken: each ends in its own code, within its bounds, and `sent` tells the truth.

import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import { createHttpClient } from "./http-client.ts";
import { answerOf, dialingStage, requestTo } from "./raw-server.test-support.ts";

const stage = dialingStage();
afterEach(stage.clear);
const { cleanup, startDialer, start, failure } = stage;

const HEAD = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const compressed = (coding: string, body: Buffer) => (socket: Socket) => {
	socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\nContent-Length: ${body.byteLength}\r\n\r\n`);
	socket.write(body);
};
/** Writes the same bytes again whenever the peer took them, until the peer has had enough. */
const forever = (head: string, bytes: string) => (socket: Socket) => {
	socket.write(head);
	const more = (): void => {
		while (!socket.destroyed && socket.write(bytes));
		socket.once("drain", more);
	};
	more();
};
const bomb = Buffer.alloc(4 * 1024 * 1024);

describe("an answer that breaks the rules ends with its code, after the request was sent", () => {
	const cases: [string, string, (socket: Socket) => void][] = [
		["ends the connection before an answer", "connection_reset", (socket) => socket.end()],
		["resets before an answer", "connection_reset", (socket) => socket.resetAndDestroy()],
		["ends inside the head", "connection_reset", (socket) => socket.end("HTTP/1.1 200 OK\r\nX-A")],
		["resets inside the body", "body_truncated", (socket) => socket.write(`${HEAD}12345`, () => socket.resetAndDestroy())],
		["ends before its Content-Length", "body_truncated", (socket) => socket.end(`${HEAD}12345`)],
		[
			"ends before its Content-Length, having said close",
			"body_truncated",
			(socket) => socket.end(`${HEAD.replace("OK\r\n", "OK\r\nConnection: close\r\n")}12345`),
		],
		["ends inside a chunk", "body_truncated", (socket) => socket.end(`${CHUNKED}a\r\n123`)],
		["ends before the last chunk", "body_truncated", (socket) => socket.end(`${CHUNKED}3\r\n123\r\n`)],
		[
			"ends before the last chunk, having said close",
			"body_truncated",
			(socket) => socket.end(`${CHUNKED.replace("OK\r\n", "OK\r\nConnection: close\r\n")}3\r\n123\r\n`),
		],
		["never ends a chunked body", "body_too_large", forever(CHUNKED, `400\r\n${"x".repeat(1024)}\r\n`)],
		["never ends a body without a length", "body_too_large", forever("HTTP/1.1 200 OK\r\n\r\n", "x".repeat(1024))],
		["announces 100 MB", "body_too_large", (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")],
		["sends a gzip bomb", "body_too_large", compressed("gzip", gzipSync(bomb))],
		["sends a brotli bomb", "body_too_large", compressed("br", brotliCompressSync(bomb))],
		["sends a zstd bomb", "body_too_large", compressed("zstd", zstdCompressSync(bomb))],
		["says gzip and sends something else", "protocol_error", compressed("gzip", Buffer.from("plain"))],
		["sends half a gzip body", "protocol_error", compressed("gzip", gzipSync("a longer text").subarray(0, 20))],
		["uses an unknown coding", "protocol_error", compressed("rot13", Buffer.from("plain"))],
		["stacks codings", "protocol_error", compressed("gzip, gzip", gzipSync(gzipSync("x")))],
		["sends a large header", "headers_too_large", (socket) => socket.write(answerOf("", [`X-A: ${"x".repeat(20_000)}`]))],
		["sends headers forever", "headers_too_large", forever("HTTP/1.1 200 OK\r\n", `X-A: ${"x".repeat(100)}\r\n`)],
		["sends trailers forever", "headers_too_large", forever(`${CHUNKED}0\r\n`, `X-A: ${"x".repeat(100)}\r\n`)],
		[
			"switches protocols",
			"protocol_error",
			(socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
		],
		["continues what was not asked for", "protocol_error", (socket) => socket.write(`HTTP/1.1 100 Continue\r\n\r\n${answerOf("ok")}`)],
		["sends no chunk size", "protocol_error", (socket) => socket.write(`${CHUNKED}zz\r\nabc\r\n0\r\n\r\n`)],
		["sends a chunk size past counting", "protocol_error", (socket) => socket.write(`${CHUNKED}ffffffffffffffffff\r\n`)],
		[
			"sends two lengths",
			"protocol_error",
			(socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nok"),
		],
		[
			"sends a length and chunks",
			"protocol_error",
			(socket) => socket.write(`${CHUNKED.replace("OK\r\n", "OK\r\nContent-Length: 2\r\n")}2\r\nok\r\n0\r\n\r\n`),
		],
		["sends a length that is none", "protocol_error", (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")],
		["folds a header", "protocol_error", (socket) => socket.write(answerOf("", ["X-A: 1", " 2"]))],
		["puts a control character into a header", "protocol_error", (socket) => socket.write(answerOf("", ["X-A: 1\x01"]))],
		[
			"ends header lines with a bare CR",
			"protocol_error",
			(socket) => socket.write("HTTP/1.1 200 OK\r\nX-A: 1\rX-B: 2\r\nContent-Length: 0\r\n\r\n"),
		],
		["speaks HTTP/2", "protocol_error", (socket) => socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
		["speaks something else", "protocol_error", (socket) => socket.write("220 smtp.example ESMTP\r\n")],
		["answers with status 999", "protocol_error", (socket) => socket.write(answerOf("", [], "999 Odd"))],
	];
	test.each(cases)("%s: %s", async (_what, code, answer) => {
		const server = await start(answer);
		const error = await failure(startDialer().dial(requestTo(server.url)));
		expect(error).toMatchObject({ code, sent: true });
		expect(server.requests).toHaveLength(1);
	});

	test("a status that had arrived is told, so that an oversized answer is not taken for none", async () => {
		const server = await start(forever("HTTP/1.1 201 Created\r\n\r\n", "x".repeat(1024)));
		expect((await failure(startDialer().dial(requestTo(server.url)))).answered).toEqual({ http: { status: 201 } });
	});
});

describe("an answer that takes too long", () => {
	test("nothing before the headers", async () => {
		const server = await start(() => {});
		const error = await failure(startDialer().dial(requestTo(server.url, { limits: { headersTimeoutMs: 50 } })));
		expect(error).toMatchObject({ code: "headers_timeout", sent: true });
	});

	test("interim answers do not buy time", async () => {
		const server = await start(forever("", "HTTP/1.1 102 Processing\r\n\r\n"));
		const error = await failure(startDialer().dial(requestTo(server.url, { limits: { headersTimeoutMs: 50 } })));
		expect(error).toMatchObject({ code: "headers_timeout", sent: true });
	});

	test("a head that drips", async () => {
		const server = await start((socket) => {
			socket.write("HTTP/1.1 200 OK\r\nX-A: ");
			const timer = setInterval(() => socket.write("x"), 5);
			socket.on("close", () => clearInterval(timer));
		});
		const error = await failure(startDialer().dial(requestTo(server.url, { limits: { headersTimeoutMs: 50 } })));
		expect(error).toMatchObject({ code: "headers_timeout", sent: true });
	});

	test("a body that drips: each byte is progress, and still the total counts", async () => {
		const server = await start((socket) => {
			socket.write("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
			const timer = setInterval(() => socket.write("x"), 5);
			socket.on("close", () => clearInterval(timer));
		});
		const error = await failure(startDialer().dial(requestTo(server.url, { limits: { totalTimeoutMs: 100 } })));
		expect(error).toMatchObject({ code: "total_timeout", sent: true, answered: { http: { status: 200 } } });
	});

	test("the connection of a dial that was given up is closed, not kept", async () => {
		const closed = Promise.withResolvers<void>();
		const server = await start((socket) => socket.on("close", () => closed.resolve()));
		await failure(startDialer().dial(requestTo(server.url, { limits: { headersTimeoutMs: 50 } })));
		await closed.promise;
	});
});

describe("before the first byte nothing was sent", () => {
	test("connection refused", async () => {
		const server = createServer().listen(0, "127.0.0.1");
		await once(server, "listening");
		const address = server.address();
		const port = typeof address === "object" && address !== null ? address.port : 0;
		server.close();
		await once(server, "close");
		expect(await failure(startDialer().dial(requestTo(`http://127.0.0.1:${port}/`)))).toMatchObject({
			code: "connect_failed",
			sent: false,
		});
	});

	test("a name that cannot be resolved", async () => {
		const dialer = startDialer({ lookup: () => Promise.reject(new Error("ENOTFOUND")) });
		expect(await failure(dialer.dial(requestTo("http://nowhere.test/")))).toMatchObject({ code: "dns_failed", sent: false });
	});

	test("a name without addresses", async () => {
		const dialer = startDialer({ lookup: async () => [] });
		expect(await failure(dialer.dial(requestTo("http://nowhere.test/")))).toMatchObject({ code: "dns_failed", sent: false });
	});

	test("a resolver that never answers", async () => {
		const dialer = startDialer({ lookup: () => new Promise(() => {}) });
		const error = await failure(dialer.dial(requestTo("http://slow.test/", { limits: { connectTimeoutMs: 50 } })));
		expect(error).toMatchObject({ code: "connect_timeout", sent: false });
	});

	test("no free connection in time", async () => {
		const server = await start(() => {});
		const dialer = startDialer({ connectionsPerOriginMax: 1 });
		const stop = new AbortController();
		const first = failure(dialer.dial(requestTo(server.url, { limits: { connectTimeoutMs: 50 } }), stop.signal));
		const second = await failure(dialer.dial(requestTo(server.url, { limits: { connectTimeoutMs: 50 } })));
		expect(second).toMatchObject({ code: "connect_timeout", sent: false });
		stop.abort();
		expect(await first).toMatchObject({ code: "aborted", sent: true });
		expect(server.requests).toHaveLength(1);
	});

	test("a name that changes its mind: one look-up, and what it said is what is connected to", async () => {
		const server = await start((socket) => socket.write(answerOf("ok")));
		const said = ["127.0.0.1", "169.254.169.254"];
		let asked = 0;
		const lookup = async () => [{ address: said[asked++] ?? "", family: 4 }];
		const url = server.url.replace("127.0.0.1", "rebind.test");
		const dialer = startDialer({ lookup });
		expect((await dialer.dial(requestTo(url, { headers: [["x-n", "1"]] }))).status).toBe(200);
		expect(asked).toBe(1);
		const fresh = await failure(startDialer({ lookup }).dial(requestTo(url)));
		expect(fresh).toMatchObject({ code: "address_forbidden", sent: false });
		expect(asked).toBe(2);
	});

	/** What `check` says of a connection at this URL: its complaints. */
	const complaints = (url: string, more = ""): readonly string[] => {
		const text = `kind: Connection\nname: a\nprotocol: http\ninsecure: true\n${more}url: ${JSON.stringify(url)}\nfunctions: { ping: { method: GET, path: / } }\n`;
		const result = compileConfiguration({ "a.yaml": text });
		return result.ok ? [] : result.errors.map(({ message }) => message);
	};

	test.each([
		"http://169.254.169.254/latest/meta-data",
		"http://[fe80::1]",
		"http://[::ffff:169.254.169.254]",
		"http://[64:ff9b::a9fe:a9fe]",
		"http://[2606:2800:220:1:0:5efe:a9fe:a9fe]",
		"http://[2001:0:808:808::1]",
		"http://[2002:808:808::1]",
		"http://[2001:db8::1]",
		"http://[fec0::1]",
		"http://[::8.8.8.8]",
		"http://198.18.0.1",
		"http://203.0.113.9",
	])("%s is refused by check and by the dialer, whatever is opened", async (url) => {
		expect(complaints(url, "allowPrivateAddresses: true\n")).toEqual([expect.stringContaining("never dialled")]);
		const dialer = startDialer({ allowPrivate: true });
		expect(await failure(dialer.dial(requestTo(url)))).toMatchObject({ code: "address_forbidden", sent: false });
	});

	test.each(["http://0x7f000001", "http://2130706433", "http://[::1]", "http://localhost", "http://10.0.0.1", "http://[::ffff:10.0.0.1]"])(
		"%s is refused by check and by the dialer unless private addresses are allowed",
		async (url) => {
			expect(complaints(url)).toEqual([expect.stringContaining("expected allowPrivateAddresses: true")]);
			expect(complaints(url, "allowPrivateAddresses: true\n")).toEqual([]);
			const dialer = createHttpClient();
			cleanup.push(() => dialer.close());
			expect(await failure(dialer.dial(requestTo(url)))).toMatchObject({ code: "address_forbidden", sent: false });
		},
	);

	test("a name that leads to a forbidden address in any form is refused", async () => {
		for (const address of ["198.18.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2001:0:808:808::1", "fec0::1", "fe80::1%lo"]) {
			const dialer = startDialer({ allowPrivate: true, lookup: async () => [{ address, family: address.includes(":") ? 6 : 4 }] });
			expect(await failure(dialer.dial(requestTo("http://name.test/"))), address).toMatchObject({ code: "address_forbidden", sent: false });
		}
	});
});
