// subscriptions/listen: each caller hears of its own lists and tasks alone, by the official client and on the wire, until its token ends or this replica does.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import type { Configuration } from "#libs/configuration/configuration.ts";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { patience } from "../../test/support/patience.ts";
import { Backstage, callers, type Replica } from "./ingress.test-support.ts";
import { Subscriptions } from "./listen/mcp/subscriptions.ts";
import { answers, connected, listen as listenTo, type PostOptions, post as postTo, tasks } from "./mcp-client.test-support.ts";
import type { IngressPorts } from "./ports.ts";

interface Tool {
	readonly name: string;
	readonly description?: string;
}

/** A folder of one MCP server, of which `plans` alone is for the board. */
function folder(server: {
	readonly tools?: readonly Tool[];
	readonly prompts?: readonly object[];
	readonly resources?: readonly object[];
}) {
	const { tools = [{ name: "pay" }, { name: "plans" }], prompts = [{ name: "review" }], resources = [{ uri: "docs://a" }] } = server;
	const names = tools.map(({ name }) => name);
	const open = [
		...names.filter((name) => name !== "plans"),
		...(prompts.length > 0 ? ["prompts/get"] : []),
		...(resources.length > 0 ? ["resources/read"] : []),
	];
	const board = "  - { name: board, match: { connection: tools, function: plans, groups: [board] }, effect: allow }\n";
	const pinned = {
		...{ protocolVersion: "2026-07-28", prompts, resources },
		tools: tools.map((tool) => ({ inputSchema: { type: "object", properties: { to: { type: "string" } } }, ...tool })),
	};
	const compiled = compileConfiguration({
		"tools.json": JSON.stringify(pinned),
		"all.yaml": `kind: Issuer
name: corporate
issuer: https://idp.example
audience: callgate
algorithms: [RS256]
---
kind: Connection
name: tools
protocol: mcp
url: https://tools.example/mcp
mcp: tools.json
---
kind: Policy
name: all
rules:
${names.includes("plans") ? board : ""}  - { name: all, match: { connection: tools, function: [${open}] }, effect: allow }
`,
	});
	if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
	return compiled.configuration;
}

const first = folder({});
const secretly = folder({ tools: [{ name: "pay" }, { name: "plans", description: "Whom we let go" }] });

let activate: (configuration: Configuration) => void;
let tokensEnded: Set<string>;
const cleanup: (() => Promise<unknown>)[] = [];
let stage: Backstage;
let replica: Replica;
let origin: string;

async function replicaWith(subscriptions: Parameters<Backstage["replica"]>[1] = {}, over: Partial<IngressPorts> = {}): Promise<Replica> {
	let current = first;
	const told = new Set<(configuration: Configuration) => void>();
	const configuration: IngressPorts["configuration"] = {
		current: () => current,
		at: async () => current,
		onActivated: (listener) => {
			told.add(listener);
			return () => void told.delete(listener);
		},
	};
	activate = (next) => {
		current = next;
		for (const listener of told) listener(next);
	};
	const authenticate = async ([header = ""]: readonly string[]) => {
		const name = header.replace("Bearer ", "");
		const caller = callers[name];
		if (!caller || tokensEnded.has(name)) throw new NotAuthenticated("expired", { issuer: "corporate" });
		return caller;
	};
	return await stage.replica({ configuration, authenticate, ...over }, subscriptions);
}

beforeEach(async () => {
	callers.board = { issuer: "https://idp.example", subject: "board", groups: ["board"] };
	stage = new Backstage();
	tokensEnded = new Set();
	cleanup.push(() => stage.close());
	replica = await replicaWith();
	origin = await replica.http.listen({ host: "127.0.0.1", port: 0 });
});
afterEach(async () => {
	for (const undo of cleanup.splice(0).reverse()) await undo();
});

const post = (method: string, params: Record<string, unknown>, options: PostOptions = {}) => postTo(origin, method, params, options);

/** On one stream, until the test is over. */
async function listen(notifications: object, { at = origin, ...options }: PostOptions & { readonly at?: string } = {}) {
	const listening = await listenTo(at, notifications, options);
	cleanup.push(listening.leave);
	return listening;
}

