// One idempotency key is one call that exists: a request that finds the key taken is told of the call only when it is durable.
import { createSecretKey } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { SealingKeys } from "#libs/contracts/sealed.ts";
import type { CheckedCall } from "./accept-call.ts";
import { type KeyUse, useKey } from "./kept-calls.ts";
import type { IngressPorts } from "./ports.ts";

function replica(stream = new MemoryStream()) {
	let now = 1_800_000_000_000;
	const ports = {
		bus: createMemoryBus(stream, "ingress"),
		sealingKeys: new SealingKeys(new Map([["default", [{ id: "k", secret: createSecretKey(new Uint8Array(32).fill(7)) }]]])),
		clock: { now: () => new Date(now) },
	} as unknown as IngressPorts;
	const use = (amount = 1, key = "key") => useKey(ports, key, checked(amount), uuidv7());
	const pass = (ms: number) => {
		now += ms;
	};
	const useUnder = (revision: string, groups?: string[]) => useKey(ports, "key", checked(1, revision, groups), uuidv7());
	return { use, useUnder, pass, stream };
}

function checked(amount: number, revision = "r1", groups: string[] = []): CheckedCall {
	const caller = { issuer: "https://idp.example", subject: "someone", groups };
	return {
		asked: { caller },
		prepared: { canonical: JSON.stringify({ amount }) },
		configuration: { revision },
		connection: { name: "bank", pool: "default" },
		fn: { name: "pay" },
	} as unknown as CheckedCall;
}

function mine(use: KeyUse): Extract<KeyUse, { mine: true }> {
	if (!use.mine) throw new Error("the key is another's");
	return use;
}

/** Whether it is still undecided after everything that can happen now has happened. */
async function isPending(work: Promise<unknown>): Promise<boolean> {
	let pending = true;
	const done = () => {
		pending = false;
	};
	work.then(done, done);
	for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
	return pending;
}

test("who finds the key taken waits until the call is durable, and is then told of it", async () => {
	const { use } = replica();
	const first = mine(await use());
	const second = use();
	expect(await isPending(second)).toBe(true);
	await first.confirm();
	expect(await second).toEqual({ mine: false, call: first.call });
});

test("what a dead replica left is taken over under the same call", async () => {
	const { use, pass } = replica();
	const { call } = mine(await use());
	const second = use();
	expect(await isPending(second)).toBe(true);
	pass(6_000);
	expect(mine(await second).call).toBe(call);
});

test("of many at once one publishes, and all are told of its call", async () => {
	const { use } = replica();
	const uses = Array.from({ length: 100 }, () => use());
	await mine(await Promise.any(uses)).confirm();
	const rest = await Promise.all(uses);
	expect(rest.filter((one) => one.mine)).toHaveLength(1);
	expect(new Set(rest.map(({ call }) => call)).size).toBe(1);
});

test("the key with other arguments is refused, whether or not the call is durable", async () => {
	const { use } = replica();
	const first = mine(await use(1));
	await expect(use(2)).rejects.toThrow(Refusal);
	await first.confirm();
	await expect(use(2)).rejects.toMatchObject({ code: "idempotency_mismatch" });
	expect(mine(await use(2, "another key")).call).not.toBe(first.call);
});

test("who takes a key over publishes under the revision of who took it first, and so does who takes it over from there", async () => {
	const { useUnder, pass } = replica();
	const { call } = mine(await useUnder("r1"));
	for (const revision of ["r2", "r3"]) {
		pass(6_000);
		expect(mine(await useUnder(revision))).toMatchObject({ call, revision: "r1" });
	}
});

test("a key is not taken over for a caller of other groups; once the call is durable it stands for it", async () => {
	const { useUnder, pass } = replica();
	const first = mine(await useUnder("r1", ["ci", "ops"]));
	pass(6_000);
	await expect(useUnder("r1", ["ci"])).rejects.toMatchObject({ code: "idempotency_mismatch" });
	expect(mine(await useUnder("r1", ["ops", "ci"])).call).toBe(first.call);
	await first.confirm();
	expect(await useUnder("r1", ["ci"])).toEqual({ mine: false, call: first.call });
});

test("what an older version left, without a revision, is taken over under one's own", async () => {
	const { useUnder, pass, stream } = replica();
	const { call } = mine(await useUnder("r1"));
	const table = stream.stores.get("calls");
	for (const [key, entry] of table ?? []) {
		const { revision: _revision, claims: _claims, ...older } = JSON.parse(entry.value);
		table?.set(key, { ...entry, value: JSON.stringify(older) });
	}
	pass(6_000);
	expect(mine(await useUnder("r2"))).toMatchObject({ call, revision: "r2" });
});
