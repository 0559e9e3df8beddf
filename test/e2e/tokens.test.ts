// An agent reads a customer, sees tokens, and writes to them: the function gets the real address, and nothing that is stored ever held it.
import { createSecretKey } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MaskingKeys, type SessionKeys } from "#libs/masking/keyed/session-keys.ts";
import { openToken, wholeToken } from "#libs/masking/keyed/token.ts";
import { type Lab, startLab } from "../support/lab.ts";
import { eventsOf } from "../support/nats.ts";
import { patience } from "../support/patience.ts";
import { everythingIndexed, flushIndex, searchDocuments, searchFiles } from "../support/search-stored.ts";
import { askedInSlack, click } from "../support/slack.ts";
import { accepted, ending, expectProblem, newReference, readKey, stack, submit } from "../support/stack.ts";

/** Of nobody, and of no other test. */
const customer = { email: "hildegard.ungesehen@customer.example", name: "Hildegard Ungesehen" };

let lab: Lab;
let seen: { readonly email: string; readonly name: string };
const call = (name: string, args: object) => ({ connection: "desk", function: name, arguments: { tag: newReference(name), ...args } });
const sentTo = (path: string) => lab.seen.filter((one) => one.path === path).map(({ text }) => JSON.parse(text) as object);

async function read(as: string): Promise<typeof seen> {
	const answer = await submit(as, call("customer", {}));
	expect(answer.status, answer.text).toBe(200);
	return answer.body.result.body;
}

beforeAll(async () => {
	lab = await startLab();
	lab.serve((response) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ id: 7, ...customer })));
	seen = await read("ai-agent");
});
afterAll(() => lab.stop());

test("the agent sees tokens, the same each time and at every executor", async () => {
	expect(seen).toEqual({ id: 7, email: expect.stringMatching(/^tok-.+@.*callgate\.invalid$/), name: expect.stringMatching(/^<name:.+>$/) });
	// Where an hour ends just now they change, once.
	const isSame = async () => {
		seen = await read("ai-agent");
		const again = await Promise.all(Array.from({ length: 6 }, () => read("ai-agent")));
		return again.every(({ email, name }) => email === seen.email && name === seen.name);
	};
	await expect.poll(isSame, patience).toBe(true);
	expect((await read("ci")).email).not.toBe(seen.email);
});

test("it writes to the token, and the function gets the address; what policy names no place for stays a token", async () => {
	const answer = await submit("ai-agent", call("send", { to: seen.email, text: `Dear ${seen.name}, you are ${seen.email}.` }));
	expect(answer.status, answer.text).toBe(200);
	expect(sentTo("/send")).toEqual([expect.objectContaining({ to: customer.email, text: `Dear ${customer.name}, you are ${seen.email}.` })]);
	expect(answer.text).not.toContain(customer.email);
	const events = await eventsOf(answer.body.call);
	expect(events.find(({ type }) => type === "call.started")?.data).toMatchObject({
		detokenized: [
			{ kind: "email", count: 1 },
			{ kind: "name", count: 1 },
		],
	});
});

test("approvers see the token, in Slack too, and what they approve is sent to the address", async () => {
	const held = await accepted("ai-agent", call("sendOutside", { to: seen.email }));
	expect(JSON.stringify((await askedInSlack(held)).blocks)).toContain(seen.email);
	await click("dana", "approve", held);
	expect((await ending("ai-agent", held)).body.state).toBe("completed");
	expect(sentTo("/outside")).toEqual([expect.objectContaining({ to: customer.email })]);
});

test("to another caller the token is nothing: the call ends before the function hears of it", async () => {
	const before = lab.seen.length;
	expectProblem(await submit("ci", call("send", { to: seen.email })), "token_refused");
	expectProblem(
		await submit("ai-agent", call("send", { to: seen.email.replace(/^tok-(.)/, (_, first) => `tok-${first === "q" ? "r" : "q"}`) })),
		"token_refused",
	);
	expect(lab.seen.length).toBe(before);
});

describe("nothing that was stored or logged", () => {
	test("holds the address or the name: not NATS, not OpenSearch, not Slack, not a log", async () => {
		const texts = { email: customer.email, name: customer.name, surname: "ungesehen", shout: "UNGESEHEN" };
		await everythingIndexed();
		// The last line that executors write about these calls; those before it have come then.
		await expect
			.poll(
				async () => (await searchFiles({ ended: "token_refused" })).some(({ place }) => place.startsWith("services/executor")),
				patience,
			)
			.toBe(true);
		await flushIndex();
		expect(await searchFiles(texts)).toEqual([]);
		expect(await searchDocuments(texts)).toEqual([]);
		// They would be found: the tokens are.
		expect((await searchFiles({ token: seen.email })).map(({ place }) => place.split("/")[0])).toEqual(
			expect.arrayContaining(["nats", "demo"]),
		);
		expect((await searchDocuments({ token: seen.email })).map(({ place }) => place)).toContain("callgate-events");
	});

	test("opens a token, whoever is robbed of their keys, but for executors", async () => {
		const folder = join(stack.dataDir, "keys");
		const agent = { issuer: stack.issuer, subject: "ai-agent" };
		const openers = readdirSync(folder).filter((file) =>
			secretsIn(readKey(join(folder, file))).some((secret) => {
				const keys = new MaskingKeys([{ id: "stolen", secret: createSecretKey(secret) }]).sessionOf(agent, new Date()) as SessionKeys;
				const token = wholeToken(seen.email);
				return token !== undefined && openToken(keys, token.kind, token.body) === customer.email;
			}),
		);
		expect(openers).toEqual(["masking-keys.json"]);
	});
});

/** Whatever a key file holds that could be a key: members of its JWKs, or its one line. */
function secretsIn(text: string): Buffer[] {
	const members = [...text.matchAll(/"(?:k|d|x)":\s*"([\w-]+)"/g)].map(([, one = ""]) => Buffer.from(one, "base64url"));
	return [...members, Buffer.from(text), Buffer.from(text, "base64url")].filter(({ length }) => length > 0);
}