const everything = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };

describe("the official client", () => {
	test("is told that its lists changed, of each by itself, and finds them so", async () => {
		const client = await connected(`${origin}/mcp`);
		cleanup.push(() => client.close());
		const changing = { listChanged: true };
		expect(client.getServerCapabilities()).toMatchObject({ tools: changing, prompts: changing, resources: changing });
		const heard: string[] = [];
		for (const list of ["tools", "prompts", "resources"] as const)
			client.setNotificationHandler(`notifications/${list}/list_changed`, () => void heard.push(list));
		const { honoredFilter, closed } = await client.listen({ ...everything, resourceSubscriptions: ["docs://a"] });
		expect(honoredFilter).toEqual(everything);
		activate(folder({ tools: [{ name: "pay" }, { name: "more" }] }));
		await expect.poll(() => heard, patience).toEqual(["tools"]);
		expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["tools__more", "tools__pay"]);
		activate(folder({ tools: [{ name: "pay" }, { name: "more" }], prompts: [{ name: "other" }], resources: [] }));
		await expect.poll(() => heard, patience).toEqual(["tools", "prompts", "resources"]);
		await replica.http.close();
		expect(await closed).toBe("graceful");
	});
});

describe("a client that listens", () => {
	test("has it acknowledged first, and each message names the request by which it came", async () => {
		const { reply, messages, methods } = await listen({ toolsListChanged: true, promptsListChanged: false, somethingLater: true });
		expect([reply.headers.get("content-type"), reply.headers.get("cache-control")]).toEqual(["text/event-stream", "no-store"]);
		activate(folder({ tools: [], prompts: [] }));
		await expect.poll(methods, patience).toEqual(["subscriptions/acknowledged", "tools/list_changed"]);
		const _meta = { "io.modelcontextprotocol/subscriptionId": 7 };
		expect(messages).toEqual([
			{ jsonrpc: "2.0", method: "notifications/subscriptions/acknowledged", params: { _meta, notifications: { toolsListChanged: true } } },
			{ jsonrpc: "2.0", method: "notifications/tools/list_changed", params: { _meta } },
		]);
	});

	test("hears nothing of what only others may see", async () => {
		const [robin, board] = [await listen(everything), await listen(everything, { who: "board" })];
		activate(secretly);
		await expect.poll(board.methods, patience).toEqual(["subscriptions/acknowledged", "tools/list_changed"]);
		// What does concern it is told after what did not.
		activate(folder({ prompts: [] }));
		await expect.poll(robin.methods, patience).toEqual(["subscriptions/acknowledged", "prompts/list_changed"]);
	});

	test("hears what it asked for alone, and of a revision in which nothing it sees is another hears nothing", async () => {
		const { methods } = await listen({ promptsListChanged: true });
		activate(folder({ tools: [] }));
		activate(first);
		activate(folder({ prompts: [{ name: "review", description: "Reviews" }] }));
		await expect.poll(methods, patience).toEqual(["subscriptions/acknowledged", "prompts/list_changed"]);
	});

	test("for what is not there is told so, and that this is all", async () => {
		const { messages, over } = await listen({ resourceSubscriptions: ["docs://a"] });
		await over;
		expect(messages).toMatchObject([
			{ params: { notifications: {} } },
			{ id: 7, result: { resultType: "complete", _meta: { "io.modelcontextprotocol/subscriptionId": 7 } } },
		]);
	});

	test.each<[what: string, notifications: unknown, options: PostOptions, status: number, code: number]>([
		["no filter", undefined, {}, 200, -32_602],
		["a list that is neither wanted nor not", { toolsListChanged: "yes" }, {}, 200, -32_602],
		["tasks that have no names", { taskIds: [1] }, { capabilities: tasks }, 200, -32_602],
		["tasks although it takes none", { taskIds: ["any"] }, {}, 400, -32_021],
		["no events", everything, { accept: "application/json" }, 406, -32_600],
	])("and asks with %s is refused", async (_what, notifications, options, status, code) => {
		const reply = await post("subscriptions/listen", { notifications }, options);
		expect([reply.status, ((await reply.json()) as { error: { code: number } }).error.code]).toEqual([status, code]);
	});
});

