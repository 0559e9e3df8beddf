// A task that asks its client: what is asked is there until it is answered, each answer counts once, and the call that has them is decided anew.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createMemoryBus } from "#libs/bus/bus-memory.ts";
import { patience } from "../../test/support/patience.ts";
import { Backstage, inForce, openTo } from "./ingress.test-support.ts";
import { answers, asks, listen as listenTo, type PostOptions, post, question, taskSession, tasks, yes } from "./mcp-client.test-support.ts";
import type { IngressPorts } from "./ports.ts";

const pinned = {
	protocolVersion: "2026-07-28",
	tools: ["confirm", "plain"].map((name) => ({ name, inputSchema: { type: "object", properties: { id: { type: "string" } } } })),
};
const connection = `kind: Connection
name: tools
protocol: mcp
url: https://tools.example/mcp
mcp: tools.json
functions: { confirm: { asks: [elicitation] } }
`;
const configuration = openTo(connection, { "tools.json": JSON.stringify(pinned) });

const cleanup: (() => Promise<unknown>)[] = [];
let stage: Backstage;
let origin: string;
async function replicaAt(over: Partial<IngressPorts> = {}): Promise<string> {
	const { http } = await stage.replica({ configuration: inForce(configuration), ...over });
	return await http.listen({ host: "127.0.0.1", port: 0 });
}
beforeEach(async () => {
	stage = new Backstage();
	cleanup.push(() => stage.close());
	origin = await replicaAt();
});
afterEach(async () => {
	for (const undo of cleanup.splice(0).reverse()) await undo();
});

const capabilities = { ...tasks, elicitation: {} };

interface Reply {
	readonly result: Record<string, unknown> & {
		readonly status: string;
		readonly taskId: string;
		readonly inputRequests: Record<string, unknown>;
	};
	readonly error: { readonly code: number };
}

async function ask(method: string, params: Record<string, unknown>, options: PostOptions = {}, at = origin): Promise<Reply> {
	return (await (await post(at, method, params, { capabilities, ...options })).json()) as Reply;
}

/** A call that is held until its caller has its task. */
async function heldTask() {
	const creating = ask("tools/call", { name: "confirm", arguments: { id: "a" } });
	const received = await stage.received();
	await stage.ask(received, { expiresAt: new Date(Date.now() + 600_000).toISOString() });
	const { result } = await creating;
	expect(result.resultType).toBe("task");
	return { received, taskId: result.taskId };
}

async function askingTask(keys: readonly string[]) {
	const { received, taskId } = await heldTask();
	await asks(stage, received, keys);
	const { result } = await ask("tasks/get", { taskId });
	expect(result).toMatchObject({ taskId, status: "input_required" });
	return { received, taskId, keys: Object.keys(result.inputRequests) };
}

/** On one stream, until the test is over. */
async function listen(...terms: Parameters<typeof listenTo>) {
	const listening = await listenTo(...terms);
	cleanup.push(listening.leave);
	return listening;
}

const answered = (...keys: string[]) => ({ inputResponses: Object.fromEntries(keys.map((key) => [key, yes])) });

test("it is told what is asked, answers it, and the next call has the first one's arguments and the answers, and the task its answer", async () => {
	const { received, taskId, keys } = await askingTask(["sure"]);
	const { result: asking } = await ask("tasks/get", { taskId });
	expect(Object.values(asking.inputRequests)).toEqual([question]);
	expect(JSON.stringify(asking)).not.toContain("the server's");
	expect((await ask("tasks/update", { taskId, ...answered(...keys) })).result).toEqual({
		resultType: "complete",
		_meta: expect.anything(),
	});
	const second = await stage.received(1);
	expect(second.data.arguments).toMatchObject({ id: "a", inputResponses: { sure: yes }, requestState: expect.any(String) });
	expect(second.data.digest).not.toBe(received.data.digest);
	// Decided anew: it waits for people as the first one did, at any replica.
	await stage.ask(second, { expiresAt: new Date(Date.now() + 600_000).toISOString() });
	const { result: working } = await ask("tasks/get", { taskId }, {}, await replicaAt());
	expect(working).toMatchObject({ taskId, status: "working", statusMessage: expect.stringContaining("finance") });
	await answers(stage, second);
	const { result } = await ask("tasks/get", { taskId });
	expect(result).toMatchObject({ taskId, status: "completed", createdAt: asking.createdAt, result: { content: [{ text: "done" }] } });
});

