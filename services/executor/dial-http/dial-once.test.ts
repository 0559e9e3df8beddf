// Nothing is sent twice, nothing is sent after the last-moment check said no, and one call never gets another's answer.
import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { HttpClient } from "./http-client.ts";
import { answerOf, dialingStage, type RawServer, requestTo } from "./raw-server.test-support.ts";

const stage = dialingStage();
afterEach(stage.clear);
const { startDialer, start, failure } = stage;

const textOf = (body: Uint8Array): string => Buffer.from(body).toString();

/** Two dials, so that at least one connection has been used; the next dial takes a kept one. */
const warm = async (dialer: HttpClient, server: RawServer): Promise<void> => {
	await dialer.dial(requestTo(server.url));
	await dialer.dial(requestTo(server.url));
	server.requests.length = 0;
};

describe("a connection that is lost on a kept-alive connection", () => {
	const losses: [string, (socket: Socket) => void][] = [
		["reset", (socket) => socket.resetAndDestroy()],
		["closed", (socket) => socket.end()],
		["destroyed", (socket) => socket.destroy()],
	];
	for (const method of ["GET", "HEAD", "PUT", "DELETE", "POST"]) {
		test.each(losses)(`a ${method} on it, %s before the answer, is not sent again`, async (_how, lose) => {
			let answering = true;
			const server = await start((socket) => (answering ? socket.write(answerOf("ok")) : lose(socket)));
			const dialer = startDialer({ connectionsPerOriginMax: 1 });
			await warm(dialer, server);
			answering = false;
			const { body: _body, ...bare } = requestTo(server.url, { method });
			const error = await failure(dialer.dial(method === "POST" || method === "PUT" ? requestTo(server.url, { method }) : bare));
			expect(error).toMatchObject({ code: "connection_reset", sent: true });
			answering = true;
			await dialer.dial(requestTo(server.url, { headers: [["x-last", "1"]] })); // whatever was requeued would go out before this
			expect(server.requests).toHaveLength(2);
			expect(server.requests[1]).toContain("x-last");
		});
	}

	test("dials that wait behind it are sent once each", async () => {
		const server = await start((socket, index) => (index === 2 ? socket.resetAndDestroy() : socket.write(answerOf("ok"))));
		const dialer = startDialer({ connectionsPerOriginMax: 1 });
		await dialer.dial(requestTo(server.url));
		await dialer.dial(requestTo(server.url));
		const ends = await Promise.allSettled(
			[1, 2, 3, 4].map((n) => dialer.dial(requestTo(server.url, { method: "GET", headers: [["x-n", String(n)]] }))),
		);
		expect(ends.map((end) => end.status)).toEqual(["rejected", "fulfilled", "fulfilled", "fulfilled"]);
		expect(server.requests.slice(2).map((request) => /x-n: (\d)/.exec(request)?.[1])).toEqual(["1", "2", "3", "4"]);
	});

	test("a kept connection that the peer has closed meanwhile is not used", async () => {
		const ended = Promise.withResolvers<void>();
		const server = await start((socket, index) => {
			socket.write(answerOf(String(index)), () => {
				if (index > 0) return;
				socket.on("close", () => ended.resolve());
				socket.end();
			});
		});
		const dialer = startDialer({ connectionsPerOriginMax: 1 });
		await dialer.dial(requestTo(server.url));
		await ended.promise;
		expect(textOf((await dialer.dial(requestTo(server.url))).body)).toBe("1");
		expect(server.connections).toBe(2);
	});
});

describe("an answer that nobody asked for", () => {
	test("a second answer to one request is never the answer to the next", async () => {
		const server = await start((socket, index) => socket.write(answerOf(`answer ${index}`) + answerOf("poison")));
		const dialer = startDialer({ connectionsPerOriginMax: 1 });
		for (let index = 0; index < 5; index += 1) {
			expect(textOf((await dialer.dial(requestTo(server.url))).body)).toBe(`answer ${index}`);
		}
	});

	test("not even to those that wait for the same connection", async () => {
		const server = await start((socket, _index, request) => {
			socket.write(answerOf(/x-n: (\d+)/.exec(request)?.[1] ?? "") + answerOf("poison"));
		});
		const dialer = startDialer({ connectionsPerOriginMax: 1 });
		const answers = await Promise.all(
			Array.from({ length: 8 }, (_, n) => dialer.dial(requestTo(server.url, { headers: [["x-n", String(n)]] }))),
		);
		expect(answers.map((answer) => textOf(answer.body))).toEqual(Array.from({ length: 8 }, (_, n) => String(n)));
	});

	test("bytes past the Content-Length are not the answer's and not the next one's", async () => {
		const server = await start((socket) => socket.write(`${answerOf("ok")}HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad`));
		const dialer = startDialer({ connectionsPerOriginMax: 1 });
		expect(textOf((await dialer.dial(requestTo(server.url))).body)).toBe("ok");
		expect(textOf((await dialer.dial(requestTo(server.url))).body)).toBe("ok");
	});
});

