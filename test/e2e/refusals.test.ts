// What a caller learns before a call: what it may call, and why not, in one shape whatever is wrong.
import { describe, expect, test } from "vitest";
import { rawRequest, sendRaw } from "../support/raw-http.ts";
import { ask, eventually, expectProblem, show, stack, transfer } from "../support/stack.ts";

describe("what may be called", () => {
	const list = async (as: string, format?: string) =>
		(await ask(`${stack.urls.ingress}/v1/functions${format ? `?format=${format}` : ""}`, { as })).body;

	test("in four formats, each with the arguments' schema", async () => {
		const own = (await list("ci")).functions.find((one: { function: string }) => one.function === "createTransfer");
		expect(own).toMatchObject({ connection: "bank", mayNeedApproval: true, idempotent: false, arguments: { type: "object" } });
		const schema = own.arguments;
		expect(schema.required).toEqual(expect.arrayContaining(["amount", "currency", "to", "country"]));
		const named = (tools: { name: string }[]) => tools.find(({ name }) => name === "bank__createTransfer");
		const openai = (await list("ci", "openai")).tools;
		expect(new Set(openai.map(({ type }: { type: string }) => type))).toEqual(new Set(["function"]));
		expect(named(openai.map((tool: { function: { name: string } }) => tool.function))).toMatchObject({ parameters: schema });
		expect(named((await list("ci", "anthropic")).tools)).toMatchObject({ input_schema: schema });
		expect(named((await list("ci", "mcp")).tools)).toMatchObject({ inputSchema: schema });
	});

	test("a function that no rule could allow this caller is not listed", async () => {
		const names = (await list("mallory")).functions.map((one: { function: string }) => one.function);
		expect(names).toContain("createTransfer");
		expect(names).not.toContain("getAccount");
		expect((await list("ci")).functions.map((one: { function: string }) => one.function)).not.toContain("forbidden");
	});
});

describe("refusals have one shape", () => {
	const post = (body: string, headers: Record<string, string> = { "content-type": "application/json" }) =>
		ask(`${stack.urls.ingress}/v1/calls`, { method: "POST", as: "ci", headers, body });

	test.each([
		["no token", () => ask(`${stack.urls.ingress}/v1/functions`), "unauthenticated"],
		["not JSON", () => post("{"), "malformed_request"],
		["no body", () => post(""), "malformed_request"],
		["a member that is not known", () => post(JSON.stringify({ ...transfer(1), extra: 1 })), "malformed_request"],
		["not an object", () => post(JSON.stringify({ ...transfer(1), arguments: [] })), "malformed_request"],
		["another media type", () => post("a=b", { "content-type": "application/x-www-form-urlencoded" }), "unsupported_media_type"],
		["a body that is too large", () => post(`{"x":"${"x".repeat(1024 * 1024)}"}`), "body_too_large"],
		["no such connection", () => post(JSON.stringify({ ...transfer(1), connection: "nobody" })), "function_unknown"],
		["no such function", () => post(JSON.stringify({ ...transfer(1), function: "steal" })), "function_unknown"],
		["arguments that do not fit", () => post(JSON.stringify(transfer(-1))), "invalid_arguments"],
		["an argument that is not known", () => post(JSON.stringify(transfer(1, { tip: 1 }))), "invalid_arguments"],
		["no such address", () => ask(`${stack.urls.ingress}/v2/calls`, { as: "ci" }), "not_found"],
		["no such call", () => show("ci", "01890000-0000-7000-8000-000000000000"), "not_found"],
	] as const)("%s", async (_, request, code) => {
		expectProblem(await request(), code);
	});

	test("arguments are refused with where and why, and without their value", async () => {
		const { body, text } = await post(JSON.stringify(transfer(1, { currency: "SECRET-VALUE" })));
		expect(body.errors).toEqual([expect.objectContaining({ pointer: "/currency" })]);
		expect(text).not.toContain("SECRET-VALUE");
	});

	test("a method that an address does not answer", async () => {
		const answer = await ask(`${stack.urls.ingress}/v1/calls`, { as: "ci", method: "PUT" });
		expectProblem(answer, "method_not_allowed");
		expect(answer.headers.get("allow")).toBe("POST");
	});

	test.each(["ingress", "approval", "audit", "policy", "executor"] as const)(
		"also at the port of %s, and they are counted",
		async (service) => {
			const url = stack.urls[service];
			expectProblem(await ask(`${url}/nothing`), "not_found");
			expectProblem(await ask(`${url}/healthz`, { method: "PUT" }), "method_not_allowed");
			expectProblem(await sendRaw(url, "not HTTP\r\n\r\n"), "malformed_request");
			expectProblem(await sendRaw(url, rawRequest("GET /healthz", [["Content-Encoding", "gzip"]])), "unsupported_media_type");
			expectProblem(await sendRaw(url, rawRequest("GET /healthz", [["Expect", "coffee"]])), "expectation_failed");
			const { text } = await ask(`${url}/metrics`);
			expect(text).toMatch(new RegExp(`callgate_requests_total\\{route="none",code="not_found",service="${service}"\\} \\d+`));
		},
	);

	test("a caller who is not known is on the record, with why", async () => {
		const counted = async () => {
			const found = await ask(`${stack.urls.audit}/v1/audit/events?type=control.authentication.failed`, { as: "alice" });
			return found.body.events.some(({ data }: { data: { refusal: string } }) => data.refusal === "no_token");
		};
		expectProblem(await ask(`${stack.urls.audit}/v1/audit/events`), "unauthenticated");
		expect(await eventually(async () => ((await counted()) ? true : undefined))).toBe(true);
	});
});

describe("for whoever runs it", () => {
	test("every process says that it is alive and ready, and its own API is described", async () => {
		for (const service of ["ingress", "approval", "audit", "policy", "executor"] as const) {
			expect((await ask(`${stack.urls[service]}/healthz`)).status, service).toBe(200);
			expect((await ask(`${stack.urls[service]}/readyz`)).body.status, service).toBe("ready");
			expect((await ask(`${stack.urls[service]}/metrics`)).text, service).toContain("# TYPE");
		}
		for (const service of ["approval", "audit"] as const) {
			expect((await ask(`${stack.urls[service]}/openapi.json`)).body.openapi, service).toBe("3.1.0");
		}
		const document = (await ask(`${stack.urls.ingress}/openapi.json`)).body;
		expect(document.openapi).toBe("3.1.0");
		expect(Object.keys(document.paths).sort()).toEqual([
			"/v1/anthropic/tool-uses",
			...["/v1/calls", "/v1/calls/{call}", "/v1/calls/{call}/events", "/v1/functions", "/v1/gemini/function-calls"],
			...["/v1/openai/chat/tool-calls", "/v1/openai/responses/function-calls"],
		]);
	});
});
