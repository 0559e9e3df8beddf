// A service whose NATS key was stolen can do its own job and no other's: NATS refuses the rest, and answers nowhere else.
import { randomUUID } from "node:crypto";
import { connect, nkeyAuthenticator } from "nats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Link } from "#libs/bus/nats-link.ts";
import { durableConsumers, inboxPrefixOf } from "#libs/bus/permissions.ts";
import { bucketOf, type StoreName, stores } from "#libs/bus/stores.ts";
import { type Service, services } from "#libs/contracts/define-event.ts";
import { encodeEvents, newEvent } from "#libs/contracts/envelope.ts";
import { events } from "#libs/contracts/events.ts";
import { streamName, subjectOf } from "#libs/contracts/subjects.ts";
import { askJetStream, linkAs, storedMessages, writesTo } from "../support/nats.ts";
import { readKey, stack } from "../support/stack.ts";

const thieves = {} as Record<Service, Link>;
beforeAll(async () => {
	for (const service of services) thieves[service] = await linkAs(service);
});
afterAll(async () => {
	for (const link of Object.values(thieves)) await link.close();
});

const withoutAnswerMs = 400;
const nothing = new Uint8Array();
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

describe("NATS refuses", () => {
	test("every event that is another's to say, and every subject outside the tree", async () => {
		const before = (await storedMessages()).at(-1)?.position ?? 0;
		for (const thief of services) {
			const foreign = events.flatMap(({ reader, type, writers, ...rest }) =>
				services
					.filter((writer) => writer !== thief)
					.flatMap((writer) => {
						const pool = "pooled" in rest ? "default" : "_";
						return [`callgate.${reader}.${pool}.${writer}._.${type}`, `callgate.${reader}.${pool}.${writer}.${randomUUID()}.${type}`];
					}),
			);
			// What it may say, said where it may not: under another type's name, to another reader, in another form.
			const bent = events.filter(({ writers }) => !(thief in writers)).map(({ reader, type }) => `callgate.${reader}._.${thief}._.${type}`);
			const subjects = [...foreign, ...bent, `callgate.${thief}`, "callgate.anything", "$SYS.REQ.SERVER.PING", "elsewhere"];
			const answers = await Promise.all(subjects.map((subject) => thieves[thief].request(subject, bytes([{}]), withoutAnswerMs)));
			expect(answers.filter(({ ok }) => ok)).toEqual([]);
		}
		const after = (await storedMessages(before + 1)).filter(({ events: said }) => JSON.stringify(said) === "[{}]");
		expect(after).toEqual([]);
	});

	test("every way to change, remove or take what is another's", async () => {
		for (const thief of services) {
			const others = durableConsumers(["default"]).filter(({ name }) => name !== thief && name !== `${thief}-default`);
			// The record is of everything, and so is what may be followed for it; nobody loses a message by that.
			const readsAll = thief === "audit";
			const api = [
				...["PURGE", "DELETE", "UPDATE", "SNAPSHOT", "RESTORE", "MSG.GET", "MSG.DELETE", "PEER.REMOVE"].map(
					(verb) => `STREAM.${verb}.${streamName}`,
				),
				"STREAM.CREATE.MINE",
				"STREAM.LIST",
				`DIRECT.GET.${streamName}`,
				`DIRECT.GET.${streamName}.callgate.policy._.ingress._.call.received`,
				`CONSUMER.CREATE.${streamName}`,
				`CONSUMER.DURABLE.CREATE.${streamName}.mine`,
				...(readsAll ? [] : [`CONSUMER.CREATE.${streamName}.mine.callgate.>`]),
				...others.flatMap(({ name, filter }) => [
					...["MSG.NEXT", "DELETE", "INFO", "PAUSE", "UNPIN", "RESET"].map((verb) => `CONSUMER.${verb}.${streamName}.${name}`),
					`CONSUMER.CREATE.${streamName}.${name}.${filter}`,
					...(readsAll ? [] : [`CONSUMER.CREATE.${streamName}.mine.${filter}`]),
				]),
			].map((verb) => `$JS.API.${verb}`);
			const acks = others.map(({ name }) => `$JS.ACK.${streamName}.${name}.1.1.1.1.1`);
			const buckets = (Object.keys(stores) as StoreName[]).filter((name) => stores[name].writer !== thief);
			const writes = buckets.map((name) => `$KV.${bucketOf(name)}.current`);
			const purges = (Object.keys(stores) as StoreName[]).map((name) => `$JS.API.STREAM.PURGE.KV_${bucketOf(name)}`);
			const subjects = [...api, ...acks, ...writes, ...purges];
			// The key works: this is refused for what it asks.
			expect(await thieves[thief].request(`$JS.API.STREAM.INFO.${streamName}`, nothing, 5_000)).toMatchObject({ ok: true });
			const answers = await Promise.all(subjects.map((subject) => thieves[thief].request(subject, nothing, withoutAnswerMs)));
			expect(
				subjects.filter((_, nth) => answers[nth]?.ok),
				thief,
			).toEqual([]);
		}
	});

	test("to hear another's answers, or anything as it passes", async () => {
		for (const thief of services) {
			const seed = readKey(`${stack.dataDir}/keys/nats-${thief}.seed`);
			const connection = await connect({
				servers: stack.urls.nats,
				authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)),
				inboxPrefix: inboxPrefixOf(thief),
			});
			try {
				const others = services.filter((one) => one !== thief).map((one) => `${inboxPrefixOf(one)}.>`);
				const refused = [...others, ">", "callgate.>", "$JS.>", "$KV.>", "_INBOX.>", "_R_.>"].map(async (subject) => {
					const heard = Promise.withResolvers<unknown>();
					connection.subscribe(subject, { callback: (error) => heard.resolve(error) });
					return [subject, await heard.promise] as const;
				});
				for (const [subject, error] of await Promise.all(refused)) expect(error, `${thief} hears ${subject}`).toBeInstanceOf(Error);
			} finally {
				await connection.close();
			}
		}
	});

	test("a key that is not one of the services'", async () => {
		const { nkeys } = await import("nats");
		const authenticator = nkeyAuthenticator(nkeys.createUser().getSeed());
		await expect(connect({ servers: stack.urls.nats, authenticator, reconnect: false })).rejects.toThrow(/authorization/i);
		await expect(connect({ servers: stack.urls.nats, reconnect: false })).rejects.toThrow();
	});
});