describe("the last moment", () => {
	test("a check that throws means that not one byte was written, on a new connection and on a kept one", async () => {
		const server = await start((socket) => socket.write(answerOf("ok")));
		const dialer = startDialer({ connectionsPerOriginMax: 1 });
		const lost = new Error("the lease is over");
		const beforeFirstByte = (): void => {
			throw lost;
		};
		const refused = await failure(dialer.dial(requestTo(server.url, { beforeFirstByte })));
		expect(refused).toMatchObject({ code: "aborted", sent: false, cause: lost });
		await dialer.dial(requestTo(server.url));
		expect(await failure(dialer.dial(requestTo(server.url, { beforeFirstByte })))).toMatchObject({
			code: "aborted",
			sent: false,
			cause: lost,
		});
		await dialer.dial(requestTo(server.url));
		expect(server.requests).toHaveLength(2);
		expect(server.connections).toBe(1); // and the connection was not thrown away for it
	});

	test("the check comes after the connection is there, once", async () => {
		const server = await start((socket) => socket.write(answerOf("ok")));
		const order: string[] = [];
		const dialer = startDialer({
			lookup: async () => {
				order.push("resolved");
				return [{ address: "127.0.0.1", family: 4 }];
			},
		});
		const url = server.url.replace("127.0.0.1", "functions.test");
		await dialer.dial(requestTo(url, { beforeFirstByte: () => order.push("checked") }));
		expect(order).toEqual(["resolved", "checked"]);
	});

	test("no connection, no check", async () => {
		let checks = 0;
		const dialer = startDialer({ lookup: () => Promise.reject(new Error("none")) });
		await failure(dialer.dial(requestTo("http://nowhere.test/", { beforeFirstByte: () => (checks += 1) })));
		expect(checks).toBe(0);
	});

	test("a dial that was given up while it waited for a connection is not sent later", async () => {
		const held: Socket[] = [];
		const arrived = Promise.withResolvers<void>();
		const server = await start((socket, index) => {
			if (index > 0) {
				socket.write(answerOf("ok"));
				return;
			}
			held.push(socket);
			arrived.resolve();
		});
		const dialer = startDialer({ connectionsPerOriginMax: 1 });
		const first = dialer.dial(requestTo(server.url));
		await arrived.promise;
		const stop = new AbortController();
		const second = failure(dialer.dial(requestTo(server.url, { headers: [["x-given-up", "1"]] }), stop.signal));
		stop.abort();
		expect(await second).toMatchObject({ code: "aborted", sent: false });
		held[0]?.write(answerOf("ok"));
		await first;
		await dialer.dial(requestTo(server.url));
		expect(server.requests.some((request) => request.includes("x-given-up"))).toBe(false);
		expect(server.requests).toHaveLength(2);
	});

	test("cancelled before it began, and after it was sent", async () => {
		const arrived = Promise.withResolvers<void>();
		const server = await start(() => arrived.resolve());
		const dialer = startDialer();
		expect(await failure(dialer.dial(requestTo(server.url), AbortSignal.abort()))).toMatchObject({ code: "aborted", sent: false });
		const stop = new AbortController();
		const second = failure(dialer.dial(requestTo(server.url), stop.signal));
		await arrived.promise;
		stop.abort();
		expect(await second).toMatchObject({ code: "aborted", sent: true });
	});

	test("a closed dialer dials no more, and lets what runs finish", async () => {
		const held: Socket[] = [];
		const arrived = Promise.withResolvers<void>();
		const server = await start((socket) => {
			held.push(socket);
			arrived.resolve();
		});
		const dialer = startDialer();
		const running = dialer.dial(requestTo(server.url));
		await arrived.promise;
		const closing = dialer.close();
		expect(await failure(dialer.dial(requestTo(server.url)))).toMatchObject({ code: "aborted", sent: false });
		held[0]?.write(answerOf("ok"));
		expect(textOf((await running).body)).toBe("ok");
		await closing;
	});
});

test("no error tells the path, the query, a header's value or the body", async () => {
	const server = await start((socket) => socket.end("HTTP/1.1 200 OK\r\nX-Answer: hidden-answer\r\nContent-Length: 5\x01"));
	const secretive = { headers: [["x-key", "hidden-header"]] as [string, string][], body: Buffer.from("hidden-body") };
	const error = await failure(startDialer().dial(requestTo(`${server.url}/hidden-path?k=hidden-query`, secretive)));
	expect(`${error.message} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain("hidden");
});
