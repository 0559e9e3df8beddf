// Answers that are read while they come, of servers that mean well and of those that do not: each is bounded in size, in silence and in time, and let go when nobody reads.
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { BodyChunks } from "./body-chunks.ts";
import type { OutboundStream } from "./http-client.ts";
import { dialingStage, requestTo } from "./raw-server.test-support.ts";

const stage = dialingStage();
afterEach(() => stage.clear());
const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

async function begun(url: string, limits = {}): Promise<OutboundStream> {
	const answer = await stage.startDialer().dialInPieces(requestTo(url, { limits }), () => true);
	if (!("chunks" in answer)) expect.fail("it was read whole");
	return answer;
}
const read = async ({ chunks }: OutboundStream): Promise<string> => Buffer.concat(await Array.fromAsync(chunks)).toString();

test("what has come is there before the rest", async () => {
	const { promise: goOn, resolve } = Promise.withResolvers<void>();
	const server = await stage.start((socket) => {
		socket.write(head + chunk("one"));
		void goOn.then(() => socket.write(`${chunk("two")}0\r\n\r\n`));
	});
	const answer = await begun(server.url);
	expect(answer.status).toBe(200);
	const reading = answer.chunks[Symbol.asyncIterator]();
	expect(Buffer.from((await reading.next()).value ?? []).toString()).toBe("one");
	resolve();
	expect(Buffer.from((await reading.next()).value ?? []).toString()).toBe("two");
	expect((await reading.next()).done).toBe(true);
});

test("an answer that is not wanted in pieces is whole", async () => {
	const server = await stage.start((socket) => socket.write(`${head}${chunk("all")}0\r\n\r\n`));
	const answer = await stage.startDialer().dialInPieces(requestTo(server.url), () => false);
	expect("body" in answer && Buffer.from(answer.body).toString()).toBe("all");
});

test.each<[string, string, object]>([
	["has no end", chunk("x".repeat(1_000)).repeat(50), { bodyBytesMax: 20_000 }],
	["leaves within it", chunk("one"), {}],
	["breaks its own framing", `${chunk("one")}zz\r\n`, {}],
])("a server that %s: what came is read, and then the error", async (what, text, limits) => {
	const server = await stage.start((socket) => {
		socket.write(head);
		socket.write(text);
		if (what.startsWith("leaves")) socket.end();
	});
	await expect(read(await begun(server.url, limits))).rejects.toMatchObject({
		sent: true,
		answered: { http: { status: 200 } },
		code: { "has no end": "body_too_large", "leaves within it": "body_truncated" }[what] ?? "protocol_error",
	});
});

test("a server that falls silent is waited for so long, and one that drips only as long as the function may take", async () => {
	const silent = await stage.start((socket) => socket.write(head + chunk("one")));
	await expect(read(await begun(silent.url, { headersTimeoutMs: 100 }))).rejects.toMatchObject({ code: "idle_timeout" });
	const dripping = await stage.start((socket) => {
		socket.write(head);
		const timer = setInterval(() => socket.write(chunk("x")), 20);
		socket.on("close", () => clearInterval(timer));
	});
	await expect(read(await begun(dripping.url, { totalTimeoutMs: 400 }))).rejects.toMatchObject({ code: "total_timeout" });
});

test("nobody reads: the server waits, and is let go", async () => {
	let written = 0;
	const closed = Promise.withResolvers<void>();
	const server = await stage.start((socket) => {
		socket.on("close", () => closed.resolve());
		socket.write(head);
		const more = () => {
			while (!socket.destroyed && written < 50_000_000) {
				written += 65_536;
				if (!socket.write(chunk("y".repeat(65_536)))) return void once(socket, "drain").then(more, () => undefined);
			}
		};
		more();
	});
	const answer = await begun(server.url, { bodyBytesMax: 60_000_000 });
	// The system's own buffers hold some; what is written stands still long before all of it.
	for (let before = -1; before !== written; ) {
		before = written;
		await new Promise((resolve) => setTimeout(resolve, 200));
	}
	expect(written).toBeLessThan(50_000_000);
	answer.chunks.leave();
	await closed.promise;
	await expect(read(answer)).rejects.toMatchObject({ code: "aborted" });
});

test("small chunks that came together are one", async () => {
	const chunks = new BodyChunks({ pause: () => undefined, resume: () => undefined, leave: () => undefined });
	for (const text of "abc") chunks.add(Buffer.from(text));
	chunks.end();
	expect((await Array.fromAsync(chunks)).map((one) => Buffer.from(one).toString())).toEqual(["abc"]);
});
