// Tasks of MCP: a held call holds no socket. The official client of tasks, unmodified, and what the extension demands beside what it asks.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { patience } from "../../test/support/patience.ts";
import { as, Backstage, type Replica, transfer } from "./ingress.test-support.ts";
import { taskSession } from "./mcp-client.test-support.ts";

const cleanup: (() => Promise<unknown>)[] = [];
let stage: Backstage;
let one: Replica;
beforeEach(async () => {
	stage = new Backstage();
	one = await stage.replica();
});
afterEach(async () => {
	for (const undo of cleanup.splice(0).reverse()) await undo();
	await stage.close();
});

const extension = "io.modelcontextprotocol/tasks";
const framing = {
	protocolVersion: "2026-07-28",
	clientInfo: { name: "test", version: "1" },
	clientCapabilities: { extensions: { [extension]: {} } },
};
const call = { name: "createTransfer", arguments: transfer };

interface Options {
	readonly who?: string;
	readonly capabilities?: object;
	readonly headers?: Record<string, string>;
	readonly replica?: Replica;
	readonly url?: string;
}

function ask(method: string, params: Record<string, unknown>, options: Options = {}) {
	const { who = "robin", capabilities = framing.clientCapabilities, headers = {}, replica = one, url = "/mcp/bank" } = options;
	const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": capabilities };
	const name = params.name ?? params.taskId;
	const mirrored = { "mcp-protocol-version": "2026-07-28", "mcp-method": method, ...(name !== undefined && { "mcp-name": String(name) }) };
	const payload = JSON.stringify({ jsonrpc: "2.0", id: 7, method, params: { ...params, _meta } });
	return replica.http.inject({
		method: "POST",
		url,
		headers: { ...as(who), "content-type": "application/json", ...mirrored, ...headers },
		payload,
	});
}

function askOlder(method: string, params: Record<string, unknown>) {
	const headers = { ...as("robin"), "content-type": "application/json", "mcp-protocol-version": "2025-11-25" };
	return one.http.inject({ method: "POST", url: "/mcp/bank", headers, payload: JSON.stringify({ jsonrpc: "2.0", id: 7, method, params }) });
}

async function heldTask() {
	const creating = ask("tools/call", call);
	const received = await stage.received();
	await stage.ask(received, { expiresAt: new Date(Date.now() + 600_000).toISOString() });
	const { result } = (await creating).json();
	return { received, result, taskId: result.taskId as string };
}

