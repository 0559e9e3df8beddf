// A process that stops answers what it has in work, refuses what is new in its own words, and lets go of connections that clients would keep.
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createHttp } from "./http.ts";
import { createLogger } from "./logger.ts";
import { createMetrics } from "./metrics.ts";

let http: FastifyInstance;
let agent: Agent;
let working = Promise.withResolvers<void>();
let finish = Promise.withResolvers<void>();
let stopping = Promise.withResolvers<void>();

beforeEach(async () => {
	working = Promise.withResolvers();
	finish = Promise.withResolvers();
	stopping = Promise.withResolvers();
	agent = new Agent({ keepAlive: true, maxSockets: 1 });
	http = createHttp({ log: createLogger("ingress", "silent"), metrics: createMetrics("ingress"), ready: {}, bodyBytesMax: 1_024 });
	http.addHook("preClose", async () => stopping.resolve());
	http.get("/slow", async () => {
		working.resolve();
		await finish.promise;
		return { done: true };
	});
	http.get("/quick", async () => ({ done: true }));
	await http.listen({ host: "127.0.0.1", port: 0 });
});
afterEach(async () => {
	finish.resolve();
	agent.destroy();
	await http.close();
});

async function ask(path: string, through = agent): Promise<{ answer: IncomingMessage; text: string }> {
	const { port } = http.server.address() as AddressInfo;
	const asked = request({ host: "127.0.0.1", port, path, agent: through }).end();
	const [answer] = (await once(asked, "response")) as [IncomingMessage];
	let text = "";
	for await (const chunk of answer) text += chunk;
	return { answer, text };
}

test("what is in work is answered, and then its connection ends: the client would keep it", async () => {
	const slow = ask("/slow");
	await working.promise;
	const closing = http.close();
	await stopping.promise;
	finish.resolve();
	const { answer, text } = await slow;
	expect([answer.statusCode, text, answer.headers.connection]).toEqual([200, '{"done":true}', "close"]);
	await closing;
}, 10_000);

test("a connection that is kept otherwise stays usable", async () => {
	for (let time = 0; time < 2; time++) expect((await ask("/quick")).answer.headers.connection).toBe("keep-alive");
});

test("what comes on an open connection while it stops is refused as a problem", async () => {
	const { port } = http.server.address() as AddressInfo;
	const socket = connect(port, "127.0.0.1");
	let text = "";
	const answered = Promise.withResolvers<void>();
	socket.on("data", (chunk) => {
		text += chunk;
		if (text.includes('{"done":true}')) answered.resolve();
	});
	const head = "GET /quick HTTP/1.1\r\nHost: a\r\n";
	// One request and most of the next: when the first is answered the other has begun.
	socket.write(`${head}\r\n${head}`);
	await answered.promise;
	const slow = ask("/slow");
	await working.promise;
	const closing = http.close();
	await stopping.promise;
	socket.write("\r\n");
	await once(socket, "close");
	const [, refused = ""] = text.split('{"done":true}');
	expect(refused).toMatch(/^HTTP\/1\.1 503 /);
	expect(refused).toMatch(/\r\ncontent-type: application\/problem\+json\b/i);
	expect(refused).toMatch(/\r\nretry-after: \d+\r\n/i);
	expect(refused).toContain('"code":"not_ready"');
	finish.resolve();
	await slow;
	await closing;
}, 10_000);
