// The function behind every lane: answers at once, and counts which calls reached it.
import { createServer } from "node:http";
import { loopback } from "../../infra/local/ports.ts";
import { serve, settingsOf } from "./child.ts";

export interface BankSettings {
	readonly port: number;
}

/** What arrived since the last time the bank was asked. */
export interface BankCount {
	readonly requests: number;
	/** Different references among them. */
	readonly calls: number;
}

const { port } = settingsOf<BankSettings>();
let requests = 0;
let references = new Set<string>();
/** When the first byte of a request on this path came, in nanoseconds of the monotonic clock all processes share. */
const arrivals = new Map<string, string>();

const server = createServer((request, response) => {
	const at = process.hrtime.bigint();
	const chunks: Buffer[] = [];
	request.on("data", (chunk: Buffer) => chunks.push(chunk));
	request.on("end", () => {
		const reference = /"reference":"([^"]*)"/.exec(Buffer.concat(chunks).toString())?.[1] ?? "";
		requests++;
		references.add(reference);
		if (request.url === "/pay-held") arrivals.set(reference, `${at}`);
		response.writeHead(200, { "content-type": "application/json" }).end(`{"done":true,"reference":"${reference}"}`);
	});
});
server.keepAliveTimeout = 75_000;
server.requestTimeout = 0;
server.listen(port, loopback, 4_096, () =>
	serve({
		count: (): BankCount => {
			const count = { requests, calls: references.size };
			requests = 0;
			references = new Set();
			return count;
		},
		arrival: (reference: string) => arrivals.get(reference),
	}),
);
