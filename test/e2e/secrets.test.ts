// Secrets stay where they belong: after calls of every kind, nothing that was stored or logged holds one in the clear.
import { readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { patience } from "../support/patience.ts";
import { everythingIndexed, type Found, flushIndex, searchDocuments, searchFiles } from "../support/search-stored.ts";
import { askedInSlack, click, giveReason, vote } from "../support/slack.ts";
import {
	accepted,
	ask,
	ending,
	expectProblem,
	newReference,
	readKey,
	stack,
	submit,
	tokenOf,
	transfer,
	transfersNamed,
} from "../support/stack.ts";
import { createClient } from "../support/valkey.ts";

/** A card that the caller sends, and no other test does: the bank must get it and nobody else. */
const sent = {
	card: "6011111111111117",
	email: "confidential.person@customer.example",
	iban: "FR1420041010050500013M02606",
	key: "sk_live_51HxYzAbCdEfGhIjKlMnOpQr",
};
/** What the bank answers. */
const answered = { card: "4111111111111111", email: "jane.doe@customer.example", ssn: "536-90-4399" };

const callers = ["ci", "ai-agent", "dana", "frank", "carol", "erin", "alice", "mallory"];
const keyFile = (name: string) => readKey(join(stack.dataDir, "keys", name));
/** The secret part of a JWK, or the key itself. */
const secretOf = (text: string): string => /"(?:d|k)":\s*"([^"]+)"/.exec(text)?.[1] ?? text;

async function secrets(): Promise<Record<string, string>> {
	const tokens = await Promise.all(callers.map(async (name) => [`token of ${name}`, await tokenOf(name)] as const));
	// A token's signature alone is as good as the token to whoever has the rest.
	const signatures = tokens.map(([name, token]) => [`signature of the ${name}`, token.split(".")[2] ?? ""] as const);
	const held = readdirSync(join(stack.dataDir, "keys")).filter((name) => name !== "grant-keys.json" && name !== "valkey.url");
	return {
		...Object.fromEntries(Object.entries(sent).map(([name, text]) => [`sent ${name}`, text])),
		...Object.fromEntries(Object.entries(answered).map(([name, text]) => [`answered ${name}`, text])),
		...Object.fromEntries([...tokens, ...signatures]),
		...Object.fromEntries(held.map((name) => [name, secretOf(keyFile(name))])),
	};
}

/** Where each may be: its key file, and the one server that checks it. Everything else is a leak. */
function isAtHome({ name, place }: Found): boolean {
	if (place.startsWith("keys/")) return !/^(sent|answered|token|signature)/.test(name);
	if (name === "valkey.password") return place === "valkey/valkey.conf";
	// The provider's own cookies and signing keys lie there, and nothing of ours.
	return false;
}

