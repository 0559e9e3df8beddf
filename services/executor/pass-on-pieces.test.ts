// An answer in pieces: each on the record before the next, masked across its seams, and whatever becomes of function, executor or stream, one ending says how far it came.
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { EventsUnavailable, NotYet } from "#libs/bus/bus.ts";
import { createMemoryBus } from "#libs/bus/bus-memory.ts";
import { SealingKeys } from "#libs/contracts/sealed.ts";
import { openConfiguration } from "../../test/support/open-configuration.ts";
import { DialError } from "./dial-error.ts";
import { BodyChunks } from "./dial-http/body-chunks.ts";
import type { OutboundStream } from "./dial-http/http-client.ts";
import { executeCall } from "./execute-call.ts";
import { Bench, caller, intercepted, sealingKey, until } from "./granted-call.test-support.ts";
import type { ExecutorPorts } from "./ports.ts";

function detecting(detect: string) {
	return openConfiguration({
		issuer: caller.issuer,
		connections: `kind: Connection
name: bank
protocol: http
url: http://127.0.0.1:9
allowPrivateAddresses: true
functions:
  chat: { method: POST, path: /chat, stream: true, timeout: 20s }
  chatAgain: { method: POST, path: /again, stream: true, idempotent: true, timeout: 20s }
  whole: { method: POST, path: /whole, timeout: 20s }
`,
		policyMore: `mask: [{ match: { connection: bank }, detect: ${detect} }]\n`,
	});
}
const configuration = detecting("[card, email, secret]");
const keys = new SealingKeys(new Map([["default", [sealingKey]]]));
const over: Partial<ExecutorPorts> = { configuration: { at: async () => configuration } };
const chat = { function: "chat", arguments: {}, revision: configuration.revision };

/** An answer that the test sends on. */
function answering(bench: Bench, type = "text/event-stream") {
	let left = 0;
	const leave = () => {
		left++;
		chunks.end(new DialError("aborted", "nobody reads", { sent: true, answered: { http: { status: 200 } } }));
	};
	const chunks: BodyChunks = new BodyChunks({ pause: () => undefined, resume: () => undefined, leave });
	const answer: OutboundStream = { status: 200, headers: [["content-type", type]], chunks };
	bench.dialer.streaming = () => answer;
	return { send: (text: string) => chunks.add(Buffer.from(text)), end: (error?: Error) => chunks.end(error), left: () => left };
}
const pieces = (bench: Bench) =>
	bench.of("call.streamed").map(({ data }) => ({ data, ...keys.open(data.pool, data.call, "piece", data.sealed) }));
const textOf = (bench: Bench) =>
	pieces(bench)
		.map(({ text }) => text)
		.join("");

