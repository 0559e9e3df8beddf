// The peer's lane against a plain proxy in place of another gateway: calls go through it, are checked on both sides of it, and its headers stay unseen.
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Child, startChild } from "./child.ts";
import type { LoadPlace } from "./measure-lane.ts";
import { sendLoad } from "./measure-lane.ts";
import { peerOf } from "./peer.ts";

const load = { kind: "closed", callers: 4, warmupMs: 0, windowMs: 200 } as const;
const ends: (() => unknown)[] = [];
let bank: Child;
let callers: Child;
let bankPort: number;

beforeEach(async () => {
	bankPort = await freePort();
	bank = await startChild("bank", "bank-process.ts", { port: bankPort });
	callers = await startChild("callers", "load-process.ts", {});
	ends.push(bank.stop, callers.stop);
});
afterEach(async () => {
	for (const end of ends.splice(0)) await end();
});

async function listen(listener: RequestListener): Promise<{ port: number; close: () => void }> {
	const server = createServer(listener);
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const close = () => {
		server.closeAllConnections();
		server.close();
	};
	return { port: (server.address() as AddressInfo).port, close };
}

async function freePort(): Promise<number> {
	const { port, close } = await listen(() => undefined);
	close();
	return port;
}

function placeWith(port: number, headers: readonly string[], pids: readonly number[] = []): LoadPlace {
	const peer = peerOf(`http://127.0.0.1:${port}/somewhere/pay`, headers, pids);
	const processes = () => pids.map((pid) => ({ name: "peer", pid }));
	return { ...{ bank, load: callers, processes, peer, firstPort: 0, tokens: [] }, ports: { bank: bankPort, proxy: 0, floor: 0 } };
}

test("calls through a proxy are answered by the bank and counted there, and its cost is counted", async () => {
	const port = await freePort();
	const proxy = await startChild("proxy", "proxy-process.ts", { port, targetPort: bankPort });
	ends.push(proxy.stop);
	const { result, resident } = await sendLoad(placeWith(port, ["x-key: of-the-peer"], [proxy.pid, bank.pid]), "peer", load);
	expect(result.answered).toBeGreaterThan(0);
	expect(resident.peer).toBeGreaterThan(10_000_000);
});

test("each call carries the peer's headers", async () => {
	const seen = new Set<unknown>();
	const { port, close } = await listen(({ headers, url }, response) => {
		seen.add(`${headers["x-key"]} ${headers["content-type"]} ${url}`);
		response.writeHead(204).end();
	});
	ends.push(close);
	await expect(sendLoad(placeWith(port, ["x-key: of-the-peer"]), "peer", load)).rejects.toThrow(/were not answered as they should be: 204/);
	expect([...seen]).toEqual(["of-the-peer application/json /somewhere/pay"]);
});

test("a peer that answers by itself fails at the bank", async () => {
	const { port, close } = await listen((request, response) => {
		request.setEncoding("utf8").on("data", (body: string) => {
			const { reference } = JSON.parse(body) as { reference: string };
			response.writeHead(200).end(`{"done":true,"reference":"${reference}"}`);
		});
	});
	ends.push(close);
	await expect(sendLoad(placeWith(port, []), "peer", load)).rejects.toThrow(/the bank saw 0 requests of 0 calls/);
});

test("a peer that refuses and repeats its header does not show it", async () => {
	const { port, close } = await listen(({ headers }, response) => response.writeHead(401).end(`not known: ${headers["x-key"]}`));
	ends.push(close);
	const refused = sendLoad(placeWith(port, ["x-key: of-the-peer"]), "peer", load);
	await expect(refused).rejects.toThrow(/401 \(22 bytes, not shown/);
	await expect(refused).rejects.not.toThrow(/of-the-peer/);
});
