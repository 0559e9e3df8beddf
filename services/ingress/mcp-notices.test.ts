// Progress and log messages of a call: to who asked for them, under the client's own token, as they happen and before the answer.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { patience } from "../../test/support/patience.ts";
import { as, Backstage, inForce, openTo } from "./ingress.test-support.ts";
import { connected, messageIn, type PostOptions, post } from "./mcp-client.test-support.ts";

const pinned = { protocolVersion: "2026-07-28", tools: ["work", "plain"].map((name) => ({ name, inputSchema: { type: "object" } })) };
const connection = `kind: Connection
name: tools
protocol: mcp
url: https://tools.example/mcp
mcp: tools.json
functions: { work: { stream: true } }
`;
const configuration = openTo(connection, { "tools.json": JSON.stringify(pinned) });

const cleanup: (() => Promise<unknown>)[] = [];
let stage: Backstage;
let origin: string;
beforeEach(async () => {
	stage = new Backstage();
	cleanup.push(() => stage.close());
	const { http } = await stage.replica({ configuration: inForce(configuration) });
	origin = await http.listen({ host: "127.0.0.1", port: 0 });
});
afterEach(async () => {
	for (const undo of cleanup.splice(0).reverse()) await undo();
});

const answer = { protocol: "mcp", isError: false, body: { json: { content: [{ type: "text", text: "done" }] } } };
const progress = (params: object) => `${JSON.stringify({ method: "notifications/progress", params })}\n`;
const logged = (level: string) => `${JSON.stringify({ method: "notifications/message", params: { level, data: { note: level } } })}\n`;

/** The call runs, says this, and is answered. */
async function saysAndEnds(texts: readonly string[], from = 0): Promise<void> {
	const received = await stage.received(from);
	await stage.start(received);
	const seals = await stage.passOn(received, texts);
	await stage.endStreamed(received, seals, { answer: { mcp: { isError: false } }, sealed: stage.sealedResult(received, answer) });
}

async function work(meta: object, options: PostOptions = {}) {
	const reply = await post(origin, "tools/call", { name: "work", arguments: {} }, { meta, ...options });
	return { type: reply.headers.get("content-type"), text: await reply.text() };
}
interface LegacyOptions {
	readonly who?: string;
	readonly session?: string | undefined;
	readonly at?: string;
}
const eventsIn = (text: string) =>
	text
		.split("\n\n")
		.filter((event) => event !== "")
		.map(messageIn);

describe.each([
	["2026-07-28", { pin: "2026-07-28" }],
	["2025-11-25", "legacy"],
] as const)("the official client of %s", (_revision, mode) => {
	test("hears of progress while its call runs, and then has its answer", async () => {
		const client = await connected(`${origin}/mcp/tools`, { versionNegotiation: { mode } });
		cleanup.push(() => client.close());
		const heard: unknown[] = [];
		const calling = client.callTool({ name: "work", arguments: {} }, { onprogress: (said) => void heard.push(said) });
		const received = await stage.received();
		await stage.start(received);
		const first = await stage.passOn(received, [progress({ progress: 1, total: 2, message: "half" })]);
		await expect.poll(() => heard, patience).toEqual([{ progress: 1, total: 2, message: "half" }]);
		const second = await stage.passOn(received, [progress({ progress: 2, total: 2 })], "text/event-stream", 2);
		const sealed = stage.sealedResult(received, answer);
		await stage.endStreamed(received, [...first, ...second], { answer: { mcp: { isError: false } }, sealed });
		expect(await calling).toMatchObject({ content: [{ type: "text", text: "done" }] });
		expect(heard).toHaveLength(2);
	});
});

test("the client's token stands in what it hears, and log messages come from its level on", async () => {
	const texts = [progress({ progress: 1, progressToken: "the server's" }), `${logged("info")}${logged("error")}`];
	const [replied] = await Promise.all([work({ progressToken: 7, "io.modelcontextprotocol/logLevel": "warning" }), saysAndEnds(texts)]);
	expect(replied.type).toMatch(/^text\/event-stream/);
	const [first, second, last, ...more] = eventsIn(replied.text);
	expect(first).toMatchObject({ method: "notifications/progress", params: { progressToken: 7, progress: 1 } });
	expect(second).toEqual({ jsonrpc: "2.0", method: "notifications/message", params: { level: "error", data: { note: "error" } } });
	expect(last).toMatchObject({ id: 7, result: { resultType: "complete", content: [{ text: "done" }] } });
	expect(more).toEqual([]);
	expect(JSON.stringify(stage.of("call.received"))).not.toContain("progressToken");
});