describe("in 2026-07-28 a call that is held", () => {
	test("is a task at once, which is the call: for whom it waits, then its answer with every digit, at any replica", async () => {
		const { received, result, taskId } = await heldTask();
		expect(result).toMatchObject({
			resultType: "task",
			taskId: received.data.call,
			status: "working",
			ttlMs: 86_400_000,
			pollIntervalMs: 5_000,
		});
		expect(result.statusMessage).toMatch(/^The call waits for people to approve it: 0 of 1 of finance, until /);
		expect(Object.keys(result)).not.toContain("task");
		// Another process, which heard nothing of it.
		const replica = await stage.replica();
		const working = (await ask("tasks/get", { taskId }, { replica })).json().result;
		expect(working).toMatchObject({ resultType: "complete", taskId, status: "working", createdAt: result.createdAt });
		expect(working).not.toHaveProperty("result");
		await stage.approvalSays(received, "approve");
		await stage.complete(received, { body: { text: '{"id": 12345678901234567890.10}' } });
		const done = await vi.waitFor(async () => {
			const reply = await ask("tasks/get", { taskId }, { replica });
			expect(reply.json().result.status).toBe("completed");
			return reply;
		}, patience);
		expect(done.body).toContain('"structuredContent":{"id": 12345678901234567890.10}');
		expect(done.json().result).toMatchObject({ resultType: "complete", result: { isError: false, _meta: { "callgate/call": taskId } } });
		expect(stage.of("call.received")).toHaveLength(1);
	});

	test("and denied or rejected has completed with an error of the tool", async () => {
		const { received, taskId } = await heldTask();
		await stage.deny(received);
		const { result } = (await ask("tasks/get", { taskId })).json();
		expect(result).toMatchObject({ status: "completed", result: { isError: true } });
		expect(JSON.parse(result.result.content[0].text)).toMatchObject({ code: "denied", call: taskId });
	});

	test("is cancelled by its caller, as often as it likes", async () => {
		const { received, taskId } = await heldTask();
		const cancelling = ask("tasks/cancel", { taskId });
		await vi.waitFor(() => expect(stage.of("call.withdrawn")).toHaveLength(1), patience);
		await stage.approvalSays(received, "cancelled");
		const acknowledged = (await cancelling).json().result;
		expect(acknowledged).toMatchObject({ resultType: "complete" });
		expect(Object.keys(acknowledged).sort()).toEqual(["_meta", "resultType"]);
		expect((await ask("tasks/get", { taskId })).json().result).toMatchObject({ status: "cancelled" });
		expect((await ask("tasks/cancel", { taskId })).json().result).toEqual(acknowledged);
	});

	test("is nobody else's, and not one of another connection", async () => {
		const { taskId } = await heldTask();
		const lost: [string, Options][] = [
			[taskId, { who: "mallory" }],
			["019e0000-0000-7000-8000-000000000000", {}],
			["made up", {}],
		];
		for (const [id, options] of lost) {
			for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) {
				const { error } = (await ask(method, { taskId: id, inputResponses: {} }, options)).json();
				expect({ method, code: error.code }).toEqual({ method, code: -32_602 });
			}
		}
		expect((await ask("tasks/get", { taskId }, { url: "/mcp" })).json().result).toMatchObject({ taskId });
		expect(stage.of("call.withdrawn")).toEqual([]);
	});

	test("asks nothing of its client: answers to questions that nobody asked are taken and change nothing", async () => {
		const { taskId } = await heldTask();
		const update = await ask("tasks/update", { taskId, inputResponses: { name: { action: "accept" } } });
		expect(update.json().result).toMatchObject({ resultType: "complete" });
		expect((await ask("tasks/get", { taskId })).json().result).toMatchObject({ status: "working" });
	});
});

describe("in 2026-07-28", () => {
	test("what is answered soon is answered, and equal calls of one who has tasks are several", async () => {
		const calling = [ask("tools/call", call), ask("tools/call", call)];
		await stage.complete(await stage.received(0));
		await stage.complete(await stage.received(1));
		for (const reply of await Promise.all(calling)) expect(reply.json().result).toMatchObject({ resultType: "complete", isError: false });
	});

	test("there are no tasks for a client that does not say it takes them", async () => {
		for (const method of ["tasks/get", "tasks/update", "tasks/cancel"]) {
			const reply = await ask(method, { taskId: "any" }, { capabilities: {} });
			expect({ status: reply.statusCode, error: reply.json().error }).toMatchObject({
				status: 400,
				error: { code: -32_021, data: { requiredCapabilities: { extensions: { [extension]: {} } } } },
			});
		}
		for (const method of ["tasks/result", "tasks/list"]) expect((await ask(method, {})).json().error.code).toBe(-32_601);
		expect((await ask("server/discover", {})).json().result.capabilities).toEqual({
			tools: { listChanged: true },
			extensions: { [extension]: {} },
		});
	});

	test("the header of a task's request must name it", async () => {
		const reply = await ask("tasks/get", { taskId: "one" }, { headers: { "mcp-name": "another" } });
		expect({ status: reply.statusCode, code: reply.json().error.code }).toEqual({ status: 400, code: -32_020 });
	});
});

