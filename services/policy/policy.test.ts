// A received call gets one decision on its real arguments, the same however often it is delivered, and a limit counts it once.
import { createSecretKey, generateKeyPairSync } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import { EventsUnavailable, Unprocessable } from "#libs/bus/bus.ts";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import type { Configuration } from "#libs/configuration/configuration.ts";
import { type ActiveConfiguration, followConfiguration } from "#libs/configuration/follow-configuration.ts";
import { digestOf } from "#libs/contracts/digest.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent, Event } from "#libs/contracts/events.ts";
import { GrantSigner, GrantVerifier } from "#libs/contracts/grant.ts";
import type { JsonObject } from "#libs/contracts/json.ts";
import { SealingKeys } from "#libs/contracts/sealed.ts";
import { createAside, hereCharsMax } from "#libs/service/work-aside.ts";
import { demoConfiguration } from "../../infra/local/demo/configuration.ts";
import { patience } from "../../test/support/patience.ts";
import { activateConfiguration, ConfigurationRefused } from "./activate-configuration.ts";
import { giveBack } from "./charge-limits.ts";
import { decideCall } from "./decide-call.ts";
import type { PolicyPorts } from "./ports.ts";
import { startPolicy } from "./service.ts";

const now = new Date("2026-01-01T12:00:00.000Z");
const ci = { issuer: "https://idp.example", subject: "ci-robot", groups: ["ci"] };
const transfer = { to: "acc-2", amount: 10, currency: "EUR", country: "DE" };
const sealingKey = (id: string, fill: number) => ({ id, secret: createSecretKey(new Uint8Array(32).fill(fill)) });
const sealingKeys = new SealingKeys(
	new Map([
		["default", [sealingKey("s1", 1)]],
		["dmz", [sealingKey("s2", 2)]],
	]),
);

/** The demo's rules, with a limit on what CI may send in a day. */
const files = demoConfiguration({ issuer: ci.issuer, bankUrl: "http://127.0.0.1:9" });
const limit = "    limit: { sum: args.amount, per: caller, window: 24h, max: 25 }\n";
const limited = {
	...files,
	"policy.yaml": (files["policy.yaml"] ?? "").replace('["USD", "EUR"]\n    effect: allow\n', `["USD", "EUR"]\n    effect: allow\n${limit}`),
};

function compiled(source: Record<string, string>): Configuration {
	const result = compileConfiguration(source);
	if (!result.ok) throw new Error(JSON.stringify(result.errors));
	return result.configuration;
}
const configuration = compiled(limited);

const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const signingKey = { id: "p1", key: privateKey };
const grants = new GrantVerifier({ policy: new Map([["p1", publicKey]]), approval: new Map() });

let stream: MemoryStream;
let ports: PolicyPorts;
let decided: string[];
beforeEach(() => {
	stream = new MemoryStream();
	decided = [];
	ports = replica();
});

/** Starts no thread before a test brings something large. */
const aside = createAside(new URL("./work.ts", import.meta.url));
afterAll(() => aside.close());

function replica(over: Partial<PolicyPorts> = {}): PolicyPorts {
	const revisions: Pick<ActiveConfiguration, "current" | "at" | "supersededAt"> = {
		current: () => configuration,
		at: async (revision) => (revision === configuration.revision ? configuration : undefined),
		supersededAt: () => undefined,
	};
	return {
		bus: createMemoryBus(stream, "policy"),
		configuration: revisions,
		...{ sealingKeys, aside, signingKey, grants: new GrantSigner(signingKey), clock: { now: () => now }, grantTtlMs: 300_000 },
		decided: (effect) => void decided.push(effect),
		...over,
	};
}

interface Asked {
	readonly function?: string;
	readonly arguments?: JsonObject;
	readonly data?: Partial<Event<"call.received">["data"]>;
	/** What is sealed, where that is not what was digested. */
	readonly sealed?: JsonObject;
}