describe("before 2026-07-28 the level is a session's", () => {
	const levelled = async (session: string | undefined, level: unknown = "warning") =>
		await legacy("logging/setLevel", { level }, { session });
	const messagesOf = async (who: string, session: string | undefined, at = origin) => {
		const nth = stage.of("call.received").length;
		const [{ text }] = await Promise.all([
			legacy("tools/call", { name: "work", arguments: { nth } }, { who, session, at }),
			saysAndEnds([`${logged("info")}${logged("error")}`], nth),
		]);
		return text.startsWith("event") ? eventsIn(text).flatMap(({ params }) => (params ? [params.level] : [])) : [];
	};

	/** As a client of 2025-11-25 that speaks no more than HTTP. */
	async function legacy(method: string, params: object, { who = "robin", session, at = origin }: LegacyOptions = {}) {
		const headers = {
			...{ ...as(who), "content-type": "application/json", accept: "application/json, text/event-stream" },
			...{ "mcp-protocol-version": "2025-11-25", ...(session !== undefined && { "mcp-session-id": session }) },
		};
		const reply = await fetch(`${at}/mcp/tools`, {
			method: "POST",
			headers,
			body: JSON.stringify({ jsonrpc: "2.0", id: 7, method, params }),
		});
		return { session: reply.headers.get("mcp-session-id") ?? "", text: await reply.text() };
	}
	const begin = async () => await legacy("initialize", { protocolVersion: "2025-11-25", capabilities: {} });

	test("that its client sets, and then hears from it on in all its calls", async () => {
		const client = await connected(`${origin}/mcp/tools`, { versionNegotiation: { mode: "legacy" } });
		cleanup.push(() => client.close());
		expect(client.getServerCapabilities()).toMatchObject({ logging: {} });
		const heard: unknown[] = [];
		client.setNotificationHandler("notifications/message", ({ params }) => void heard.push(params.level));
		for (const [nth, level] of (["warning", "info"] as const).entries()) {
			await client.setLoggingLevel(level);
			await Promise.all([
				client.callTool({ name: "work", arguments: { nth } }),
				saysAndEnds([`${logged("debug")}${logged("info")}${logged("error")}`], nth),
			]);
		}
		await expect.poll(() => heard, patience).toEqual(["error", "info", "error"]);
	});

	test("of one client and one caller, at every replica", async () => {
		const second = await stage.replica({ configuration: inForce(configuration) });
		const other = await second.http.listen({ host: "127.0.0.1", port: 0 });
		const [mine, another] = [(await begin()).session, (await begin()).session];
		expect(mine).not.toBe(another);
		expect(JSON.parse((await levelled(mine)).text)).toEqual({ jsonrpc: "2.0", id: 7, result: {} });
		expect(await messagesOf("robin", mine, other)).toEqual(["error"]);
		expect(await messagesOf("robin", another, other)).toEqual([]);
		expect(await messagesOf("mallory", mine, other)).toEqual([]);
		expect(await messagesOf("robin", undefined)).toEqual([]);
	});

	test.each([
		["without a session", undefined, "warning", -32_600],
		["for a session that was not given here", "session-1", "warning", -32_600],
		["that is none", "4f1c53f0-0000-4000-8000-000000000000", "loud", -32_602],
	])("and is not set %s", async (_what, session, level, code) => {
		expect(JSON.parse((await levelled(session, level)).text).error).toMatchObject({ code });
	});
});

test.each<[who: string, meta: object, options: PostOptions]>([
	["did not ask", {}, {}],
	["takes no events", { progressToken: "t" }, { accept: "application/json" }],
])("who %s has the answer alone", async (_who, meta, options) => {
	const [replied] = await Promise.all([work(meta, options), saysAndEnds([progress({ progress: 1 }), logged("error")])]);
	expect(replied.type).toMatch(/^application\/json/);
	expect(JSON.parse(replied.text)).toMatchObject({ id: 7, result: { content: [{ text: "done" }] } });
});

test.each([
	["a level of nobody", { "io.modelcontextprotocol/logLevel": "loud" }],
	["a token without an end", { progressToken: "x".repeat(300) }],
	["a token that is none", { progressToken: {} }],
])("%s is refused, and is no call", async (_what, meta) => {
	expect(JSON.parse((await work(meta)).text).error).toMatchObject({ code: -32_602 });
	expect(stage.of("call.received")).toEqual([]);
});

test("a call that fails after it said something is told at the end of its events, as it would be without", async () => {
	const failing = async () => {
		const received = await stage.received();
		await stage.start(received);
		const seals = await stage.passOn(received, [progress({ progress: 1 })]);
		await stage.endStreamed(received, seals, { ending: "failed", code: "outcome_unknown" });
	};
	const [replied] = await Promise.all([work({ progressToken: "t" }), failing()]);
	const events = eventsIn(replied.text);
	expect(events).toHaveLength(2);
	expect(events[1]).toMatchObject({ id: 7, result: { isError: true, content: [{ text: expect.stringContaining("outcome_unknown") }] } });
});