test("the official client of tasks is asked, answers, and has the answer to its call", async () => {
	const session = await taskSession(`${origin}/mcp/tools`, { mode: { pin: "2026-07-28" }, answer: yes });
	cleanup.push(session.close);
	const executing = session.tasks.callTool("confirm", { id: "a" }, { task: { preference: "allow" } });
	const received = await stage.received();
	await stage.ask(received);
	const execution = await executing;
	expect(execution.kind).toBe("task");
	await asks(stage, received);
	const second = await stage.received(1);
	expect(second.data.arguments).toMatchObject({ id: "a", inputResponses: { sure: yes } });
	await answers(stage, second);
	expect((await execution.settle()).outcome).toMatchObject({ status: "completed", result: { content: [{ text: "done" }] } });
});

test("and may ask again, under keys that were not there before", async () => {
	const { taskId, keys } = await askingTask(["sure"]);
	await ask("tasks/update", { taskId, ...answered(...keys) });
	const second = await stage.received(1);
	await asks(stage, second, ["sure"]);
	const again = Object.keys((await ask("tasks/get", { taskId })).result.inputRequests);
	expect(again).toHaveLength(1);
	expect(again).not.toEqual(keys);
	// The answer of before is none to this.
	await ask("tasks/update", { taskId, ...answered(...keys) });
	expect((await ask("tasks/get", { taskId })).result.status).toBe("input_required");
	await ask("tasks/update", { taskId, ...answered(...again) });
	await stage.deny(await stage.received(2));
	const { result } = await ask("tasks/get", { taskId });
	expect(result).toMatchObject({ status: "completed", result: { isError: true } });
});

test("takes answers one by one, at any replica, and goes on with the last of them", async () => {
	const { taskId, keys } = await askingTask(["one", "two"]);
	const [first = "", second = ""] = keys;
	await ask("tasks/update", { taskId, ...answered(first, "of nobody") });
	const { result } = await ask("tasks/get", { taskId }, {}, await replicaAt());
	expect([result.status, Object.keys(result.inputRequests)]).toEqual(["input_required", [second]]);
	expect(stage.of("call.received")).toHaveLength(1);
	// What was answered is not answered otherwise.
	await ask("tasks/update", { taskId, inputResponses: { [first]: { action: "decline" }, [second]: yes } }, {}, await replicaAt());
	expect((await stage.received(1)).data.arguments).toMatchObject({ inputResponses: { one: yes, two: yes } });
});

test("equal answers at two replicas are one call, also when the first of them sleeps as it makes it", async () => {
	const { taskId, keys } = await askingTask(["sure"]);
	const memory = createMemoryBus(stage.stream, "ingress");
	const woken = Promise.withResolvers<void>();
	cleanup.push(async () => woken.resolve());
	const asleep = await replicaAt({ bus: { ...memory, publish: async (event) => woken.promise.then(() => memory.publish(event)) } });
	const first = ask("tasks/update", { taskId, ...answered(...keys) }, {}, asleep);
	await expect.poll(() => [...(stage.stream.stores.get("calls")?.keys() ?? [])].join(), patience).toMatch(/key\./);
	const later = await replicaAt({ clock: { now: () => new Date(Date.now() + 6_000) } });
	expect((await ask("tasks/update", { taskId, ...answered(...keys) }, {}, later)).result.resultType).toBe("complete");
	woken.resolve();
	expect((await first).result.resultType).toBe("complete");
	expect(new Set(stage.of("call.received").map(({ data }) => data.call)).size).toBe(2);
});

