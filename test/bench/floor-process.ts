// The lane "floor": one of five bare processes, with the stream messages of Callgate's and nothing else: no checks, no rules, no seals, no masks.
// Written as one writes it first, with the plain client: each message published by itself and awaited before anything follows from it.
import { Agent, createServer, request as dial } from "node:http";
import { connect, type JsMsg, nkeyAuthenticator } from "nats";
import { loopback } from "../../infra/local/ports.ts";
import { serve, settingsOf } from "./child.ts";
import { type FloorPlaces, type FloorRole, floorStream } from "./floor-plan.ts";

const { role, natsUrl, seed, port, bankPort } = settingsOf<FloorPlaces & { readonly role: FloorRole }>();
const connection = await connect({ servers: [natsUrl], authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)) });
const js = connection.jetstream();

/** Messages in work at once, as many as come: a message is acknowledged when what follows from it is durable. */
async function consume(handle: (message: JsMsg) => Promise<void>): Promise<void> {
	const consumer = await js.consumers.get(floorStream, role);
	for await (const message of await consumer.consume()) void handle(message).then(() => message.ack());
}

const agent = new Agent({ keepAlive: true, maxSockets: 1_024, maxFreeSockets: 1_024 });

function callBank(body: string): Promise<string> {
	return new Promise((resolve, reject) => {
		const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
		const asked = dial({ agent, host: loopback, port: bankPort, method: "POST", path: "/pay", headers }, (answer) => {
			const chunks: Buffer[] = [];
			answer.on("data", (chunk: Buffer) => chunks.push(chunk));
			answer.on("end", () => resolve(Buffer.concat(chunks).toString()));
		});
		asked.on("error", reject);
		asked.end(body);
	});
}

async function ingress(): Promise<void> {
	const waiting = new Map<string, (answer: string) => void>();
	const endings = await js.consumers.get(floorStream, { filterSubjects: "floor.ended" });
	const listen = async () => {
		for await (const message of await endings.consume()) {
			const { call, answer } = message.json<{ call: string; answer: string }>();
			waiting.get(call)?.(answer);
			waiting.delete(call);
		}
	};
	void listen();
	let calls = 0;
	const accept = async (body: string): Promise<string> => {
		const call = `${process.pid}-${calls++}`;
		const answered = new Promise<string>((resolve) => waiting.set(call, resolve));
		await js.publish("floor.received", JSON.stringify({ call, body }));
		return await answered;
	};
	const server = createServer((request, response) => {
		const chunks: Buffer[] = [];
		request.on("data", (chunk: Buffer) => chunks.push(chunk));
		request.on("end", () =>
			accept(Buffer.concat(chunks).toString()).then(
				(answer) => response.writeHead(200, { "content-type": "application/json" }).end(answer),
				() => response.writeHead(503).end(),
			),
		);
	});
	server.keepAliveTimeout = 75_000;
	await new Promise<void>((resolve) => server.listen(port, loopback, 4_096, resolve));
}

const roles: Record<FloorRole, () => Promise<void> | void> = {
	ingress,
	policy: () => void consume(async (message) => void (await js.publish("floor.granted", message.data))),
	// Nothing is ever held here.
	approval: () => void consume(async () => undefined),
	executor: () =>
		void consume(async (message) => {
			const { call, body } = message.json<{ call: string; body: string }>();
			await js.publish("floor.started", JSON.stringify({ call }));
			const answer = await callBank(body);
			await js.publish("floor.ended", JSON.stringify({ call, answer }));
		}),
	// There, and idle: what it could do without logic is to read along, and against a floor that does not, both of Callgate's lanes look worse.
	audit: () => undefined,
};

await roles[role]();
serve({});
