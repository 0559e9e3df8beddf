// What a function says while it works on a call: masked, on the record before its caller has it, bounded, and the answer is as if nothing had been said.
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { EventsUnavailable } from "#libs/bus/bus.ts";
import { createMemoryBus } from "#libs/bus/bus-memory.ts";
import { SealingKeys } from "#libs/contracts/sealed.ts";
import { openConfiguration } from "../../test/support/open-configuration.ts";
import { DialError } from "./dial-error.ts";
import { executeCall } from "./execute-call.ts";
import { Bench, caller, intercepted, sealingKey, until } from "./granted-call.test-support.ts";
import type { Dialer, ExecutorPorts, FunctionAnswer, Notice } from "./ports.ts";

const configuration = openConfiguration({
	issuer: caller.issuer,
	connections: `kind: Connection
name: bank
protocol: mcp
url: https://bank.example/mcp
mcp: bank.json
functions: { work: { stream: true, timeout: 20s } }
`,
	policyMore: "mask: [{ match: { connection: bank }, detect: [card, email, secret] }]\n",
	files: {
		"bank.json": JSON.stringify({ protocolVersion: "2026-07-28", tools: ["work", "plain"].map((name) => ({ name, inputSchema: {} })) }),
	},
});
const keys = new SealingKeys(new Map([["default", [sealingKey]]]));
const work = { function: "work", arguments: {}, revision: configuration.revision };
const done: FunctionAnswer = { protocol: "mcp", isError: false, body: Buffer.from('{"content":[{"type":"text","text":"done"}]}') };
const progress = (progress: number, message?: string): Notice => ({
	method: "notifications/progress",
	params: { progress, ...(message !== undefined && { message }) },
});

/** A function that says what the test says it says. */
function saying(answer: (noticed: (notice: Notice) => void) => Promise<FunctionAnswer>): Partial<ExecutorPorts> {
	const dial = async (beforeFirstByte: () => void, noticed: (notice: Notice) => void = () => undefined) => {
		beforeFirstByte();
		return await answer(noticed);
	};
	const dialer: Dialer = { prepare: () => ({ dial: (first) => dial(first), dialWithNotices: dial }), close: async () => undefined };
	return { configuration: { at: async () => configuration }, dialer };
}
const lines = (bench: Bench) =>
	bench.of("call.streamed").flatMap(({ data }) => {
		const { text } = keys.open(data.pool, data.call, "piece", data.sealed);
		expect(text.endsWith("\n")).toBe(true);
		return text
			.split("\n")
			.slice(0, -1)
			.map((line) => JSON.parse(line) as Notice);
	});

describe("notices of a function that streams", () => {
	test("are on the record, masked, before the answer, which stands in the ending as ever", async () => {
		const bench = new Bench();
		const granted = await bench.grant(work);
		const next = Promise.withResolvers<void>();
		const running = executeCall(
			bench.executor(
				saying(async (noticed) => {
					noticed(progress(1, "pays with 4111 1111 1111 1111"));
					await next.promise;
					noticed({ method: "notifications/message", params: { level: "info", data: { to: "jane.doe@customer.example" } } });
					return done;
				}),
			),
			granted,
		);
		await until(() => lines(bench).length === 1);
		expect(lines(bench)).toEqual([progress(1, "pays with [card …1111]")]);
		next.resolve();
		await running;
		expect(lines(bench)).toHaveLength(2);
		expect(JSON.stringify(lines(bench))).not.toContain("jane.doe@");
		const pieces = bench.of("call.streamed");
		const digest = createHash("sha256")
			.update(pieces.map(({ data }) => `${data.sealed}\n`).join(""))
			.digest("hex");
		const ended = bench.ending(granted);
		expect(ended.data).toMatchObject({ ending: "completed", streamed: { pieces: pieces.length, digest } });
		expect(ended.data.findings).toEqual(expect.arrayContaining([{ detector: "card", path: "/notices", count: 1 }]));
		expect(bench.result(ended)).toMatchObject({ protocol: "mcp", body: { text: expect.stringContaining("done") } });
		const open = JSON.stringify(pieces.map(({ data: { sealed, ...rest } }) => rest));
		expect(open).not.toContain("1111");
	});

	test("without any, the ending is that of any call", async () => {
		const bench = new Bench();
		const granted = await bench.grant(work);
		await executeCall(bench.executor(saying(async () => done)), granted);
		expect(bench.of("call.streamed")).toEqual([]);
		expect(bench.ending(granted).data).not.toHaveProperty("streamed");
	});

	test("of a function that does not stream, and of a call whose words stand in the ledger, are not asked for", async () => {
		for (const options of [
			{ ...work, function: "plain" },
			{ ...work, since: 0 },
		]) {
			const bench = new Bench();
			const granted = await bench.grant(options);
			await executeCall(
				bench.executor(
					saying(async (noticed) => {
						noticed(progress(1));
						return done;
					}),
				),
				granted,
			);
			expect(bench.of("call.streamed")).toEqual([]);
		}
	});

	test("are bounded: a flood is cut off, and its call goes on", async () => {
		const bench = new Bench();
		const granted = await bench.grant(work);
		await executeCall(
			bench.executor(
				saying(async (noticed) => {
					for (let step = 1; step <= 5_000; step++) noticed(progress(step, "x".repeat(100)));
					return done;
				}),
			),
			granted,
		);
		const passed = lines(bench);
		expect(passed).toHaveLength(1_000);
		expect(passed.map(({ params }) => params.progress)).toEqual(passed.map((_notice, nth) => nth + 1));
		expect(bench.ending(granted).data.ending).toBe("completed");
	});

	test("before a call that breaks off are those of its ending", async () => {
		const bench = new Bench();
		const granted = await bench.grant(work);
		const broken = saying(async (noticed) => {
			noticed(progress(1));
			throw new DialError("connection_reset", "gone", { sent: true });
		});
		await executeCall(bench.executor(broken), granted);
		expect(bench.ending(granted).data).toMatchObject({ ending: "failed", code: "outcome_unknown", streamed: { pieces: 1 } });
	});

	test("while the stream is away wait for it, and so does the ending: nothing is lost", async () => {
		const bench = new Bench();
		const granted = await bench.grant(work);
		let away = 3;
		const bus = intercepted(createMemoryBus(bench.stream, "executor"), async (event, write) => {
			if (event.type === "call.streamed" && away-- > 0) throw new EventsUnavailable("away");
			return await write();
		});
		const said = saying(async (noticed) => {
			noticed(progress(1));
			return done;
		});
		await executeCall(bench.executor({ ...said, bus }), granted);
		expect(lines(bench)).toEqual([progress(1)]);
		expect(bench.ending(granted).data).toMatchObject({ ending: "completed", streamed: { pieces: 1 } });
	});

	test("of an executor that lost its call are nobody's: another's ending stands", async () => {
		const bench = new Bench();
		const granted = await bench.grant(work);
		const lost = saying(async (noticed) => {
			noticed(progress(1));
			await until(() => bench.of("call.streamed").length === 1);
			await bench.abandon(granted, 2, bench.position("call.streamed"));
			noticed(progress(2));
			return done;
		});
		await expect(executeCall(bench.executor(lost), granted)).rejects.toThrow("another executor");
		expect(lines(bench)).toEqual([progress(1)]);
		expect(bench.of("call.ended")).toEqual([]);
	});
});
