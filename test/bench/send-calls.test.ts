// A call counts only if its own answer came back: every way in which a lane could drop, refuse or mix up calls is a failed one.
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Pool } from "undici";
import { afterEach, expect, test } from "vitest";
import { sender, type Target } from "./send-calls.ts";

const open: { server: Server; pool: Pool }[] = [];
afterEach(async () => {
	for (const { server, pool } of open.splice(0)) {
		await pool.destroy();
		server.closeAllConnections();
		server.close();
	}
});

async function callOnce(listener: RequestListener, more: Partial<Target> = {}): Promise<string | undefined> {
	const server = createServer(listener);
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const pool = new Pool(origin, { connections: 1, headersTimeout: 300, bodyTimeout: 300 });
	open.push({ server, pool });
	const body = ['{"reference":"', '"}'] as const;
	const target: Target = { origins: [origin], path: "/pay", headers: {}, tokens: [], body, answersShown: true, ...more };
	return await sender(target, "run", [pool])(27, 0);
}

const right = '{"done":true,"reference":"run-bb"}';

test("the right answer is 200 and repeats the reference", async () => {
	expect(await callOnce((_request, response) => response.writeHead(200).end(right))).toBeUndefined();
	expect(await callOnce((_request, response) => response.writeHead(200).end(`{"result":{"body":${right}}}`))).toBeUndefined();
});

test("an answer in pieces is one answer", async () => {
	const inPieces: RequestListener = (_request, response) => {
		response.writeHead(200).write(right.slice(0, 9));
		setImmediate(() => response.end(right.slice(9)));
	};
	expect(await callOnce(inPieces)).toBeUndefined();
});

test.each<[string, RequestListener, RegExp]>([
	["refused", (_request, response) => response.writeHead(403).end(right), /^403 /],
	["put off: 202 is no ending", (_request, response) => response.writeHead(202).end(right), /^202 /],
	["another status of success", (_request, response) => response.writeHead(201).end(right), /^201 /],
	["unavailable", (_request, response) => response.writeHead(503).end(), /^503 /],
	["another call's answer", (_request, response) => response.writeHead(200).end('{"done":true,"reference":"run-bc"}'), /^200 /],
	["an answer that the bank did not give", (_request, response) => response.writeHead(200).end('{"reference":"run-bb"}'), /^200 /],
	["cut off", (_request, response) => void response.destroy(), /^no answer/],
	["cut off within the answer", (_request, response) => void response.writeHead(200).write(right, () => response.destroy()), /^no answer/],
	["never answered", () => undefined, /^no answer/],
])("%s is a failed call", async (_name, listener, fault) => {
	expect(await callOnce(listener)).toMatch(fault);
});

test("each caller has a token of its own, and the lane's headers", async () => {
	let seen: unknown;
	const listener: RequestListener = ({ headers }, response) => {
		seen = [headers.authorization, headers.prefer];
		response.writeHead(200).end(right);
	};
	await callOnce(listener, { tokens: ["one", "two"], headers: { prefer: "wait=55" } });
	expect(seen).toEqual(["Bearer one", "wait=55"]);
});

test("an answer that may repeat a header that must not be shown is told by its status and length alone", async () => {
	const echo: RequestListener = ({ headers }, response) => response.writeHead(401).end(`not known: ${headers["x-key"]}`);
	const more = { headers: { "x-key": "of-the-peer" } };
	expect(await callOnce(echo, more)).toContain("of-the-peer");
	expect(await callOnce(echo, { ...more, answersShown: false })).toBe("401 (22 bytes, not shown: they may repeat a header)");
});
