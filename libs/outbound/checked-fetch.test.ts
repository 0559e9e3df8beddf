// A document that something outside points at is fetched from allowed addresses only, whatever its name says, and within bounds.
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createCheckedFetch } from "./checked-fetch.ts";

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
	for (const stop of stops.splice(0)) await stop();
});

async function serve(answer: RequestListener): Promise<{ readonly port: number; readonly connections: () => number }> {
	let connections = 0;
	const server = createServer(answer).on("connection", () => {
		connections += 1;
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	stops.push(() => new Promise((resolve) => server.close(resolve)));
	return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

const bounds = { connectTimeoutMs: 60_000, bodyBytesMax: 1_000 };
const atLoopback = async () => [{ address: "127.0.0.1", family: 4 }];

test("a document, its status and what the asker says pass", async () => {
	const { port } = await serve((request, response) => void response.writeHead(203).end(request.headers.accept));
	const fetchChecked = createCheckedFetch({ ...bounds, addresses: { allowLoopback: true }, lookup: atLoopback });
	const answer = await fetchChecked(`http://keys.test:${port}/jwks`, { headers: new Headers({ accept: "application/json" }) });
	expect([answer.status, await answer.text()]).toEqual([203, "application/json"]);
});

test.each([
	["http://127.0.0.1", undefined],
	["http://0x7f.1", undefined],
	["http://[::ffff:127.0.0.1]", undefined],
	["http://keys.test", atLoopback],
])("no connection is made to %s where loopback is not allowed", async (url, lookup) => {
	const { port, connections } = await serve((_request, response) => void response.end("{}"));
	const fetchChecked = createCheckedFetch({ ...bounds, addresses: { allowPrivate: true }, ...(lookup && { lookup }) });
	await expect(fetchChecked(`${url}:${port}/jwks`)).rejects.toMatchObject({ code: "address_forbidden" });
	expect(connections()).toBe(0);
});

test("metadata services are out of reach, wherever the document that names one came from", async () => {
	const fetchChecked = createCheckedFetch({
		...bounds,
		addresses: { allowLoopback: true, allowPrivate: true },
		lookup: async () => [{ address: "169.254.169.254", family: 4 }],
	});
	for (const url of ["http://169.254.169.254/", "http://metadata.test/", "http://[fd00:ec2::254]/"])
		await expect(fetchChecked(url), url).rejects.toMatchObject({ code: "address_forbidden" });
});

test("a redirect is an answer, and a body over the bound is an error", async () => {
	const { port, connections } = await serve((request, response) => {
		if (request.url === "/moved") response.writeHead(302, { location: "/large" }).end();
		else response.end("x".repeat(1_001));
	});
	const fetchChecked = createCheckedFetch({ ...bounds, addresses: { allowLoopback: true } });
	expect((await fetchChecked(`http://127.0.0.1:${port}/moved`)).status).toBe(302);
	expect(connections()).toBe(1);
	await expect(fetchChecked(`http://127.0.0.1:${port}/large`)).rejects.toMatchObject({ code: "UND_ERR_RES_EXCEEDED_MAX_SIZE" });
});