let reference = "";
beforeAll(async () => {
	reference = newReference(`card ${sent.card} mail ${sent.email} ${sent.iban}`);
	const private_ = { reference, to: sent.iban };
	// Allowed, denied, refused, failed at the bank; through both ways in.
	expect((await submit("ci", transfer(10, private_))).status).toBe(200);
	expectProblem(await submit("ci", transfer(10, { ...private_, country: "XX" })), "denied");
	expectProblem(await submit("ci", { ...transfer(10, { ...private_, pin: sent.card }), reason: sent.card }), "invalid_arguments");
	const headers = { "content-type": "application/json", "idempotency-key": `k-${sent.key}` };
	for (const name of ["/accounts/acc-1", "/accounts/acc-1/statement", "/accounts/acc-1/transactions", "/accounts/acc-404"]) {
		expect([200, 404]).toContain((await ask(`${stack.urls.ingress}/proxy/bank${name}`, { as: "erin" })).status);
	}
	const proxied = { method: "POST", as: "ci", headers, body: JSON.stringify(transfer(11, private_).arguments) };
	expect((await ask(`${stack.urls.ingress}/proxy/bank/transfers`, proxied)).status).toBe(201);
	// Held and decided in each way, with reasons that say too much.
	const held = async (as = "ci") => {
		const call = await accepted(as, { ...transfer(5_000, private_), reason: `for ${sent.email}, card ${sent.card}` });
		await askedInSlack(call);
		return call as string;
	};
	const clicked = await held("dana");
	await click("frank", "approve", clicked);
	expect((await ending("dana", clicked)).body.state).toBe("completed");
	const rejected = await held();
	await click("dana", "reject", rejected);
	await giveReason("dana", "This is not for us.");
	expect((await ending("ci", rejected)).body.state).toBe("rejected");
	const voted = await held();
	expect((await vote("dana", voted, { verdict: "approve" })).status).toBe(200);
	expect((await ending("ci", voted)).body.state).toBe("completed");
	const cancelled = await held();
	expect((await ask(`${stack.urls.ingress}/v1/calls/${cancelled}`, { as: "ci", method: "DELETE" })).status).toBe(200);
	await held();
	// Callers who are refused, and an auditor who looks for the number itself.
	await ask(`${stack.urls.ingress}/v1/functions`, { headers: { authorization: `Bearer ${await tokenOf("ci")}x` } });
	for (const as of ["alice", "mallory"]) await ask(`${stack.urls.audit}/v1/audit/events?q=${sent.card}`, { as });
	const query = new URLSearchParams({ caller: "ci", size: "5" });
	expect((await ask(`${stack.urls.audit}/v1/audit/events?${query}`, { as: "alice" })).status).toBe(200);
});

/** Log lines leave a process together, a moment later and in order: when these have, all before them have. */
async function everythingLogged(): Promise<void> {
	const call = (await accepted("ci", transfer(5_000, { reference: newReference("last line") }))) as string;
	await askedInSlack(call);
	expect((await ask(`${stack.urls.ingress}/v1/calls/${call}`, { as: "ci", method: "DELETE" })).status).toBe(200);
	for (const service of ["policy", "approval"]) {
		await expect.poll(() => isFoundIn(`services/${service}`, { call }), patience).toBe(true);
	}
}

async function isFoundIn(folder: string, texts: Record<string, string>): Promise<boolean> {
	return (await searchFiles(texts)).some(({ place }) => place.startsWith(folder));
}

describe("everything that was stored or logged", () => {
	test("the bank got what it must, so there was something to leak", async () => {
		const seen = await transfersNamed(reference);
		expect(seen.length).toBe(4);
		expect(JSON.stringify(seen)).toContain(sent.iban);
	});

	test("holds no card, address, key or token in the clear, whatever it is encoded as", async () => {
		const texts = await secrets();
		expect(Object.values(texts).filter((text) => text.length < 8)).toEqual([]);
		await everythingIndexed();
		await everythingLogged();
		await flushIndex();
		const found = (await searchFiles(texts)).filter((one) => !isAtHome(one));
		expect(found).toEqual([]);
		expect(await searchDocuments(texts)).toEqual([]);
	});

	test("and would be found if it were there: in a file, in the stream, in the index, in Valkey, in a log", async () => {
		const file = newReference("canary-file").replaceAll(" ", "-");
		await writeFile(join(stack.dataDir, "canary"), `xx${Buffer.from(file).toString("base64")}xx`);
		expect(await searchFiles({ file })).toEqual([{ name: "file", place: "canary" }]);
		// A reference is not sensitive: it goes wherever a masked view goes.
		const view = newReference("canary-view").replaceAll(" ", "-");
		const call = await accepted("ci", transfer(5_000, { reference: view }));
		await askedInSlack(call);
		const valkey = await createClient();
		await valkey.set("canary", `in ${view}`);
		await valkey.quit();
		for (const folder of ["nats/", "valkey/", "demo/slack/", "services/approval"]) {
			await expect.poll(() => isFoundIn(folder, { view, call }), patience).toBe(true);
		}
		await everythingIndexed();
		const places = async () => (await searchDocuments({ view })).map(({ place }) => place);
		await expect.poll(places, patience).toEqual(["callgate-events", "callgate-stories"]);
	});
});
