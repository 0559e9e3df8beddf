// What models emit, by the shapes of their APIs' own documentation: each call runs, in order, once, and what comes back is what the API takes.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { as, Backstage, inForce, openTo, type Replica } from "./ingress.test-support.ts";

const connections = `kind: Connection
name: crm
protocol: http
url: https://crm.example
functions:
  note: { method: POST, path: /notes, idempotent: false, arguments: { properties: { text: { type: string }, n: { type: integer } }, required: [text], additionalProperties: false } }
  ping: { method: GET, path: /ping }
`;
const configuration = openTo(connections);
const json = { "content-type": "application/json" };

let stage: Backstage;
let replica: Replica;
beforeEach(async () => {
	stage = new Backstage();
	replica = await stage.replica({ configuration: inForce(configuration) });
});
afterEach(() => stage.close());

interface Api {
	readonly path: string;
	readonly via: string;
	/** A message that asks for these calls. */
	readonly emit: (calls: readonly { id: string; name: string; args: object | string }[]) => unknown;
	/** What came back, as id and text (or object) and whether it is an error. */
	readonly results: (body: never) => { id: string; content: unknown; isError?: boolean }[];
}
const text = (args: object | string) => (typeof args === "string" ? args : JSON.stringify(args));
const apis: Record<string, Api> = {
	"OpenAI chat": {
		path: "/v1/openai/chat/tool-calls",
		via: "openai-chat",
		emit: (calls) => ({
			...{ role: "assistant", content: null, refusal: null, annotations: [] },
			tool_calls: calls.map(({ id, name, args }) => ({ id, type: "function", function: { name, arguments: text(args) } })),
		}),
		results: ({ messages }: { messages: { role: string; tool_call_id: string; content: string }[] }) =>
			messages.map(({ role, tool_call_id: id, content }) => ({ id: `${role === "tool" ? "" : role}${id}`, content: JSON.parse(content) })),
	},
	"OpenAI responses": {
		path: "/v1/openai/responses/function-calls",
		via: "openai-responses",
		emit: (calls) => ({
			...{ id: "resp_1", object: "response", status: "completed" },
			output: [
				{ type: "reasoning", id: "rs_1", summary: [] },
				...calls.map(({ id, name, args }) => ({
					...{ type: "function_call", id: `fc_${id}`, call_id: id, name, arguments: text(args), status: "completed" },
				})),
			],
		}),
		results: ({ input }: { input: { call_id: string; output: string }[] }) =>
			input.map(({ call_id: id, output }) => ({ id, content: JSON.parse(output) })),
	},
	Anthropic: {
		path: "/v1/anthropic/tool-uses",
		via: "anthropic",
		emit: (calls) => ({
			...{ id: "msg_1", type: "message", role: "assistant", stop_reason: "tool_use" },
			content: [{ type: "text", text: "I will." }, ...calls.map(({ id, name, args }) => ({ type: "tool_use", id, name, input: args }))],
		}),
		results: ({ messages: [message] }: { messages: { content: { tool_use_id: string; content: string; is_error?: boolean }[] }[] }) =>
			(message?.content ?? []).map(({ tool_use_id: id, content, is_error }) => ({
				...{ id, content: JSON.parse(content), isError: is_error === true },
			})),
	},
	Gemini: {
		path: "/v1/gemini/function-calls",
		via: "gemini",
		emit: (calls) => ({
			role: "model",
			parts: [{ text: "I will." }, ...calls.map(({ id, name, args }) => ({ functionCall: { id, name, args } }))],
		}),
		results: ({
			contents: [content],
		}: {
			contents: { parts: { functionResponse: { id: string; response: Record<string, unknown> } }[] }[];
		}) =>
			(content?.parts ?? []).map(({ functionResponse: { id, response } }) => ({
				...{ id, content: response.output ?? { error: response.error }, isError: "error" in response },
			})),
	},
};

async function send({ path }: Api, body: unknown, headers: Record<string, string> = {}) {
	const payload = JSON.stringify(body);
	return await replica.http.inject({ method: "POST", url: path, headers: { ...json, ...as("robin"), ...headers }, payload });
}

