// What a function answers is what its caller gets through the proxy: every field, every length, every byte up to the bound.
import { once } from "node:events";
import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { answerBytesMax } from "#libs/contracts/message-size.ts";
import { type Lab, startLab } from "../support/lab.ts";
import { newReference, stack, tokenOf } from "../support/stack.ts";

let lab: Lab;
beforeAll(async () => {
	lab = await startLab();
});
afterAll(() => lab.stop());

async function proxied(method: "GET" | "HEAD", answer: (response: ServerResponse) => void, headers: Record<string, string> = {}) {
	lab.serve(answer);
	const tag = newReference("answers");
	const url = `${stack.urls.ingress}/proxy/lab/file?tag=${encodeURIComponent(tag)}`;
	const asking = request(url, { method, headers: { authorization: `Bearer ${await tokenOf("ci")}`, ...headers }, agent: false }).end();
	const [response] = (await once(asking, "response")) as [IncomingMessage];
	const [seen] = lab.seen.filter((one) => one.tag === tag);
	return { status: response.statusCode, headers: response.headers, all: response.headersDistinct, body: await text(response), seen };
}

test("equal fields arrive all, in order, and the caller's Accept goes where it is forwarded", async () => {
	const { status, all, body, seen } = await proxied(
		"GET",
		(response) => {
			response.setHeader("Link", ["</a>; rel=next", "</b>; rel=prev"]).setHeader("Vary", ["accept", "origin"]);
			response.setHeader("Cache-Control", ["no-cache", "max-age=0"]).setHeader("Set-Cookie", ["a=1", "b=2"]);
			response.writeHead(200, { "content-type": "text/csv" }).end("a,b\n");
		},
		{ accept: "text/csv" },
	);
	expect([status, body]).toEqual([200, "a,b\n"]);
	expect(all).toMatchObject({
		link: ["</a>; rel=next", "</b>; rel=prev"],
		vary: ["accept", "origin"],
		"cache-control": ["no-cache", "max-age=0"],
	});
	expect(all).not.toHaveProperty("set-cookie");
	expect(seen?.headers.accept).toBe("text/csv");
});

test.each([
	["HEAD", 200, { "content-length": "12345" }, "12345"],
	["GET", 304, { "content-length": "12345", etag: '"a"' }, "12345"],
	["GET", 201, { location: "/a", "content-length": "0" }, "0"],
	["GET", 302, { location: "/b", "content-length": "0" }, "0"],
] as const)("%s answered with %s keeps its length and gets no type", async (method, status, fields, length) => {
	const { status: seen, headers, body } = await proxied(method, (response) => void response.writeHead(status, fields).end());
	expect([seen, headers["content-length"], headers["content-type"], body]).toEqual([status, length, undefined, ""]);
});

test("JSON of the largest size is passed on whole, also where most of it must be escaped", async () => {
	const item = '{\n"a": "\\\\"\n}';
	const whole = `[${Array.from({ length: Math.floor(answerBytesMax / (item.length + 1)) - 1 }, () => item).join(",")}]`;
	const { status, body } = await proxied(
		"GET",
		(response) => void response.writeHead(200, { "content-type": "application/json" }).end(whole),
	);
	expect(status, body.slice(0, 500)).toBe(200);
	expect(body === whole).toBe(true);
});
