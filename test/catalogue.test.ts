// Declared = emitted = consumed: what the code says and handles is what libs/contracts/events.ts declares, and nothing else can be said.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { durableConsumers, permissionsOf } from "#libs/bus/permissions.ts";
import { anyEventOf } from "#libs/contracts/any-event.test-support.ts";
import { services } from "#libs/contracts/define-event.ts";
import { decodeEvents, encodeEvents, MalformedEvent, newEvent } from "#libs/contracts/envelope.ts";
import { events } from "#libs/contracts/events.ts";
import { parseSubject, readsOf, saysOf, subjectMatches, subjectOf } from "#libs/contracts/subjects.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What a service's own code says, tests left out; parking is done for every consumer by the bus. */
function sourceOf(service: string): string {
	const folder = join(root, "services", service);
	const own = readdirSync(folder).filter((name) => name.endsWith(".ts") && !/\.test(-support)?\.ts$/.test(name));
	const texts = own.map((name) => readFileSync(join(folder, name), "utf8"));
	return [...texts, readFileSync(join(root, "libs/bus/deliver.ts"), "utf8")].join("\n");
}

describe("declared = emitted = consumed", () => {
	test.each(services)("%s names every event that it may publish", (service) => {
		const source = sourceOf(service);
		const declared = events.filter(({ writers }) => service in writers).map(({ type }) => type);
		expect(declared.filter((type) => !source.includes(`"${type}"`))).toEqual([]);
	});

	test.each(["policy", "approval", "executor"] as const)("%s handles exactly the events addressed to it", (service) => {
		const source = readFileSync(join(root, "services", service, "service.ts"), "utf8");
		const handled = [...source.matchAll(/case "([a-z.]+)":/g)].map(([, type]) => type).sort();
		const declared = events.filter(({ reader }) => reader === service).map(({ type }) => type);
		expect(handled).toEqual([...declared].sort());
	});

	test("a service cannot make an event that is another's to say", () => {
		for (const { type, writers } of events) {
			for (const service of services) {
				if (service in writers) continue;
				expect(() => newEvent(service, type, {} as never, { at: new Date(), about: "x" }), `${service} ${type}`).toThrow(MalformedEvent);
			}
		}
	});
});

describe("subjects and permissions follow", () => {
	const eachEvent = (check: (event: ReturnType<typeof newEvent>) => void) => {
		for (const declaration of events) fc.assert(fc.property(anyEventOf(declaration), check), { numRuns: 20 });
	};

	test("an event's subject is one its writer may publish, and no other service may", () => {
		eachEvent((event) => {
			const subject = subjectOf(event);
			const pool = parseSubject(subject)?.pool ?? "_";
			const writer = event.source.slice("/callgate/".length);
			for (const service of services) {
				const may = saysOf(service, pool).some((allowed) => subjectMatches(allowed, subject));
				expect(may, `${service} on ${subject}`).toBe(service === writer);
			}
		});
	});

	test("an event reaches the durable consumer of the service it is for, and no other but audit", () => {
		eachEvent((event) => {
			const { reader, pool } = parseSubject(subjectOf(event)) ?? {};
			for (const service of ["policy", "approval", "executor"] as const) {
				expect(subjectMatches(readsOf(service, pool), subjectOf(event))).toBe(service === reader);
			}
			expect(subjectMatches(readsOf("audit"), subjectOf(event))).toBe(true);
		});
	});

	test("what was encoded is decoded again, and on any other subject it is refused", () => {
		eachEvent((event) => {
			const [read] = decodeEvents(subjectOf(event), encodeEvents([event]));
			expect(read).toEqual({ ok: true, event: JSON.parse(JSON.stringify(event)) });
			const [forged] = decodeEvents("callgate.executor.default.policy._.call.granted.more", encodeEvents([event]));
			expect(forged?.ok).toBe(false);
		});
	});

	test("no service may touch another's durable consumer, or make one of a durable's name", () => {
		const pools = ["default", "vault"];
		for (const service of services) {
			const { publish } = permissionsOf(service, pools);
			const may = (subject: string) =>
				publish.allow.some((allowed) => subjectMatches(allowed, subject)) &&
				!publish.deny.some((denied) => subjectMatches(denied, subject));
			for (const { name, filter } of durableConsumers(pools)) {
				const own = name === (service === "executor" ? "executor-default" : service);
				expect(may(`$JS.API.CONSUMER.MSG.NEXT.CALLGATE.${name}`), `${service} pulls ${name}`).toBe(own);
				expect(may(`$JS.ACK.CALLGATE.${name}.1.1.1.1.1`), `${service} acknowledges ${name}`).toBe(own);
				expect(may(`$JS.API.CONSUMER.DELETE.CALLGATE.${name}`)).toBe(false);
				expect(may(`$JS.API.CONSUMER.CREATE.CALLGATE.${name}.${filter}`)).toBe(false);
			}
			for (const verb of ["PURGE", "DELETE", "UPDATE", "MSG.DELETE", "MSG.GET"]) expect(may(`$JS.API.STREAM.${verb}.CALLGATE`)).toBe(false);
		}
	});
});