describe.each(Object.entries(apis))("%s", (_name, api) => {
	const note = (id: string, more: object = {}) => ({ id, name: "crm__note", args: { text: `note ${id}`, ...more } });

	test("two calls run side by side, and are answered in the order in which the model asked", async () => {
		const answering = send(api, api.emit([note("a"), note("b")]));
		const [first, second] = [await stage.received(0), await stage.received(1)];
		expect(first.data).toMatchObject({ via: api.via, connection: "crm", function: "note", arguments: { text: "note a" } });
		await stage.complete(second, { body: { text: '{"id":2}' } });
		await stage.complete(first, { body: { text: '{"id":1}' } });
		const reply = await answering;
		expect(reply.statusCode).toBe(200);
		expect(api.results(reply.json() as never).map(({ id, content }) => [id, content])).toEqual([
			["a", { id: 1 }],
			["b", { id: 2 }],
		]);
		expect(reply.json().calls).toMatchObject([
			{ id: "a", kind: "answered", call: first.data.call },
			{ id: "b", kind: "answered", call: second.data.call },
		]);
	});

	test("the same message again is the same calls; within another scope it is not", async () => {
		const emitted = api.emit([note("a")]);
		const first = send(api, emitted);
		await stage.complete(await stage.received(), { body: { text: '{"id":1}' } });
		const before = (await first).json();
		expect((await send(api, emitted)).json()).toEqual(before);
		expect(stage.of("call.received")).toHaveLength(1);
		const scoped = send(api, emitted, { "idempotency-key": "another-conversation" });
		await stage.complete(await stage.received(1), { body: { text: '{"id":2}' } });
		expect((await scoped).statusCode).toBe(200);
	});

	test("what cannot be called is told to the model, with what it can do better, and the others run", async () => {
		const calls = [{ id: "x", name: "crm__gone", args: {} }, { id: "y", name: "crm__note", args: { n: "one" } }, note("z")];
		const answering = send(api, api.emit(calls));
		await stage.complete(await stage.received(), { body: { text: '{"id":1}' } });
		const reply = await answering;
		const [unknown, wrong, right] = api.results(reply.json() as never);
		expect(unknown).toMatchObject({ id: "x", content: { error: { code: "function_unknown" } } });
		expect(wrong).toMatchObject({ id: "y", content: { error: { code: "invalid_arguments", errors: expect.any(Array) } } });
		expect(JSON.stringify(wrong)).toMatch(/text/);
		expect(right).toMatchObject({ id: "z", content: { id: 1 } });
		if (right?.isError !== undefined) expect([unknown?.isError, wrong?.isError, right.isError]).toEqual([true, true, false]);
		expect(reply.json().calls.map(({ kind }: { kind: string }) => kind)).toEqual(["failed", "failed", "answered"]);
	});

	test("a function that refuses has its answer told as an error", async () => {
		const answering = send(api, api.emit([note("a")]));
		await stage.complete(await stage.received(), { status: 409, body: { text: '{"why":"exists"}' } });
		const [result] = api.results((await answering).json() as never);
		expect(result?.content).toEqual({ error: { code: "function_refused", status: 409, body: { why: "exists" } } });
	});

	test("a call that has not ended in time says so and how to go on, and the same message finds its ending", async () => {
		const emitted = api.emit([note("a")]);
		const reply = await send(api, emitted, { prefer: "wait=0" });
		const { call } = (await stage.received()).data;
		expect(reply.json().calls).toEqual([{ id: "a", kind: "pending", call, location: `/v1/calls/${call}` }]);
		expect(reply.body).toContain(call);
		await stage.complete(await stage.received(), { body: { text: '{"id":1}' } });
		const again = await send(api, emitted);
		expect(api.results(again.json() as never)).toMatchObject([{ id: "a", content: { id: 1 } }]);
		expect(stage.of("call.received")).toHaveLength(1);
	});

	test("a message without calls has nothing to append, and one of another shape is refused with what is expected", async () => {
		expect(api.results((await send(api, api.emit([]))).json() as never)).toEqual([]);
		for (const body of [{ role: "user", content: "hi", parts: [] }, "text", [[]].flat(), null, { output: "x" }]) {
			const reply = await send(api, body);
			if (Array.isArray(body) && api.via === "openai-responses") continue;
			expect(reply.statusCode, JSON.stringify(body)).toBe(400);
			expect(reply.json()).toMatchObject({ code: "malformed_request", detail: expect.stringMatching(/expected/) });
		}
		const twice = await send(api, api.emit([note("a"), note("a")]));
		expect(twice.json()).toMatchObject({ code: "malformed_request" });
		const many = await send(api, api.emit(Array.from({ length: 65 }, (_, nth) => note(`${nth}`))));
		expect(many.json()).toMatchObject({ code: "malformed_request", detail: expect.stringMatching(/at most 64/) });
		expect(stage.of("call.received")).toHaveLength(0);
	});

	test("a large message is read in another thread, with the same outcome", async () => {
		const long = "x".repeat(50_000);
		const answering = send(
			api,
			api.emit([
				{ id: "big", name: "crm__note", args: { text: long } },
				{ id: "none", name: "gone", args: {} },
			]),
		);
		await stage.complete(await stage.received(), { body: { text: '{"id":1}' } });
		const [big, none] = api.results((await answering).json() as never);
		expect(big).toMatchObject({ id: "big", content: { id: 1 } });
		expect(none).toMatchObject({ id: "none", content: { error: { code: "function_unknown" } } });
	});

	test("nobody without a token", async () => {
		const reply = await replica.http.inject({
			method: "POST",
			url: api.path,
			headers: json,
			payload: JSON.stringify(api.emit([note("a")])),
		});
		expect(reply.statusCode).toBe(401);
	});
});

