// NATS that hangs or is gone, under load: every caller is told so within two seconds, what waits here is bounded, and it goes on by itself.
import { createSecretKey } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type Bus, EventsUnavailable } from "#libs/bus/bus.ts";
import { connectBus } from "#libs/bus/bus-nats.ts";
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import { SealingKeys } from "#libs/contracts/sealed.ts";
import { createHttp } from "#libs/service/http.ts";
import { createLogger } from "#libs/service/logger.ts";
import { createMetrics } from "#libs/service/metrics.ts";
import { createAside } from "#libs/service/work-aside.ts";
import { demoConfiguration } from "../../infra/local/demo/configuration.ts";
import { type NatsForTests, startNatsForTests } from "../../infra/nats/nats.test-support.ts";
import { patience } from "../../test/support/patience.ts";
import { callers, inForce } from "./ingress.test-support.ts";
import { Intake } from "./intake.ts";
import type { DoorPorts } from "./listen/door.ts";
import { listenHttp } from "./listen/listen-http.ts";
import { PendingCalls } from "./pending-calls.ts";
import { followEndings } from "./service.ts";

const mebibyte = 1024 * 1024;
/** Of a bus that is told nothing else. */
const givesUpMs = 1_800;
const bytesMax = 8 * mebibyte;
const textBytes = 256 * 1024;
const notes = `kind: Connection
name: notes
protocol: http
url: http://127.0.0.1:9
allowPrivateAddresses: true
credential: { secret: bank-api-key, as: bearer }
functions:
  keep: { method: POST, path: /, arguments: { type: object, properties: { text: { type: string } }, required: [text], additionalProperties: false } }
`;

let nats: NatsForTests;
let bus: Bus;
let http: FastifyInstance;
let intake: Intake;
let pending: PendingCalls;
const aside = createAside(new URL("./work.ts", import.meta.url));
let url: string;

beforeAll(async () => {
	nats = await startNatsForTests();
	const log = { retried: () => undefined, parked: () => undefined, connection: () => undefined };
	bus = await connectBus({ servers: [nats.url], service: "ingress", seed: nats.seeds.ingress, log });
	const demo = demoConfiguration({ issuer: "https://idp.example", bankUrl: "http://127.0.0.1:9" });
	const compiled = compileConfiguration({ ...demo, "notes.yaml": notes });
	if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
	pending = new PendingCalls(10_000);
	intake = new Intake({ bytesMax, bodyBytesMax: mebibyte, bus });
	const clock = { now: () => new Date() };
	const ended = await followEndings(bus, clock, pending);
	const robin = callers.robin;
	if (!robin) throw new Error("robin is not there");
	const configuration = inForce(compiled.configuration);
	const ports: DoorPorts = {
		...{ bus, pending, intake, aside, clock, configuration, ended, log: createLogger("ingress", "silent") },
		authenticate: async () => robin,
		strangers: { note: () => undefined },
		scopes: { of: () => undefined },
		sealingKeys: new SealingKeys(new Map([["default", [{ id: "s1", secret: createSecretKey(new Uint8Array(32).fill(1)) }]]])),
	};
	const quiet = { log: createLogger("ingress", "silent"), metrics: createMetrics("ingress") };
	http = createHttp({ ...quiet, ready: { events: () => bus.checkReady() }, bodyBytesMax: mebibyte });
	await listenHttp(http, ports, { waitSecondsMax: 60, stepsMax: 8 });
	url = await http.listen({ host: "127.0.0.1", port: 0 });
}, 120_000);
afterAll(async () => {
	await nats?.server.kill("SIGCONT");
	await http?.close();
	await aside.close();
	await bus?.close();
	await nats?.stop();
});

interface Seen {
	readonly status: number;
	readonly code: string | undefined;
	readonly retryAfter: string | null;
	readonly ms: number;
}

const body = JSON.stringify({ connection: "notes", function: "keep", arguments: { text: "x".repeat(textBytes) } });

async function post(headers: Record<string, string> = {}): Promise<Seen> {
	const begun = performance.now();
	const reply = await fetch(`${url}/v1/calls`, { method: "POST", body, headers: { "content-type": "application/json", ...headers } });
	const { code } = (await reply.json()) as { code?: string };
	return { status: reply.status, code, retryAfter: reply.headers.get("retry-after"), ms: performance.now() - begun };
}

/** Callers that never stop asking, until so many answers came. */
async function load(answers: number, atOnce = 64): Promise<{ seen: Seen[]; timers: number[]; bytesMost: number; rssMost: number }> {
	const seen: Seen[] = [];
	/** What a timer of the promised time takes under the same load. */
	const timers: number[] = [];
	const timer = async () => {
		do {
			const begun = performance.now();
			await delay(givesUpMs);
			timers.push(performance.now() - begun);
		} while (seen.length < answers);
	};
	let [bytesMost, rssMost] = [0, 0];
	const caller = async (nth: number) => {
		while (seen.length < answers) {
			// Each way to the stream: a plain one, one that is kept, one with a key.
			seen.push(await post(nth % 3 === 0 ? { prefer: "wait=30" } : nth % 3 === 1 ? { "idempotency-key": `key-${nth}` } : {}));
			bytesMost = Math.max(bytesMost, intake.bytes());
			rssMost = Math.max(rssMost, process.memoryUsage.rss());
		}
	};
	await Promise.all([timer(), ...Array.from({ length: atOnce }, (_, nth) => caller(nth))]);
	return { seen, timers, bytesMost, rssMost };
}

const median = (values: number[]) => values.toSorted((one, other) => one - other)[values.length >> 1] ?? 0;

test.each([
	["hangs", "SIGSTOP"],
	["is gone", "SIGKILL"],
] as const)(
	"NATS %s under load",
	async (_what, signal) => {
		expect((await post()).status).toBe(202);
		await nats.server.kill(signal);
		// The first ones find out; with a warm process what comes after is compared.
		const first = await load(200);
		const before = process.memoryUsage.rss();
		const { seen, bytesMost, rssMost } = await load(1_200);
		// The API's own limit is what was there before anyone knew: 429 then, else 503; both say when to come again.
		for (const { status, code, retryAfter } of [...first.seen, ...seen]) {
			expect([503, 429]).toContain(status);
			expect(code).toBe(status === 503 ? "events_unavailable" : "too_many_requests");
			expect(retryAfter).toMatch(/^\d+$/);
		}
		expect(first.seen.some(({ status }) => status === 503)).toBe(true);
		// A request gives up after 1.8 s: most callers wait about as long as such a timer takes here and now, and none for the 30 s it asked for.
		expect(median(first.seen.map(({ ms }) => ms))).toBeLessThan(1.5 * median(first.timers));
		expect(Math.max(...first.seen.map(({ ms }) => ms))).toBeLessThan(10 * Math.max(...first.timers));
		expect(Math.max(first.bytesMost, bytesMost)).toBeLessThanOrEqual(bytesMax);
		// Once it is known, a body is not even taken in: 1,200 of them are 300 MiB.
		expect(seen.filter(({ status }) => status === 429)).toEqual([]);
		expect(rssMost - before).toBeLessThan(200 * mebibyte);
		await vi.waitFor(() => expect(intake.bytes()).toBe(0), patience);
		expect(pending.size()).toBe(0);
		await expect(bus.checkReady()).rejects.toThrow(EventsUnavailable);

		if (signal === "SIGSTOP") await nats.server.kill("SIGCONT");
		else await nats.server.restart();
		await vi.waitFor(async () => expect((await post()).status).toBe(202), patience);
		expect((await fetch(`${url}/readyz`)).status).toBe(200);
	},
	180_000,
);
