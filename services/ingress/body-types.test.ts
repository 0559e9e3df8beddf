// Bodies through the proxy: each keeps its type and its emptiness, and what is not offered is 415.
import { afterEach, beforeEach, expect, test } from "vitest";
import { sendRaw } from "../../test/support/raw-http.ts";
import { as, Backstage, inForce, openTo, type Replica } from "./ingress.test-support.ts";

const merge = "application/merge-patch+json";
const strategic = "application/strategic-merge-patch+json";
const schema = { type: "object", properties: { name: { type: "string" } } };
const openapi = {
	openapi: "3.1.0",
	paths: {
		"/thing": {
			patch: { operationId: "patchThing", requestBody: { content: { [merge]: { schema }, [strategic]: { schema } } } },
			post: { operationId: "pokeThing", requestBody: { content: { "application/json": { schema } } } },
			delete: { operationId: "deleteThing" },
		},
	},
};
const connection = `kind: Connection
name: things
protocol: http
url: https://things.example
openapi: things.json
`;
const configuration = openTo(connection, { "things.json": JSON.stringify(openapi) });

let stage: Backstage;
let replica: Replica;
beforeEach(async () => {
	stage = new Backstage();
	replica = await stage.replica({ configuration: inForce(configuration) });
});
afterEach(() => stage.close());

const send = async (method: "PATCH" | "POST" | "DELETE", type: string, payload?: string) => {
	const headers = { ...as("robin"), "content-type": type, prefer: "wait=0" };
	return (await replica.http.inject({ method, url: "/proxy/things/thing", headers, ...(payload !== undefined && { payload }) })).statusCode;
};

test.each([merge, strategic, `${strategic}; charset=utf-8`])("%s is kept, for policy, approvers and the function", async (type) => {
	expect(await send("PATCH", type, '{"name":"a"}')).toBe(202);
	expect((await stage.received()).data.arguments).toEqual({ name: "a", "Content-Type": type.split(";")[0] });
});

test.each(["application/json", "application/json-patch+json", `${merge}; profile=x`, "text/plain"])(
	"%s is not offered: 415",
	async (type) => {
		expect(await send("PATCH", type, '{"name":"a"}')).toBe(415);
		expect(stage.stream.messages).toEqual([]);
	},
);

test("who asks by arguments chooses with Content-Type, and one who does not is shown the one that is sent", async () => {
	const ask = async (args: object) => {
		const payload = { connection: "things", function: "patchThing", arguments: args };
		return (await replica.http.inject({ method: "POST", url: "/v1/calls", headers: as("robin"), payload })).statusCode;
	};
	expect(await ask({ name: "a", "Content-Type": strategic })).toBe(202);
	expect(await ask({ name: "a" })).toBe(202);
	expect(await ask({ name: "a", "Content-Type": "application/json" })).toBe(422);
	expect(stage.of("call.received").map(({ data }) => data.arguments)).toEqual([
		{ name: "a", "Content-Type": strategic },
		{ name: "a", "Content-Type": merge },
	]);
});

test("an empty object stays one, and a type without a body is no body", async () => {
	expect(await send("POST", "application/json", "{}")).toBe(202);
	expect(await send("POST", "application/json")).toBe(202);
	expect(await send("DELETE", "application/json")).toBe(202);
	const seen = stage.of("call.received").map(({ data }) => [data.function, data.arguments]);
	expect(seen).toEqual([
		["pokeThing", { "Content-Type": "application/json" }],
		["pokeThing", {}],
		["deleteThing", {}],
	]);
});

test.each(["Content-Length: 0\r\n", ""])("on the wire too: DELETE with a type and %j", async (length) => {
	const address = await replica.http.listen({ host: "127.0.0.1", port: 0 });
	const head = "Host: a\r\nConnection: close\r\nAuthorization: Bearer robin\r\nPrefer: wait=0\r\nContent-Type: application/json\r\n";
	const answers = ["/proxy/things/thing", "/v1/calls/018f0000-0000-7000-8000-000000000000"].map(
		async (path) => (await sendRaw(address, `DELETE ${path} HTTP/1.1\r\n${head}${length}\r\n`)).status,
	);
	expect(await Promise.all(answers)).toEqual([202, 404]);
});