async function received({ function: name = "createTransfer", arguments: args = transfer, data = {}, sealed = args }: Asked = {}) {
	const call = uuidv7();
	const salt = "0".repeat(32);
	const digest = digestOf({ caller: ci, connection: "bank", function: name, arguments: args, salt });
	const jwe = sealingKeys.seal(data.pool === "dmz" ? "dmz" : "default", call, "arguments", { arguments: sealed, salt, headers: [] });
	const about = { call, connection: "bank", function: name, pool: "default", digest, revision: configuration.revision, caller: ci };
	const rest = { via: "calls" as const, receivedAt: now.toISOString(), arguments: { amount: "masked" }, findings: [], sealed: jwe };
	return newEvent(
		"ingress",
		"call.received",
		{ ...about, ...rest, ...data },
		{ at: now, traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` },
	);
}

const of = <Kind extends CallgateEvent["type"]>(type: Kind) => stream.events().filter((event): event is Event<Kind> => event.type === type);

describe("a decision", () => {
	test("to allow is a signed grant of exactly this call, for a while", async () => {
		const event = await received();
		await decideCall(ports, event, now);
		const [granted] = of("call.granted");
		expect(granted?.data).toMatchObject({ call: event.data.call, rules: ["ci-makes-small-transfers"], sealed: event.data.sealed });
		expect(granted?.traceparent).toBe(event.traceparent);
		expect(grants.verify(granted?.data.grant ?? "", event.data, now)).toMatchObject({ signer: "policy" });
		expect(() => grants.verify(granted?.data.grant ?? "", event.data, new Date(now.getTime() + 300_000))).toThrow("expired");
		expect(stream.messages).toHaveLength(1);
	});
	test("to hold asks people, and permits nothing", async () => {
		await decideCall(ports, await received({ arguments: { ...transfer, amount: 5_000 } }), now);
		const [held] = of("call.held");
		expect(held?.data.terms).toEqual({
			requirements: [{ rule: "large-transfers-need-finance", anyOf: ["finance"], quorum: 1, reasonRequired: false }],
			expiresAt: "2026-01-01T12:30:00.000Z",
			remindAt: ["2026-01-01T12:15:00.000Z"],
			escalations: [expect.objectContaining({ at: "2026-01-01T12:20:00.000Z", to: ["cfo"] })],
		});
		expect(held?.data.arguments).toEqual({ amount: "masked" });
		expect(() => grants.verify(held?.data.hold ?? "", held?.data ?? configurationless(), now)).toThrow();
		expect(stream.messages).toHaveLength(1);
	});
	test.each([
		["grants", {}, "grant"],
		["denies", { country: "XX" }, "deny"],
	])("about large arguments %s as about small ones", async (_what, own, effect) => {
		await decideCall(ports, await received({ arguments: { ...transfer, ...own, reference: "r".repeat(hereCharsMax) } }), now);
		expect(decided).toEqual([effect]);
	});
	test("to deny ends the call with rule and reason", async () => {
		await decideCall(ports, await received({ arguments: { ...transfer, country: "XX" } }), now);
		expect(of("call.ended")[0]?.data).toMatchObject({ ending: "denied", code: "denied", rules: ["never-to-blocked-countries"] });
		expect(stream.messages).toHaveLength(1);
	});
	test("that no rule makes is to deny", async () => {
		await decideCall(ports, await received({ data: {}, arguments: { ...transfer, amount: 10, currency: "GBP" } }), now);
		expect(of("call.ended")[0]?.data).toMatchObject({ ending: "denied", rules: [] });
	});
});

function configurationless(): never {
	throw new Error("nothing was held");
}

describe("what was tampered with is not decided:", () => {
	test.each<[string, Asked]>([
		["arguments other than those of the digest", { sealed: { ...transfer, amount: 1 } }],
		["large ones, too", { sealed: { ...transfer, reference: "r".repeat(hereCharsMax) } }],
		["another caller than that of the digest", { data: { caller: { ...ci, subject: "someone-else" } } }],
		["another function than that of the digest", { data: { function: "closeAccount" } }],
		["another digest", { data: { digest: `sha256:${"f".repeat(64)}` } }],
		["a seal that is none", { data: { sealed: "a.b.c.d.e" } }],
		["a pool whose key is not held", { data: { pool: "none" } }],
		["another pool than its connection's", { data: { pool: "dmz" } }],
	])("%s", async (_what, asked) => {
		const event = await received(asked);
		await expect(decideCall(ports, event, now)).rejects.toThrow(Unprocessable);
		expect(stream.messages).toEqual([]);
	});
	test("it is parked, and the call ends without having run", async () => {
		const reading = await startPolicy(ports);
		const event = await received({ sealed: { ...transfer, amount: 1 } });
		await createMemoryBus(stream, "ingress").publish(event);
		await vi.waitFor(() => expect(of("control.message.parked")).toHaveLength(1), patience);
		await reading.stop();
		expect(of("call.ended").map(({ data }) => [data.call, data.ending, data.code])).toEqual([[event.data.call, "failed", "internal"]]);
		expect(of("call.granted")).toEqual([]);
	});
});

describe("a call that is delivered again", () => {
	test("is decided in the same way, and ends once", async () => {
		const event = await received({ arguments: { ...transfer, country: "XX" } });
		for (let times = 0; times < 3; times++) await decideCall(ports, event, now);
		expect(of("call.ended")).toHaveLength(1);
	});
	test("is charged once, by whichever replica", async () => {
		const event = await received();
		const other = replica();
		await Promise.all([decideCall(ports, event, now), decideCall(other, event, now)]);
		await decideCall(ports, event, now);
		expect(of("call.granted").length).toBe(3);
		expect(new Set(of("call.granted").map(({ id }) => id)).size).toBe(1);
		await decideCall(other, await received(), now);
		expect(of("call.ended")).toEqual([]);
		await decideCall(ports, await received(), now);
		expect(of("call.ended")[0]?.data).toMatchObject({ ending: "denied", reasons: [{ code: "limit_exceeded" }] });
	});
	test("after it was denied by a limit stays denied, although there is room by then", async () => {
		for (let times = 0; times < 2; times++) await decideCall(ports, await received(), now);
		const event = await received();
		await decideCall(ports, event, now);
		expect(decided).toEqual(["grant", "grant", "deny"]);
		const limits = stream.stores.get("limits");
		for (const key of [...(limits?.keys() ?? [])]) if (!key.startsWith("call.")) limits?.delete(key);
		await decideCall(replica(), event, now);
		expect(of("call.ended")).toHaveLength(1);
		expect(of("call.granted")).toHaveLength(2);
	});
});

test("a hundred calls at once against one limit: exactly as many are granted as it allows", async () => {
	const replicas = [replica(), replica(), replica()];
	const events = await Promise.all(Array.from({ length: 30 }, () => received()));
	const deliver = async (event: Event<"call.received">, index: number): Promise<void> => {
		for (;;) {
			try {
				return await decideCall(replicas[index % 3] ?? ports, event, now);
			} catch (error) {
				if (!(error instanceof EventsUnavailable)) throw error;
			}
		}
	};
	await Promise.all(events.map(deliver));
	expect(of("call.granted")).toHaveLength(2);
	expect(of("call.ended")).toHaveLength(28);
});

test("a call of an ingress whose clock is ahead does not empty the window of a limit", async () => {
	for (let times = 0; times < 2; times++) await decideCall(ports, await received(), now);
	const ahead = new Date(now.getTime() + 25 * 3_600_000).toISOString();
	await decideCall(ports, await received({ data: { receivedAt: ahead } }), now);
	await decideCall(ports, await received(), now);
	expect(decided).toEqual(["grant", "grant", "deny", "deny"]);
});

describe("a revision", () => {
	const revisions = (until: Date | undefined, known = true) =>
		replica({
			configuration: {
				current: () => compiled(files),
				at: async () => (known ? configuration : undefined),
				supersededAt: () => until,
			},
		});
	test("that was superseded after the call came in still decides it", async () => {
		await decideCall(revisions(new Date(now.getTime() + 1_000)), await received(), now);
		expect(of("call.granted")).toHaveLength(1);
	});
	test("that was superseded long before the call came in does not", async () => {
		await decideCall(revisions(new Date(now.getTime() - 60_001)), await received(), now);
		expect(of("call.ended")[0]?.data).toMatchObject({ ending: "failed", code: "revision_superseded" });
		expect(of("call.granted")).toEqual([]);
	});
	test("of which nobody remembers that it was in force decides nothing", async () => {
		await expect(decideCall(revisions(undefined), await received(), now)).rejects.toThrow("not known");
		expect(stream.messages).toEqual([]);
	});
	test("that nobody knows decides nothing", async () => {
		await expect(decideCall(revisions(undefined, false), await received(), now)).rejects.toThrow();
		expect(stream.messages).toEqual([]);
	});
});

test("while the stream is away nothing is decided, and nothing is lost", async () => {
	const event = await received();
	stream.away = true;
	await expect(decideCall(ports, event, now)).rejects.toThrow(EventsUnavailable);
	stream.away = false;
	await decideCall(ports, event, now);
	expect(of("call.granted")).toHaveLength(1);
});

describe("a call that did not run is given back,", () => {
	const room = { call: "", pool: "default" };
	/** What the account holds: calls of 10 that still fit are tried until one does not. */
	async function stillFit(): Promise<number> {
		for (let fitting = 0; ; fitting++) {
			const before = of("call.granted").length;
			await decideCall(ports, await received(), now);
			if (of("call.granted").length === before) return fitting;
		}
	}

	test("once, whoever of several replicas hears of it how often", async () => {
		const event = await received();
		for (const one of [event, await received()]) await decideCall(ports, one, now);
		expect(of("call.granted").map(({ data }) => data.charged)).toEqual([true, true]);
		const about = { ...room, call: event.data.call };
		await Promise.all([replica(), replica(), replica()].map((one) => giveBack(one, about)));
		for (let times = 0; times < 3; times++) await giveBack(replica(), about);
		expect(await stillFit()).toBe(1);
	});

	test("also where a replica dies at any step of it, or decides the call again afterwards", async () => {
		for (let step = 0; step < 8; step++) {
			stream = new MemoryStream();
			ports = replica();
			const event = await received();
			for (const one of [event, await received()]) await decideCall(ports, one, now);
			let writes = 0;
			const { bus } = replica();
			const store = bus.store("limits");
			const write: typeof store.write = (...entry) =>
				writes++ === step ? Promise.reject(new EventsUnavailable("died")) : store.write(...entry);
			const dying = { ...ports, bus: { ...bus, store: () => ({ ...store, get: (key: string) => store.get(key), write }) } } as PolicyPorts;
			const about = { ...room, call: event.data.call };
			await giveBack(dying, about).catch((error: unknown) => expect(error).toBeInstanceOf(EventsUnavailable));
			await decideCall(replica(), event, now);
			await giveBack(replica(), about);
			await decideCall(replica(), event, now);
			expect([step, await stillFit()]).toEqual([step, 1]);
		}
	});

	test("on the word of its own pool alone", async () => {
		const event = await received();
		await decideCall(ports, event, now);
		await expect(giveBack(ports, { call: event.data.call, pool: "dmz" })).rejects.toThrow(Unprocessable);
		expect(await stillFit()).toBe(1);
	});

	test("when its executor says so, and calls that no limit counted are nothing to give back", async () => {
		const reading = await startPolicy(ports);
		const [event, other] = [await received(), await received()];
		await decideCall(ports, event, now);
		await decideCall(ports, other, now);
		const { call, connection, function: name, pool, digest, revision, caller } = event.data;
		const executor = createMemoryBus(stream, "executor");
		for (const id of [uuidv7(), call, call]) {
			const data = { call: id, connection, function: name, pool, digest, revision, caller };
			await executor.publish(newEvent("executor", "call.unspent", data, { at: now }));
		}
		const entry = () => stream.stores.get("limits")?.get(`call.${call}`);
		await vi.waitFor(() => expect(JSON.stringify(entry())).toContain("done"), patience);
		await reading.stop();
		expect(of("control.message.parked")).toEqual([]);
		expect(await stillFit()).toBe(1);
	});
});

describe("activating", () => {
	const folder = (source: Record<string, string>) => ({ ok: true as const, files: source });
	const activate = (source: Record<string, string>, bus = ports.bus) => activateConfiguration(bus, folder(source) as never, () => now);
	test("stores the revision before anyone is told of it, and everyone follows it", async () => {
		const following = await followConfiguration(createMemoryBus(stream, "ingress"));
		expect(() => following.current()).toThrow(EventsUnavailable);
		const revision = await activate(limited);
		await vi.waitFor(() => expect(following.current().revision).toBe(revision), patience);
		expect(revision).toBe(configuration.revision);
		await following.stop();
	});
	test("is once per revision, and names the former one and since when it is over", async () => {
		const first = await activate(files);
		expect(await activate(files)).toBe(first);
		const second = await activate(limited);
		expect(of("control.configuration.activated").map(({ data }) => [data.revision, data.previous])).toEqual([
			[first, undefined],
			[second, first],
		]);
		const following = await followConfiguration(createMemoryBus(stream, "ingress"));
		expect(following.supersededAt(second)).toBeUndefined();
		expect((await following.at(first))?.revision).toBe(first);
		expect(await following.at(`sha256:${"0".repeat(64)}`)).toBeUndefined();
		await following.stop();
	});
	test("ends the former revision when the server stored the new one, whatever the clock of who activates says", async () => {
		const hour = 3_600_000;
		const times = [now, new Date(now.getTime() + hour), new Date(now.getTime() + 2 * hour)];
		const sources = [files, limited, { ...files, "policy.yaml": `${files["policy.yaml"]}# the third\n` }];
		const [first, second] = sources.map(compiled);
		if (!first || !second) throw new Error("nothing was compiled");
		for (const [index, source] of sources.entries()) {
			stream.now = () => times[index] ?? now;
			await activateConfiguration(ports.bus, folder(source) as never, () => new Date(now.getTime() - 24 * hour));
			const following = await followConfiguration(createMemoryBus(stream, "ingress"));
			expect(following.supersededAt(first.revision)).toEqual(index > 0 ? times[1] : undefined);
			expect(following.supersededAt(second.revision)).toEqual(index > 1 ? times[2] : undefined);
			await following.stop();
		}
	});
	test("of what does not compile changes nothing, and says where it is wrong", async () => {
		const first = await activate(files);
		const broken = { ...files, "policy.yaml": (files["policy.yaml"] ?? "").replace("effect: allow", "effect: perhaps") };
		const error: unknown = await activate(broken).catch((thrown: unknown) => thrown);
		expect(error).toBeInstanceOf(ConfigurationRefused);
		expect(String(error)).toMatch(/policy\.yaml:\d+:\d+ /);
		expect(of("control.configuration.activated")).toHaveLength(1);
		expect(await activate(files)).toBe(first);
	});
	test("by two replicas at once ends with one of the two in force, each with its content", async () => {
		await Promise.all([activate(files), activate(limited, createMemoryBus(stream, "policy"))]);
		const following = await followConfiguration(createMemoryBus(stream, "ingress"));
		expect([compiled(files).revision, configuration.revision]).toContain(following.current().revision);
		await following.stop();
	});
	test("of a revision whose content was swapped is not followed", async () => {
		const [one, two] = [await activate(files), await activate(limited)];
		const table = stream.stores.get("configuration");
		const key = (revision: string) => `revision.${revision.replace("sha256:", "")}`;
		const swapped = table?.get(key(one));
		if (!table || !swapped) throw new Error("nothing is stored");
		table.set(key(two), swapped);
		await expect(followConfiguration(createMemoryBus(stream, "ingress"))).rejects.toThrow("not what its name says");
	});
});
