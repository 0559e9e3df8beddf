// The official clients of other makers, unmodified: Python's SDK, FastMCP, and the inspector's command line.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Python, pythonWith } from "../../test/support/python.ts";
import { Backstage, transfer } from "./ingress.test-support.ts";

let stage: Backstage;
let url: string;
let python: Python;
beforeAll(async () => {
	python = await pythonWith("mcp clients");
});
beforeEach(async () => {
	stage = new Backstage();
	const { http } = await stage.replica();
	url = `${await http.listen({ host: "127.0.0.1", port: 0 })}/mcp/bank`;
});
afterEach(() => stage.close());

const official = `
import asyncio, json, sys, httpx2
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

async def main(url, arguments):
    async with httpx2.AsyncClient(headers={"Authorization": "Bearer robin"}, timeout=60) as http:
        async with streamable_http_client(url, http_client=http) as (read, write, *_):
            async with ClientSession(read, write) as session:
                await session.initialize()
                tools = await session.list_tools()
                result = await session.call_tool("createTransfer", arguments)
                print(json.dumps({"tools": [tool.name for tool in tools.tools], "structured": result.structured_content, "error": result.is_error}))

asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
`;

const modern = `
import asyncio, json, sys, httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

async def main(url, arguments):
    async with httpx2.AsyncClient(headers={"Authorization": "Bearer robin"}, timeout=60) as http:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            tools = await client.list_tools()
            result = await client.call_tool("createTransfer", arguments)
            print(json.dumps({"tools": [tool.name for tool in tools.tools], "structured": result.structured_content, "error": result.is_error}))

asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
`;

const fast = `
import asyncio, json, sys
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

async def main(url, arguments):
    async with Client(StreamableHttpTransport(url, headers={"Authorization": "Bearer robin"})) as client:
        tools = await client.list_tools()
        result = await client.call_tool("createTransfer", arguments)
        print(json.dumps({"tools": [tool.name for tool in tools], "structured": result.structured_content, "error": result.is_error}))

asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
`;

test.each([
	["the session of Python's SDK", official],
	["the client of Python's SDK, which agrees on the newest revision", modern],
	["FastMCP's client", fast],
])("%s finds the tools and is answered", async (_name, script) => {
	const asking = python(script, [url, JSON.stringify(transfer)]);
	await Promise.race([asking, stage.received().then((received) => stage.complete(received))]);
	expect(JSON.parse(await asking)).toEqual({ tools: expect.arrayContaining(["createTransfer"]), structured: { id: "t1" }, error: false });
});

const inspector = fileURLToPath(new URL("../../node_modules/@modelcontextprotocol/inspector-cli/build/cli.js", import.meta.url));

test("the inspector's command line finds the tools and is answered", async () => {
	const inspect = async (...args: string[]) => {
		const reach = ["--cli", url, "--transport", "http", "--header", "Authorization: Bearer robin"];
		return JSON.parse((await promisify(execFile)(process.execPath, [inspector, ...reach, ...args], { cwd: join(inspector, "..") })).stdout);
	};
	const { tools } = await inspect("--method", "tools/list");
	expect(tools.map(({ name }: { name: string }) => name)).toContain("createTransfer");
	const given = Object.entries(transfer).flatMap(([name, value]) => ["--tool-arg", `${name}=${value}`]);
	const calling = inspect("--method", "tools/call", "--tool-name", "createTransfer", ...given);
	await stage.complete(await stage.received());
	expect(await calling).toMatchObject({ isError: false, structuredContent: { id: "t1" } });
});