test("answers whose call could not be stored are not lost, and are one call", async () => {
	const { taskId, keys } = await askingTask(["sure"]);
	const memory = createMemoryBus(stage.stream, "ingress");
	const lost = new Error("lost");
	const broken = await replicaAt({ bus: { ...memory, publish: () => Promise.reject(lost) } });
	expect((await post(broken, "tasks/update", { taskId, ...answered(...keys) }, { capabilities })).status).toBe(500);
	expect((await ask("tasks/get", { taskId })).result.status).toBe("working");
	await ask("tasks/update", { taskId, ...answered(...keys) });
	expect(stage.of("call.received")).toHaveLength(2);
});

test("a function that asks nothing, and wants to be called again, is called again", async () => {
	const { received, taskId } = await heldTask();
	await asks(stage, received, []);
	expect((await ask("tasks/get", { taskId })).result.status).toBe("working");
	await answers(stage, await stage.received(1));
	expect((await ask("tasks/get", { taskId })).result).toMatchObject({ status: "completed", result: { content: [{ text: "done" }] } });
});

test("a client that listens is told that it asks, and what became of it", async () => {
	const { http } = await stage.replica({ configuration: inForce(configuration) }, { subscriptions: { beatMs: 20 } });
	const { received, taskId } = await heldTask();
	const { messages } = await listen(await http.listen({ host: "127.0.0.1", port: 0 }), { taskIds: [taskId] }, { capabilities });
	await asks(stage, received);
	const told = () => messages.slice(1).map(({ params }) => params.status);
	await expect.poll(told, patience).toEqual(["input_required"]);
	await ask("tasks/update", { taskId, ...answered(...Object.keys(messages[1]?.params.inputRequests as object)) });
	await answers(stage, await stage.received(1));
	await expect.poll(told, patience).toEqual(["input_required", "completed"]);
});

test("one who cannot be asked is told that its task waits for somebody who can", async () => {
	const { taskId } = await askingTask(["sure"]);
	const { result } = await ask("tasks/get", { taskId }, { capabilities: tasks });
	expect(result).toMatchObject({
		status: "working",
		statusMessage: expect.stringContaining("only a client that declares so"),
	});
	expect(result).not.toHaveProperty("inputRequests");
});

test("what is no answer to its question is refused, and asked still", async () => {
	const { taskId, keys } = await askingTask(["sure"]);
	for (const inputResponses of [{ [String(keys[0])]: { roots: [] } }, [1], undefined]) {
		expect((await ask("tasks/update", { taskId, inputResponses })).error.code).toBe(-32_602);
	}
	expect((await ask("tasks/update", { taskId, ...answered(...keys) }, { who: "mallory" })).error.code).toBe(-32_602);
	expect(Object.keys((await ask("tasks/get", { taskId })).result.inputRequests)).toEqual(keys);
	expect(stage.of("call.received")).toHaveLength(1);
});

test("is cancelled where its client answers nothing any more", async () => {
	const { taskId, keys } = await askingTask(["sure"]);
	await ask("tasks/cancel", { taskId });
	expect((await ask("tasks/get", { taskId })).result.status).toBe("cancelled");
	await ask("tasks/update", { taskId, ...answered(...keys) });
	expect((await ask("tasks/get", { taskId })).result.status).toBe("cancelled");
	expect(stage.of("call.received")).toHaveLength(1);
});

test("what is asked before there is a task is asked of whoever called", async () => {
	const calling = ask("tools/call", { name: "confirm", arguments: { id: "a" } });
	await asks(stage, await stage.received());
	expect((await calling).result).toMatchObject({ resultType: "input_required", requestState: expect.any(String) });
});

test("arguments are kept sealed, and only of what may ask", async () => {
	await askingTask(["sure"]);
	const plain = ask("tools/call", { name: "plain", arguments: { id: "b" } });
	await plain;
	const kept = [...(stage.stream.stores.get("calls") ?? [])].filter(([key]) => key.startsWith("task."));
	expect(kept).toHaveLength(1);
	expect(JSON.stringify(kept)).not.toContain('"id"');
	await vi.waitFor(() => expect(stage.of("call.received")).toHaveLength(2), patience);
});