describe("an answer in pieces", () => {
	test("is on the record piece by piece, numbered, sealed, and the ending has the digest of all", async () => {
		const bench = new Bench();
		const { send, end } = answering(bench);
		const granted = await bench.grant(chat);
		const running = executeCall(bench.executor(over), granted);
		await until(() => pieces(bench).length === 1);
		expect(pieces(bench)[0]).toMatchObject({ piece: 1, head: { status: 200, headers: [["content-type", "text/event-stream"]] }, text: "" });
		send('data: {"n":1}\n\ndata: {"n"');
		await until(() => pieces(bench).length === 2);
		expect(pieces(bench)[1]?.text).toBe('data: {"n":1}\n\n');
		send(":2}\n\n");
		end();
		await running;
		const all = pieces(bench);
		expect(all.map(({ piece, data }) => [piece, data.piece, data.chars])).toEqual(
			all.map(({ text }, nth) => [nth + 1, nth + 1, text.length]),
		);
		expect(textOf(bench)).toBe('data: {"n":1}\n\ndata: {"n":2}\n\n');
		const digest = createHash("sha256")
			.update(all.map(({ data }) => `${data.sealed}\n`).join(""))
			.digest("hex");
		expect(bench.ending(granted).data).toMatchObject({
			...{ ending: "completed", answer: { http: { status: 200 } }, streamed: { pieces: all.length, chars: textOf(bench).length, digest } },
			result: { status: 200, body: textOf(bench) },
		});
		expect(bench.ending(granted).data.sealed).toBeUndefined();
		expect(JSON.stringify(bench.of("call.streamed").map(({ data: { sealed, ...rest } }) => rest))).not.toContain('"n"');
	});

	test("is masked across its seams, in what the caller gets and in what the record shows", async () => {
		const bench = new Bench();
		const { send, end } = answering(bench);
		const granted = await bench.grant(chat);
		const running = executeCall(bench.executor(over), granted);
		for (const part of ["pay 41", "11 1111 11", "11 1111 or jane.d", "oe@customer.example"]) {
			send(`data: ${JSON.stringify({ delta: { text: part } })}\n\n`);
			await until(() => pieces(bench).length > 0);
		}
		end();
		await running;
		expect(textOf(bench)).toContain("[card …1111]");
		for (const part of ["4111", "1111 11", "jane.d", "oe@"]) {
			expect(textOf(bench)).not.toContain(part);
			expect(JSON.stringify(bench.ending(granted).data.result)).not.toContain(part);
		}
		expect(bench.ending(granted).data.findings).toEqual([
			{ detector: "card", path: "", count: 1 },
			{ detector: "email", path: "", count: 1 },
		]);
	});

	test("is masked across its seams by every detector for the record, whatever its caller may see", async () => {
		const bench = new Bench();
		const { send, end } = answering(bench);
		const lax = detecting("[secret]");
		const granted = await bench.grant({ ...chat, revision: lax.revision });
		const running = executeCall(bench.executor({ configuration: { at: async () => lax } }), granted);
		for (const part of ["pay 41", "11 1111 11", "11 1111 or jane.d", "oe@customer.example"])
			send(`data: ${JSON.stringify({ delta: { text: part } })}\n\n`);
		end();
		await running;
		expect(textOf(bench)).toContain("11 1111 11");
		const { body } = bench.ending(granted).data.result as { body: string };
		expect(body).toContain("[card …1111]");
		for (const part of ['41"', "1111 11", "jane.d", "oe@"]) expect(body).not.toContain(part);
	});

	test("of another kind, of a function that does not stream, or of an ordinary call is whole, as ever", async () => {
		const bench = new Bench();
		expect((await bench.run(chat, over)).data).toMatchObject({ ending: "completed", answer: { http: { status: 201 } } });
		expect((await bench.run({ ...chat, function: "whole" }, over)).data.sealed).toBeDefined();
		answering(bench);
		expect((await bench.run({ ...chat, since: 1 }, over)).data.sealed).toBeDefined();
		expect(bench.of("call.streamed")).toEqual([]);
	});

	test.each<[string, Error, object]>([
		[
			"the function leaves within it",
			new DialError("body_truncated", "w", { sent: true, answered: { http: { status: 200 } } }),
			{ ending: "failed", code: "function_answer_unusable" },
		],
		[
			"the function takes too long",
			new DialError("idle_timeout", "w", { sent: true, answered: { http: { status: 200 } } }),
			{ ending: "failed", code: "function_answer_unusable" },
		],
		["something nobody expected", new TypeError("what"), { ending: "failed", code: "function_answer_unusable" }],
	])("that breaks off because %s ends as failed, with what was passed on", async (_why, error, ending) => {
		const bench = new Bench();
		const { send, end } = answering(bench);
		const granted = await bench.grant(chat);
		const running = executeCall(bench.executor(over), granted);
		send("data: one\n\ndata: tw");
		await until(() => pieces(bench).length > 0);
		end(error);
		await running;
		const { data } = bench.ending(granted);
		expect(data).toMatchObject({ ...ending, streamed: { pieces: pieces(bench).length } });
		expect(textOf(bench)).not.toContain("tw");
	});

	test("that cannot be masked does not go on, and the function is let go", async () => {
		const bench = new Bench();
		const { send, left } = answering(bench);
		const granted = await bench.grant(chat);
		const running = executeCall(bench.executor(over), granted);
		for (let sent = 0; sent < 40_000; sent += 8_000) send(`data: ${JSON.stringify({ text: "QUJD".repeat(2_000) })}\n\n`);
		await running;
		expect(left()).toBe(1);
		expect(bench.ending(granted).data).toMatchObject({ ending: "failed", code: "function_answer_unusable", streamed: { pieces: 1 } });
		expect(textOf(bench)).toBe("");
	});

	test("that masking makes larger than may be held whole does not go on", async () => {
		const bench = new Bench();
		const { send, left } = answering(bench);
		const granted = await bench.grant(chat);
		const running = executeCall(bench.executor(over), granted);
		// A card's code becomes a mark that is four times as long, and the record is written anew with it.
		const record = `data: ${JSON.stringify(Array.from({ length: 8_000 }, () => ({ cvc: "123" })))}\n\n`;
		for (let sent = 0; sent < 60; sent++) send(record);
		await running;
		expect(left()).toBe(1);
		expect(bench.ending(granted).data).toMatchObject({ ending: "failed", detail: expect.stringContaining("masked it has more than") });
		expect(textOf(bench).length).toBeLessThanOrEqual(8 * 1_048_576);
	});

	test("a piece that could not be stored is stored when the stream is back, once", async () => {
		const bench = new Bench();
		const { send, end } = answering(bench);
		let refused = 0;
		const bus = intercepted(createMemoryBus(bench.stream, "executor"), async (event, write) => {
			if (event.type !== "call.streamed" || refused >= 2) return await write();
			refused++;
			// The second time it is stored, and nobody hears of it.
			if (refused === 2) await write();
			throw new EventsUnavailable("away");
		});
		const granted = await bench.grant(chat);
		const running = executeCall(bench.executor({ ...over, bus }), granted);
		send("data: one\n\n");
		end();
		await running;
		expect(refused).toBe(2);
		expect(textOf(bench)).toBe("data: one\n\n");
		expect(bench.ending(granted).data).toMatchObject({ ending: "completed", streamed: { pieces: pieces(bench).length } });
	});

	test.each(["chat", "chatAgain"])(
		"whose executor died is not asked for again: %s ends as unknown, after what was passed on",
		async (name) => {
			const bench = new Bench();
			const { send } = answering(bench);
			const granted = await bench.grant({ ...chat, function: name });
			void executeCall(bench.executor({ ...over, name: "dies" }), granted);
			send('data: {"n":1}\n\n');
			await until(() => textOf(bench) !== "");
			const other = bench.executor(over);
			await expect(executeCall(other, granted)).rejects.toThrow(NotYet);
			bench.elapsedMs += 60_000;
			await executeCall(other, granted);
			expect(bench.dialer.requests).toHaveLength(1);
			expect(bench.ending(granted).data).toMatchObject({ ending: "unknown", code: "outcome_unknown" });
		},
	);

	test("that another took over is passed on no further, and the function is let go", async () => {
		const bench = new Bench();
		const { send, left } = answering(bench);
		const granted = await bench.grant(chat);
		const running = executeCall(bench.executor({ ...over, name: "slow" }), granted);
		send('data: {"n":1}\n\n');
		await until(() => textOf(bench) !== "");
		const other = bench.executor(over);
		await expect(executeCall(other, granted)).rejects.toThrow(NotYet);
		bench.elapsedMs += 60_000;
		await executeCall(other, granted);
		send('data: {"n":2}\n\n');
		await running;
		expect(left()).toBe(1);
		expect(textOf(bench)).toBe('data: {"n":1}\n\n');
		expect(bench.ending(granted).data.ending).toBe("unknown");
	});
});
