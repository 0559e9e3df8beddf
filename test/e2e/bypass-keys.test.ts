// A service whose NATS key was stolen can do its own job and no other's: NATS refuses the rest, and what it can say in its own name cannot make a call run.
import { randomUUID } from "node:crypto";
import { importJWK } from "jose";
import { connect, nkeyAuthenticator } from "nats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Link } from "#libs/bus/nats-link.ts";
import { durableConsumers, inboxPrefixOf } from "#libs/bus/permissions.ts";
import { bucketOf, type StoreName, stores } from "#libs/bus/stores.ts";
import { type Service, services } from "#libs/contracts/define-event.ts";
import { encodeEvents, newEvent } from "#libs/contracts/envelope.ts";
import { type CallgateEvent, type Event, events } from "#libs/contracts/events.ts";
import { type GrantTerms, type SigningKey, signGrant, signHold } from "#libs/contracts/grant.ts";
import { streamName, subjectOf } from "#libs/contracts/subjects.ts";
import { askJetStream, eventsOf, linkAs, storedMessages, writesTo } from "../support/nats.ts";
import { askedInSlack, vote } from "../support/slack.ts";
import {
	accepted,
	ending,
	eventually,
	expectProblem,
	newReference,
	readKey,
	show,
	stack,
	submit,
	transfer,
	transfersNamed,
} from "../support/stack.ts";

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

/** Says something as the owner of a stolen key. A conditional write carries no condition: a thief has none to keep. */
async function sayAs(service: Service, event: CallgateEvent): Promise<boolean> {
	return (await thieves[service].request(subjectOf(event), encodeEvents([event]), 5_000)).ok;
}

async function signingKey(file: string): Promise<SigningKey> {
	const jwk = JSON.parse(readKey(`${stack.dataDir}/keys/${file}`));
	return { id: jwk.kid, key: (await importJWK(jwk, "EdDSA")) as SigningKey["key"] };
}

