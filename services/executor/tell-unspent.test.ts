// A call that limits counted and that did not run is told to policy, however often it takes; one that may have run never is.
import { expect, test } from "vitest";
import { EventsUnavailable } from "#libs/bus/bus.ts";
import type { Event } from "#libs/contracts/events.ts";
import { DialError } from "./dial-error.ts";
import { executeCall } from "./execute-call.ts";
import { Bench } from "./granted-call.test-support.ts";
import type { ExecutorPorts } from "./ports.ts";

const emptyVault: Partial<ExecutorPorts> = { vault: { get: async () => undefined } as unknown as ExecutorPorts["vault"] };

async function charged(bench: Bench): Promise<Event<"call.granted">> {
	const granted = await bench.grant();
	return { ...granted, data: { ...granted.data, charged: true } };
}

function dialling(sent: boolean): Bench {
	const bench = new Bench();
	bench.dialer.answering = () => {
		throw new DialError("connection_reset", "x", { sent });
	};
	return bench;
}

test("a call without its credential", async () => {
	const bench = new Bench();
	const granted = await charged(bench);
	await executeCall(bench.executor(emptyVault), granted);
	expect(bench.ending(granted).data).toMatchObject({ ending: "failed", code: "credential_missing", sent: false });
	expect(bench.of("call.unspent").map(({ data }) => [data.call, data.pool])).toEqual([[granted.data.call, granted.data.pool]]);
});

test("a call of which the dial sent nothing, and not one of which it may have sent something", async () => {
	for (const sent of [false, true]) {
		const bench = dialling(sent);
		const granted = await charged(bench);
		await executeCall(bench.executor(), granted);
		expect(bench.ending(granted).data.sent).toBe(sent ? undefined : false);
		expect(bench.of("call.unspent")).toHaveLength(sent ? 0 : 1);
	}
});

test("a call that no limit counted is not told", async () => {
	const bench = new Bench();
	await executeCall(bench.executor(emptyVault), await bench.grant());
	expect(bench.of("call.unspent")).toEqual([]);
});

test("who died between the ending and telling is made good by whoever gets the grant next, under the same id", async () => {
	const bench = new Bench();
	const granted = await charged(bench);
	const ports = bench.executor(emptyVault);
	const dying = { ...ports, bus: { ...ports.bus, publish: () => Promise.reject(new EventsUnavailable("died")) } };
	await expect(executeCall(dying, granted)).rejects.toThrow("died");
	expect(bench.of("call.ended")).toHaveLength(1);
	for (let times = 0; times < 2; times++) await executeCall(bench.executor(emptyVault), granted);
	expect(bench.of("call.ended")).toHaveLength(1);
	expect(new Set(bench.of("call.unspent").map(({ id }) => id)).size).toBe(1);
});