describe("in 2025-11-25", () => {
	test("a client that asks for a task gets one, and its result when that is there", async () => {
		const asking = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "c", version: "1" } };
		expect((await askOlder("initialize", asking)).json().result.capabilities.tasks).toEqual({
			cancel: {},
			requests: { tools: { call: {} } },
		});
		const { task } = (await askOlder("tools/call", { ...call, task: { ttl: 60_000 } })).json().result;
		const received = await stage.received();
		expect(task).toMatchObject({ taskId: received.data.call, status: "working", ttl: 86_400_000, pollInterval: expect.any(Number) });
		const { taskId } = task;
		expect((await askOlder("tasks/get", { taskId })).json().result).toMatchObject({ taskId, status: "working" });
		const waiting = askOlder("tasks/result", { taskId });
		await vi.waitFor(() => expect(one.pending.size()).toBe(1), patience);
		await stage.complete(received);
		expect((await waiting).json().result).toMatchObject({
			structuredContent: { id: "t1" },
			_meta: { "io.modelcontextprotocol/related-task": { taskId } },
		});
		expect((await askOlder("tasks/get", { taskId })).json().result).toMatchObject({ status: "completed" });
		expect((await askOlder("tasks/cancel", { taskId })).json().error).toMatchObject({ code: -32_602 });
	});
	test("a task whose call was denied has failed", async () => {
		const { task } = (await askOlder("tools/call", { ...call, task: {} })).json().result;
		await stage.deny(await stage.received());
		expect((await askOlder("tasks/get", { taskId: task.taskId })).json().result).toMatchObject({ status: "failed" });
		expect((await askOlder("tasks/result", { taskId: task.taskId })).json().result).toMatchObject({ isError: true });
	});
});

describe("the official client of tasks", () => {
	test.each(["legacy", { pin: "2026-07-28" }] as const)("of %j waits for people by asking, and gets the answer", async (mode) => {
		const session = await taskSession(`${await one.http.listen({ host: "127.0.0.1", port: 0 })}/mcp/bank`, { mode });
		cleanup.push(session.close);
		const executing = session.tasks.callTool(call.name, call.arguments, { task: { preference: mode === "legacy" ? "require" : "allow" } });
		const received = await stage.received();
		await stage.ask(received);
		const execution = await executing;
		expect(execution.kind).toBe("task");
		await stage.complete(received);
		const { outcome } = await execution.settle();
		expect(outcome).toMatchObject({ status: "completed", result: { structuredContent: { id: "t1" } } });
	});
});

describe("a client that leaves before it was answered", () => {
	async function leave(version: string, body: object, headers: Record<string, string>) {
		const origin = await one.http.listen({ host: "127.0.0.1", port: 0 });
		const leaving = new AbortController();
		const sent = fetch(`${origin}/mcp/bank`, {
			method: "POST",
			headers: { ...as("robin"), "content-type": "application/json", "mcp-protocol-version": version, ...headers },
			body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { ...call, ...body } }),
			signal: leaving.signal,
		}).catch(() => undefined);
		const received = await stage.received();
		await stage.ask(received);
		leaving.abort();
		await sent;
		await vi.waitFor(() => expect(one.pending.size()).toBe(0), patience);
		return received.data.call;
	}

	test("cancels its call in 2026-07-28, which says so", async () => {
		const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };
		const left = leave("2026-07-28", { _meta }, { "mcp-method": "tools/call", "mcp-name": call.name });
		await vi.waitFor(() => expect(stage.of("call.withdrawn")).toHaveLength(1), patience);
		await stage.approvalSays(await stage.received(), "cancelled");
		expect(stage.of("call.withdrawn")[0]?.data.call).toBe(await left);
	});
	test("cancels nothing in 2025-11-25", async () => {
		const left = await leave("2025-11-25", {}, {});
		// Whoever left is counted until its request is over; what it would have said, it has said by then.
		await vi.waitFor(() => expect(one.ports.intake.bytes()).toBe(0), patience);
		expect((await one.ports.bus.store("calls").get(`call.${left}`))?.value).toContain("createTransfer");
		expect(stage.of("call.withdrawn")).toEqual([]);
	});
});