describe("the tasks of a client that listens", () => {
	const call = { name: "pay", arguments: { to: "a" } };
	const takesTasks = { capabilities: tasks };

	async function begun(nth: number, who = "robin") {
		const creating = post("tools/call", call, { who, ...takesTasks });
		const received = await stage.received(nth);
		const { result } = (await (await creating).json()) as { result: { taskId: string } };
		return { received, taskId: result.taskId };
	}
	test("are told with their answers when they end, or at once, as they would be if it asked; nobody else's are", async () => {
		const [early, late, foreign] = [await begun(0), await begun(1), await begun(2, "board")];
		await answers(stage, early.received, "early");
		const asked = [early, late, foreign].map(({ taskId }) => taskId);
		const { messages, methods } = await listen({ taskIds: [...asked, "made up"] }, takesTasks);
		await expect.poll(methods, patience).toEqual(["subscriptions/acknowledged", "tasks"]);
		expect(messages[0]?.params.notifications).toEqual({ taskIds: [early.taskId, late.taskId] });
		expect(messages[1]?.params).toMatchObject({ taskId: early.taskId, status: "completed", result: { content: [{ text: "early" }] } });
		await answers(stage, foreign.received);
		await stage.deny(late.received);
		await expect.poll(methods, patience).toEqual(["subscriptions/acknowledged", "tasks", "tasks"]);
		const got = (await (await post("tasks/get", { taskId: late.taskId }, takesTasks)).json()) as { result: Record<string, unknown> };
		const { resultType: _type, _meta: _own, ...task } = got.result;
		expect(messages[2]?.params).toEqual({ ...task, _meta: { "io.modelcontextprotocol/subscriptionId": 7 } });
		expect(replica.pending.size()).toBe(0);
	});

	test("are told one after the other, as it reads: until then the next one is not even opened", async () => {
		let opened = 0;
		const aside: IngressPorts["aside"] = {
			...replica.ports.aside,
			run: (work, turn, input) => {
				opened++;
				return replica.ports.aside.run(work, turn, input);
			},
		};
		const counting = await replicaWith({}, { aside });
		const at = await counting.http.listen({ host: "127.0.0.1", port: 0 });
		const large = "x".repeat(8 * 1_048_576);
		const [one, other] = [await begun(0), await begun(1)];
		for (const { received } of [one, other]) await answers(stage, received, large);
		const reply = await postTo(at, "subscriptions/listen", { notifications: { taskIds: [one.taskId, other.taskId] } }, takesTasks);
		await vi.waitFor(() => expect(opened).toBe(1), patience);
		// Somebody who reads is told of one meanwhile.
		const { methods } = await listen({ taskIds: [one.taskId] }, { ...takesTasks, at });
		await expect.poll(methods, patience).toEqual(["subscriptions/acknowledged", "tasks"]);
		expect(opened).toBe(2);
		let chars = 0;
		for await (const chunk of reply.body ?? []) {
			chars += chunk.length;
			if (chars > 2 * large.length) break;
		}
		expect(opened).toBe(3);
		await expect.poll(() => counting.ports.intake.bytes(), patience).toBeLessThan(large.length / 4);
	});

	test("are told when the record has their ending, which one copy of it may have later than another", async () => {
		let isBehind = false;
		const behind = <Read extends object>(reads: Read, hidden: keyof Read): Read =>
			new Proxy(reads, {
				get: (of, name) => {
					const value: unknown = Reflect.get(of, name);
					if (typeof value !== "function") return value;
					return (...args: unknown[]) => (name === hidden && isBehind ? Promise.resolve(undefined) : value.apply(of, args));
				},
			});
		const { bus, ended } = replica.ports;
		const late = await replicaWith({ subscriptions: { beatMs: 20 } }, { bus: behind(bus, "last"), ended: behind(ended, "find") });
		const at = await late.http.listen({ host: "127.0.0.1", port: 0 });
		const { taskId, received } = await begun(0);
		const { methods, signsOfLife } = await listen({ taskIds: [taskId] }, { ...takesTasks, at });
		await expect.poll(methods, patience).toEqual(["subscriptions/acknowledged"]);
		isBehind = true;
		await answers(stage, received);
		const before = signsOfLife();
		await expect.poll(signsOfLife, patience).toBeGreaterThan(before + 3);
		expect(methods()).toEqual(["subscriptions/acknowledged"]);
		isBehind = false;
		await expect.poll(methods, patience).toEqual(["subscriptions/acknowledged", "tasks"]);
	});

	test("are not waited for any more when it left", async () => {
		const { taskId } = await begun(0);
		const { methods, leave } = await listen({ taskIds: [taskId] }, takesTasks);
		await expect.poll(methods, patience).toHaveLength(1);
		expect(replica.pending.size()).toBe(1);
		await leave();
		await expect.poll(() => replica.pending.size(), patience).toBe(0);
	});
});