test("arguments as text: none, not JSON, not an object, and a member that is called text", async () => {
	const api = apis["OpenAI chat"] as Api;
	const ids = ["none", "broken", "list", "twice"];
	const given = ["", '{"text":', "[]", '{"text":"a","text":"b"}'];
	const answering = send(
		api,
		api.emit(ids.map((id, nth) => ({ id, name: id === "none" ? "crm__ping" : "crm__note", args: given[nth] ?? "" }))),
	);
	await stage.complete(await stage.received(), { body: undefined, status: 204 });
	const results = api.results((await answering).json() as never);
	expect(results[0]?.content).toEqual({ status: 204 });
	for (const { content } of results.slice(1)) expect(content).toMatchObject({ error: { code: "invalid_arguments" } });
	expect(stage.of("call.received")).toHaveLength(1);
});

test("a call that fails in a way nobody expected is told as ours, shows nothing, and takes no other's answer away", async () => {
	const api = apis.Anthropic as Api;
	const { sealingKeys } = replica.ports;
	const broken = Object.assign(Object.create(sealingKeys), {
		open: (pool: string, call: string, what: "result", sealed: string) => {
			const opened = sealingKeys.open(pool, call, what, sealed);
			if (JSON.stringify(opened).includes("secret")) throw new Error(JSON.stringify(opened));
			return opened;
		},
	});
	replica = await stage.replica({ configuration: inForce(configuration), sealingKeys: broken });
	const answering = send(api, api.emit(["bad", "good"].map((id) => ({ id, name: "crm__note", args: { text: id } }))));
	await stage.complete(await stage.received(0), { body: { text: '{"is":"secret"}' } });
	await stage.complete(await stage.received(1), { body: { text: '{"id":2}' } });
	const reply = await answering;
	expect(reply.body).not.toContain("secret");
	expect(api.results(reply.json() as never)).toMatchObject([
		{ id: "bad", isError: true, content: { error: { code: "internal" } } },
		{ id: "good", isError: false, content: { id: 2 } },
	]);
});

test("a held call of OpenAI's responses is the API's own item for an approval, and its output takes its place later", async () => {
	const api = apis["OpenAI responses"] as Api;
	const emitted = api.emit([{ id: "a", name: "crm__note", args: { text: "hello" } }]);
	const reply = await send(api, emitted, { prefer: "wait=0" });
	const { call } = (await stage.received()).data;
	expect(reply.json().input).toEqual([
		{ type: "mcp_approval_request", id: call, server_label: "callgate", name: "crm__note", arguments: '{"text":"hello"}' },
	]);
});

test("Gemini's calls may have no id: nothing tells a repetition from another call", async () => {
	const api = apis.Gemini as Api;
	const emitted = { role: "model", parts: [{ functionCall: { name: "crm__ping" } }] };
	for (const nth of [0, 1]) {
		const answering = send(api, emitted);
		await stage.complete(await stage.received(nth), { body: { text: '{"n":12345678901234567890}' } });
		const reply = (await answering).json();
		expect(reply.contents[0].parts[0].functionResponse).toEqual({
			name: "crm__ping",
			response: { output: '{"n":12345678901234567890}' },
		});
	}
});
