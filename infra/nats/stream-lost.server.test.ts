// On a real NATS: a stream that is deleted, cut, made anew or lost with its consumer is noticed at start and while running, and never made anew unasked.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Bus } from "#libs/bus/bus.ts";
import { connectBus } from "#libs/bus/bus-nats.ts";
import { connectLink, type Link } from "#libs/bus/nats-link.ts";
import type { Service } from "#libs/contracts/define-event.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import { guardStream, recordedKey, type StreamGuard, StreamLost } from "#libs/service/guard-stream.ts";
import { createLogger } from "#libs/service/logger.ts";
import { patience } from "../../test/support/patience.ts";
import { findFreePorts } from "../local/ports.ts";
import { type NatsForTests, startNatsForTests } from "./nats.test-support.ts";
import { provisionStream, StreamNotThere } from "./provision-stream.ts";
import { operatorInbox } from "./server-config.ts";

const pools = ["default"];
let nats: NatsForTests;
let operator: Link;
const opened: { close(): Promise<void> }[] = [];
const guards: StreamGuard[] = [];
const processes = new Set<ChildProcess>();
beforeEach(async () => {
	nats = await startNatsForTests();
	operator = await connectLink({
		...{ servers: [nats.url], name: "operator", seed: nats.operatorSeed, inboxPrefix: operatorInbox, onStatus: () => undefined },
	});
	opened.push(operator);
}, 120_000);
afterEach(async () => {
	for (const child of processes) child.kill("SIGKILL");
	processes.clear();
	for (const guard of guards.splice(0)) guard.stop();
	for (const one of opened.splice(0)) await one.close();
	await nats?.stop();
});

async function connect(service: Service): Promise<Bus> {
	const log = { retried: () => undefined, parked: () => undefined, connection: () => undefined };
	const bus = await connectBus({ servers: [nats.url], service, seed: nats.seeds[service], log });
	opened.push(bus);
	return bus;
}

async function guarded(service: Service, identity?: string): Promise<StreamGuard> {
	const guard = await guardStream(await connect(service), { identity, log: createLogger("test", "silent"), everyMs: 50 });
	guards.push(guard);
	return guard;
}

async function ask(verb: string, body?: object): Promise<void> {
	const answer = await operator.request(`$JS.API.${verb}`, new TextEncoder().encode(body ? JSON.stringify(body) : ""), 10_000);
	if (!answer.ok) throw new Error(answer.fault);
	const { error } = JSON.parse(new TextDecoder().decode(answer.reply.bytes)) as { error?: { description: string } };
	if (error) throw new Error(error.description);
}

async function say(count: number): Promise<void> {
	const ingress = await connect("ingress");
	const caller = { issuer: "https://idp.example", subject: "robin", groups: [] };
	for (let nth = 0; nth < count; nth++) {
		const call = `01890a5d-ac96-774b-bcce-b3020000000${nth}`;
		await ingress.publish(newEvent("ingress", "call.withdrawn", { call, caller }, { at: new Date() }));
	}
}

const identityNow = () => provisionStream(operator, { pools });

test("a server that takes smaller messages than the largest answers need is refused, with what to do", async () => {
	await nats.takeAtMost(1_048_576);
	const link = { servers: [nats.url], name: "operator", seed: nats.operatorSeed, inboxPrefix: operatorInbox, onStatus: () => undefined };
	const told = await vi.waitFor(async () => {
		const again = await connectLink(link);
		opened.push(again);
		expect(again.messageBytesMax()).toBe(1_048_576);
		return again;
	}, patience);
	await expect(provisionStream(told, { pools })).rejects.toThrow("set max_payload in its configuration");
});

test("what is in force is read back from the server, by every service", async () => {
	for (const service of ["ingress", "policy", "approval", "executor", "audit"] as const) {
		const { syncInterval, stream, consumer } = (await guarded(service)).durability();
		expect({ service, syncInterval }).toEqual({ service, syncInterval: "120s" });
		expect(stream).toMatchObject({ storage: "file", retention: "limits", discard: "new", copies: 1, identity: await identityNow() });
		expect(consumer?.name).toBe(service === "ingress" ? undefined : service === "executor" ? "executor-default" : service);
	}
	await nats.stop();
	nats = await startNatsForTests({ syncInterval: "always" });
	expect((await guarded("executor")).durability().syncInterval).toBe("always");
});

test("provisioning again changes no identity, and refuses a stream that is another one", async () => {
	const identity = await identityNow();
	expect(await provisionStream(operator, { pools, identity })).toBe(identity);
	await expect(provisionStream(operator, { pools, identity: "another" })).rejects.toThrow(StreamNotThere);
	expect(await identityNow()).toBe(identity);
});