describe("a stream ends", () => {
	test("when its client's token does, and nothing is told after that", async () => {
		const { messages, methods, over } = await listen({ toolsListChanged: true });
		await expect.poll(methods, patience).toHaveLength(1);
		tokensEnded.add("robin");
		activate(folder({ tools: [] }));
		await over;
		expect(messages.slice(1)).toMatchObject([{ id: 7, result: { resultType: "complete" } }]);
		expect(stage.of("control.authentication.failed")).toEqual([]);
	});

	test("soon, also where nothing changes", async () => {
		const brief = await replicaWith({ subscriptions: { beatMs: 20 } });
		const at = await brief.http.listen({ host: "127.0.0.1", port: 0 });
		const { methods, over } = await listen({ toolsListChanged: true }, { at });
		await expect.poll(methods, patience).toHaveLength(1);
		tokensEnded.add("robin");
		await over;
		expect(methods()).toEqual(["subscriptions/acknowledged", "the answer"]);
	});

	test("with an answer when this replica stops, which does not wait for its clients", async () => {
		const { methods, over } = await listen(everything);
		await expect.poll(methods, patience).toHaveLength(1);
		await replica.http.close();
		await over;
		expect(methods()).toEqual(["subscriptions/acknowledged", "the answer"]);
	});
});

describe("streams are bounded", () => {
	test("for one caller and for all, and who leaves makes room", async () => {
		const [caller, other] = [callers.robin, callers.board];
		if (!caller || !other) throw new Error("they are not there");
		const subscriptions = new Subscriptions({ subscriptionsMax: 17 });
		const admitted = async () => true;
		const own = Array.from({ length: 16 }, () => subscriptions.begin(caller, admitted));
		expect(() => subscriptions.begin({ ...caller }, admitted)).toThrow("you listen 16 times here already");
		const another = subscriptions.begin(other, admitted);
		own.pop()?.leave();
		own.push(subscriptions.begin(caller, admitted));
		expect(() => subscriptions.begin(other, admitted)).toThrow("too many clients listen here");
		for (const one of [...own, another]) one.leave();
		subscriptions.begin(other, admitted).leave();
	});

	test("over HTTP too: one too many is told to come again", async () => {
		for (let nth = 0; nth < 8; nth++) await listen(everything, { who: nth % 2 === 0 ? "robin" : "board" });
		const refused = await post("subscriptions/listen", { notifications: everything });
		expect([refused.status, refused.headers.has("retry-after")]).toEqual([429, true]);
		await refused.body?.cancel();
	});

	test("for a client that reads slowly changes do not queue, and one that does not even take its end is left", async () => {
		const caller = callers.robin;
		if (!caller) throw new Error("robin is not there");
		const subscription = new Subscriptions({ subscriptionsMax: 1, beatMs: 5 }).begin(caller, async () => true);
		for (let nth = 0; nth < 1_000; nth++) subscription.listsMayDiffer();
		expect(await subscription.next()).toEqual({ mayListsDiffer: true, stoppedTasks: [] });
		expect(await subscription.next()).toEqual({ mayListsDiffer: false, stoppedTasks: [] });
		expect(subscription.gone.aborted).toBe(false);
		subscription.end();
		await vi.waitFor(() => expect(subscription.gone.aborted).toBe(true), patience);
		expect(await subscription.next()).toBeUndefined();
	});
});
