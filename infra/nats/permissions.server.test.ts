// A real NATS refuses every service everything that is not declared: each event tried as each service.
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectLink, type Link } from "#libs/bus/nats-link.ts";
import { inboxPrefixOf } from "#libs/bus/permissions.ts";
import { type Service, services } from "#libs/contracts/define-event.ts";
import { events } from "#libs/contracts/events.ts";
import { ledgerOf } from "#libs/contracts/subjects.ts";
import { type NatsForTests, startNatsForTests } from "./nats.test-support.ts";

let nats: NatsForTests;
const links = new Map<Service, Link>();

beforeAll(async () => {
	nats = await startNatsForTests();
	for (const service of services) {
		const options = { servers: [nats.url], name: service, seed: nats.seeds[service], onStatus: () => undefined };
		links.set(service, await connectLink({ ...options, inboxPrefix: inboxPrefixOf(service) }));
	}
}, 120_000);
afterAll(async () => {
	for (const link of links.values()) await link.close();
	await nats?.stop();
});

async function mayPublish(service: Service, subject: string): Promise<boolean> {
	const answer = await links.get(service)?.request(subject, new TextEncoder().encode("[]"), 5_000);
	if (answer?.ok) return true;
	expect(answer).toEqual({ ok: false, fault: "forbidden" });
	return false;
}

test.each(services)("%s publishes exactly what is declared", async (service) => {
	const tried = events.flatMap(({ type, reader, writers, pooled }) =>
		Object.entries(writers).flatMap(([writer, mode]) => {
			const subject = (by: string, key: string) => ({
				subject: `callgate.${by}.${pooled ? "default" : "_"}.${writer}.${key}.${type}`,
				declared: writer === service,
			});
			const inLedger = subject(reader === "record" ? "ledger" : reader, "_aprocess");
			return mode === "ledger" ? [subject(reader, "some-call"), inLedger] : [subject(reader, mode === "per-call" ? "some-call" : "_")];
		}),
	);
	const results = await Promise.all(
		tried.map(async ({ subject, declared }) => ({ subject, declared, may: await mayPublish(service, subject) })),
	);
	expect(results.filter(({ declared, may }) => declared !== may)).toEqual([]);
	expect(results.some(({ may }) => may)).toBe(true);
});

test("an executor says nothing in another pool's name", async () => {
	expect(await mayPublish("executor", "callgate.record.elsewhere.executor.some-call.call.started")).toBe(false);
	expect(await mayPublish("executor", "callgate.ingress.elsewhere.executor.some-call.call.ended")).toBe(false);
	for (const type of ["call.started", "call.taken"])
		expect(await mayPublish("executor", `callgate.ledger.elsewhere.executor._aprocess.${type}`), type).toBe(false);
});

test("a ledger is read by the executors of its pool, and by audit, which reads everything", async () => {
	const read = (service: Service, pool: string) => {
		const { claims } = ledgerOf(pool);
		return mayPublish(service, `$JS.API.CONSUMER.CREATE.CALLGATE.some-replica.${claims}`);
	};
	const readers: readonly Service[] = ["executor", "audit"];
	for (const service of services) expect(await read(service, "default"), service).toBe(readers.includes(service));
	expect(await read("executor", "elsewhere")).toBe(false);
});

test.each(services)("%s can neither purge, change nor delete the stream, nor read another's answers", async (service) => {
	for (const verb of ["PURGE", "UPDATE", "DELETE", "MSG.DELETE", "MSG.GET"]) {
		expect(await mayPublish(service, `$JS.API.STREAM.${verb}.CALLGATE`), verb).toBe(false);
	}
	const other = service === "audit" ? "policy" : "audit";
	expect(await mayPublish(service, `$JS.API.CONSUMER.MSG.NEXT.CALLGATE.${other}`)).toBe(false);
});