describe("NATS's own answers cannot be sent where their asker may not write", () => {
	/** Asks for something the thief may read, with someone else's subject as the place to answer. */
	async function answerTo(thief: Service, subject: string, reply: string): Promise<void> {
		const seed = readKey(`${stack.dataDir}/keys/nats-${thief}.seed`);
		const authenticator = nkeyAuthenticator(new TextEncoder().encode(seed));
		const connection = await connect({ servers: stack.urls.nats, authenticator, inboxPrefix: inboxPrefixOf(thief) });
		connection.publish(subject, nothing, { reply });
		await connection.flush();
		// The server has sent its answer before it answers this.
		await connection.request(`$JS.API.STREAM.INFO.${streamName}`, nothing, { timeout: 5_000 });
		await connection.close();
	}

	test("not into the stream, not into another's table, not into the API that deletes", async () => {
		const key = `reflected-${randomUUID()}`;
		const own = `$KV.${bucketOf("calls")}.${key}`;
		const read = `$JS.API.DIRECT.GET.KV_${bucketOf("calls")}.${own}`;
		const forged = newEvent(
			"policy",
			"control.configuration.activated",
			{ revision: `sha256:${"0".repeat(64)}`, documents: 0 },
			{ at: new Date(), about: key },
		);
		expect((await thieves.ingress.request(own, encodeEvents([forged]), 5_000)).ok).toBe(true);
		const writes = await writesTo("configuration");
		await answerTo("ingress", read, subjectOf(forged));
		await answerTo("ingress", read, `$KV.${bucketOf("configuration")}.current`);
		await answerTo("ingress", `$JS.API.STREAM.INFO.${streamName}`, "callgate.executor.default.policy._.call.granted");
		expect(await writesTo("configuration")).toBe(writes);
		const said = await storedMessages();
		expect(said.filter(({ events: all }) => !Array.isArray(all) || JSON.stringify(all).includes(key))).toEqual([]);

		// An empty request deletes a stream. This one is the tests' own.
		await askJetStream("STREAM.CREATE.TO_BE_KEPT", { name: "TO_BE_KEPT", subjects: ["to-be-kept"], storage: "memory" });
		expect((await thieves.ingress.request(own, nothing, 5_000)).ok).toBe(true);
		await answerTo("ingress", read, "$JS.API.STREAM.DELETE.TO_BE_KEPT");
		expect(await askJetStream("STREAM.INFO.TO_BE_KEPT")).toHaveProperty("state");
		await askJetStream("STREAM.DELETE.TO_BE_KEPT");
	});
});