test("deleted while services run: not ready, nothing is stored, nobody makes it anew; another one stops them", async () => {
	const identity = await identityNow();
	const ingress = await connect("ingress");
	const [guard, other] = [await guarded("ingress", identity), await guarded("policy", identity)];
	await ask("STREAM.DELETE.CALLGATE");
	await expect(guard.checkReady()).rejects.toThrow("the stream CALLGATE is missing");
	await expect(other.checkReady()).rejects.toThrow("the stream CALLGATE is missing");
	await expect(guarded("executor")).rejects.toThrow(StreamLost);
	const caller = { issuer: "https://idp.example", subject: "robin", groups: [] };
	const call = "01890a5d-ac96-774b-bcce-b30200000001";
	const event = newEvent("ingress", "call.withdrawn", { call, caller }, { at: new Date() });
	await expect(ingress.publish(event)).rejects.toThrow("no stream takes this subject");
	await expect(provisionStream(operator, { pools })).rejects.toThrow("it was lost");
	await expect(provisionStream(operator, { pools, identity })).rejects.toThrow("is missing");
	expect(await ingress.stream.state()).toBeUndefined();

	const accepted = await provisionStream(operator, { pools, identity, acceptLoss: true });
	expect(accepted).not.toBe(identity);
	for (const lost of await Promise.all([guard.lost, other.lost])) expect(lost.message).toContain("another one");
	await expect(guarded("approval", identity)).rejects.toThrow("than CALLGATE_STREAM_IDENTITY says");
	await (await guarded("approval", accepted)).checkReady();
});

test("made anew by hand, without an identity, it is not worked on", async () => {
	await ask("STREAM.DELETE.CALLGATE");
	await ask("STREAM.CREATE.CALLGATE", { name: "CALLGATE", subjects: ["callgate.>"], retention: "limits", storage: "file" });
	await expect(guarded("ingress")).rejects.toThrow("has no identity");
});

test("shorter than the record: all services stop, and none starts, until an operator accepts it", async () => {
	await say(3);
	const identity = await identityNow();
	const running = await guarded("policy");
	const audit = await connect("audit");
	await audit.store("recorded").put(recordedKey, JSON.stringify({ identity, position: 3 }));
	await running.checkReady();
	await audit.store("recorded").put(recordedKey, JSON.stringify({ identity, position: 4 }));
	expect((await running.lost).message).toContain("ends at 3, and the record has 4");
	for (const service of ["ingress", "policy", "approval", "executor", "audit"] as const) {
		await expect(guarded(service), service).rejects.toThrow(StreamLost);
	}
	expect(await provisionStream(operator, { pools, acceptLoss: true })).toBe(identity);
	await (await guarded("ingress", identity)).checkReady();
});

test("a consumer that is missing keeps its service from starting, and is not ready until it is there again", async () => {
	const running = await guarded("policy");
	await ask("CONSUMER.DELETE.CALLGATE.policy");
	await expect(running.checkReady()).rejects.toThrow("consumer of CALLGATE is missing");
	await expect(guarded("policy")).rejects.toThrow(StreamLost);
	await (await guarded("approval")).checkReady();
	await identityNow();
	await running.checkReady();
});

test("NATS away and back: not ready meanwhile, and not taken for lost", async () => {
	await say(2);
	const running = await guarded("policy");
	let lost = false;
	void running.lost.then(() => (lost = true));
	await nats.server.kill("SIGKILL");
	await vi.waitFor(() => expect(running.checkReady()).rejects.toThrow("NATS"), patience);
	await nats.server.restart();
	await vi.waitFor(() => running.checkReady(), patience);
	expect(lost).toBe(false);
	expect(running.durability().stream.last).toBe(2);
});

const ingressMain = fileURLToPath(new URL("../../services/ingress/main.ts", import.meta.url));

/** The ingress process as it runs. */
async function startIngress(identity: string) {
	const [port = 0] = await findFreePorts(1);
	const sealing = JSON.stringify({ default: [{ kid: "s", kty: "oct", k: Buffer.alloc(32, 1).toString("base64url") }] });
	const env = {
		...{ CALLGATE_NATS_SERVERS: nats.url, CALLGATE_NATS_SEED: nats.seeds.ingress, CALLGATE_STREAM_IDENTITY: identity },
		...{ CALLGATE_SEALING_KEYS: sealing, CALLGATE_PORT: String(port) },
	};
	const child = spawn(process.execPath, [ingressMain], { env, stdio: ["ignore", "pipe", "inherit"] });
	processes.add(child);
	let output = "";
	child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
	const exited = once(child, "exit").then(([code]) => code as number | null);
	const readiness = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).text();
	return { exited, readiness, output: () => output };
}

test("a real process: tells what is in force without a secret, is not ready without its stream, ends with 70 at another, and starts on none but its own", async () => {
	const identity = await identityNow();
	const running = await startIngress(identity);
	await vi.waitFor(async () => expect(await running.readiness()).toContain('"events":"ok"'), patience);
	const told = await running.readiness();
	expect(JSON.parse(told)).toMatchObject({
		durability: { syncInterval: "120s", stream: { identity, copies: 1, storage: "file", retention: "limits", discard: "new" } },
	});
	for (const secret of [nats.seeds.ingress, nats.operatorSeed, "/tmp", "jetstream"]) expect(told).not.toContain(secret);

	await ask("STREAM.DELETE.CALLGATE");
	await vi.waitFor(async () => expect(await running.readiness()).toContain("the stream CALLGATE is missing"), patience);
	const early = await startIngress(identity);
	expect(await early.exited).toBe(1);
	expect(early.output()).toContain("the stream CALLGATE is missing");

	await provisionStream(operator, { pools, acceptLoss: true });
	expect(await running.exited).toBe(70);
	expect(running.output()).toMatch(/must not go on/);
	const late = await startIngress(identity);
	expect(await late.exited).toBe(1);
	expect(late.output()).toContain("than CALLGATE_STREAM_IDENTITY says");
}, 120_000);