/** A call that waits for people, as policy's hold tells it. */
async function heldCall(what: string) {
	const reference = newReference(what);
	const call = await accepted("ci", transfer(5_000, { reference }));
	await askedInSlack(call);
	const held = (await eventsOf(call)).find(({ type }) => type === "call.held") as Event<"call.held">;
	return { reference, call, held };
}

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
				`CONSUMER.CREATE.${streamName}.mine.callgate.>`,
				...others.flatMap(({ name, filter }) => [
					...["MSG.NEXT", "DELETE", "INFO", "PAUSE", "UNPIN", "RESET"].map((verb) => `CONSUMER.${verb}.${streamName}.${name}`),
					`CONSUMER.CREATE.${streamName}.${name}.${filter}`,
					`CONSUMER.CREATE.${streamName}.mine.${filter}`,
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

describe("a forged grant runs nothing: the call ends failed and the bank saw nothing", () => {
	const inAnHour = () => new Date(Date.now() + 3_600_000);
	type Granted = Event<"call.granted">["data"];

	/** Publishes a grant in approval's name, as its thief, who has its signing key too. */
	async function grantAs(
		held: Event<"call.held">,
		terms: Partial<GrantTerms>,
		changes: Partial<Granted> = {},
		signedFor = held.data,
	): Promise<void> {
		const { call, connection, function: name, pool, digest, revision, caller, receivedAt, sealed, rules, reasons } = held.data;
		const expiresAt = terms.expiresAt ?? inAnHour();
		const grant = await signGrant("approval", await signingKey("approval-signing.jwk"), signedFor, {
			grantId: randomUUID(),
			...terms,
			expiresAt,
		});
		const data = {
			call,
			connection,
			function: name,
			pool,
			digest,
			revision,
			caller,
			receivedAt,
			sealed,
			rules,
			reasons,
			expiresAt: expiresAt.toISOString(),
			grant,
			...changes,
		};
		expect(await sayAs("approval", newEvent("approval", "call.granted", data, { at: new Date() }))).toBe(true);
	}

	async function expectNotRun(call: string, reference: string): Promise<void> {
		const { body } = await ending("ci", call);
		expect(body.state).toBe("failed");
		expect(body.problem.code).toBe("grant_refused");
		expect(await transfersNamed(reference)).toEqual([]);
	}

	test("one that is right in every way runs: what is refused below is refused for its one fault", async () => {
		const { reference, call, held } = await heldCall("thief approves");
		await grantAs(held, { hold: held.data.hold, approvedBy: ["dana@example.com"] });
		expect((await ending("ci", call)).body.state).toBe("completed");
		expect(await transfersNamed(reference)).toHaveLength(1);
	});

	test("without policy's hold", async () => {
		const { reference, call, held } = await heldCall("no hold");
		await grantAs(held, {});
		await expectNotRun(call, reference);
	});

	test("with the hold of another call", async () => {
		const other = await heldCall("other hold");
		const { reference, call, held } = await heldCall("borrowed hold");
		await grantAs(held, { hold: other.held.data.hold, approvedBy: ["dana@example.com"] });
		await expectNotRun(call, reference);
		await vote("dana", other.call, { verdict: "reject", reason: "only a test" });
	});

	test("with a hold that approval signed itself", async () => {
		const { reference, call, held } = await heldCall("own hold");
		const requirement = { rule: "r", anyOf: ["finance"], quorum: 1, reasonRequired: false };
		const hold = await signHold(await signingKey("approval-signing.jwk"), held.data, [requirement], inAnHour());
		await grantAs(held, { hold, approvedBy: ["dana@example.com"] });
		await expectNotRun(call, reference);
	});

	test("with fewer people than the hold demands", async () => {
		const { reference, call, held } = await heldCall("nobody");
		await grantAs(held, { hold: held.data.hold, approvedBy: [] });
		await expectNotRun(call, reference);
	});

	test("one whose time is over", async () => {
		const { reference, call, held } = await heldCall("late grant");
		await grantAs(held, { hold: held.data.hold, approvedBy: ["dana@example.com"], expiresAt: new Date(Date.now() - 60_000) });
		await expectNotRun(call, reference);
	});

	test("with another digest, other sealed arguments, another function", async () => {
		const other = await heldCall("other arguments");
		const good = (held: Event<"call.held">) => ({ hold: held.data.hold, approvedBy: ["dana@example.com"] });
		const changed: ((held: Event<"call.held">) => Partial<Granted>)[] = [
			() => ({ digest: `sha256:${"1".repeat(64)}` }),
			() => ({ sealed: other.held.data.sealed }),
			(held) => ({ sealed: held.data.sealed.replace(/.(?=.{40}$)/, (char) => (char === "A" ? "B" : "A")) }),
			() => ({ sealed: "no seal" }),
			() => ({ function: "getAccount" }),
			() => ({ caller: { issuer: "https://x.example", subject: "someone else", groups: [] } }),
		];
		for (const change of changed) {
			const { reference, call, held } = await heldCall("changed");
			await grantAs(held, good(held), change(held));
			await expectNotRun(call, reference);
		}
		await vote("dana", other.call, { verdict: "reject", reason: "only a test" });
	});

	test("a grant that was used is used up", async () => {
		const { reference, call } = await heldCall("used grant");
		await vote("dana", call, { verdict: "approve" });
		await ending("ci", call);
		const granted = (await eventsOf(call)).find(({ type }) => type === "call.granted") as Event<"call.granted">;
		for (let nth = 0; nth < 5; nth++) await sayAs("approval", granted);
		// An executor has looked at all of them when it has ended a call that was granted later.
		expect((await submit("ci", transfer(5))).status).toBe(200);
		expect(await transfersNamed(reference)).toHaveLength(1);
		expect((await eventsOf(call)).filter(({ type }) => type === "call.ended")).toHaveLength(1);
	});
});

describe("a forged call or ending", () => {
	test("a call whose arguments are another's, or were changed, is not decided", async () => {
		const source = await accepted("ci", transfer(10));
		await ending("ci", source);
		const received = (await eventsOf(source)).find(({ type }) => type === "call.received") as Event<"call.received">;
		const asked = await heldCall("to be copied");
		const copy = (await eventsOf(asked.call)).find(({ type }) => type === "call.received") as Event<"call.received">;
		const call = source.replace(/.{12}$/, randomUUID().slice(-12));
		const changes: Partial<Event<"call.received">["data"]>[] = [
			{},
			{ sealed: copy.data.sealed },
			{ digest: copy.data.digest },
			{ sealed: "none" },
		];
		for (const change of changes) {
			const id = call.replace(/.{12}$/, randomUUID().slice(-12));
			const forged = newEvent("ingress", "call.received", { ...received.data, ...change, call: id }, { at: new Date() });
			expect(await sayAs("ingress", forged)).toBe(true);
			const ended = await eventually(async () => (await eventsOf(id)).find(({ type }) => type === "call.ended"));
			expect(ended.data).toMatchObject({ ending: "failed", code: "internal" });
			expect((await eventsOf(id)).map(({ type }) => type)).not.toContain("call.granted");
		}
		await vote("dana", asked.call, { verdict: "reject", reason: "only a test" });
	});

	test("an ending that approval made up shows its caller no result", async () => {
		const { reference, call, held } = await heldCall("made up");
		const { connection, function: name, pool, digest, revision, caller, sealed } = held.data;
		const data = {
			call,
			connection,
			function: name,
			pool,
			digest,
			revision,
			caller,
			rules: [],
			reasons: [],
			ending: "completed" as const,
			status: 201,
			sealed,
		};
		expect(await sayAs("approval", newEvent("approval", "call.ended", data, { at: new Date() }))).toBe(true);
		expectProblem(
			await eventually(async () => {
				const shown = await show("ci", call);
				return shown.body.state === "held" ? undefined : shown;
			}),
			"internal",
		);
		expect(await transfersNamed(reference)).toEqual([]);
	});
});
