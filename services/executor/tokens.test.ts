// An agent works with data that it never sees: tokens go out with answers and come back with arguments, and are opened in the executor alone.
import { createCipheriv, createSecretKey, hkdfSync } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { JsonObject } from "#libs/contracts/json.ts";
import { MaskingKeys } from "#libs/masking/keyed/session-keys.ts";
import { tokensIn } from "#libs/masking/keyed/token.ts";
import { hereKeyedCharsMax } from "#libs/service/work-aside.ts";
import { demoConfiguration } from "../../infra/local/demo/configuration.ts";
import { answered, Bench, caller, sealingKey, transfer } from "./granted-call.test-support.ts";
import type { ExecutorPorts } from "./ports.ts";

const email = "jane.doe@customer.example";

function configured(mask: string): Configuration {
	const demo = demoConfiguration({ issuer: caller.issuer, bankUrl: "http://127.0.0.1:9" });
	const compiled = compileConfiguration({ ...demo, "mask.yaml": `kind: Policy\nname: tokens\nrules: []\nmask:\n${mask}` });
	if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
	return compiled.configuration;
}

const configuration = configured(`
  - match: { connection: bank }
    response: { "$.customer.email": tokenize, "$.customer.name": tokenize name, "$.card": surrogate }
  - match: { connection: bank, function: createTransfer }
    detokenize: { "$.reference": [email, name] }
`);

let bench: Bench;
beforeEach(() => {
	bench = new Bench();
});

function ports(over: Partial<ExecutorPorts> = {}, of = configuration): Partial<ExecutorPorts> {
	return { configuration: { at: async () => of }, ...over };
}

/** What the caller gets of an account. */
async function read(over?: Partial<ExecutorPorts>): Promise<{ email: string; name: string }> {
	bench.dialer.answering = () => answered(JSON.stringify({ customer: { name: "Jane Doe", email }, card: "4111111111111111" }));
	const ended = await bench.run({ function: "getAccount", arguments: { id: "acc-1" } }, ports(over));
	const { body } = bench.result(ended);
	if (!body || !("json" in body)) throw new Error("the answer was not masked");
	return (body.json as unknown as { customer: { email: string; name: string } }).customer;
}

/** What the bank is sent of a transfer. */
async function send(args: JsonObject, over?: Partial<ExecutorPorts>, headers: [string, string][] = []) {
	bench.dialer.requests.length = 0;
	const ended = await bench.run({ arguments: { ...transfer, ...args }, sealed: { headers } }, ports(over));
	const [request] = bench.dialer.requests;
	return { ended: ended.data, seal: ended, sent: request && (JSON.parse(new TextDecoder().decode(request.body)) as JsonObject) };
}

test("what was read as a token is sent as the value, and nothing that is stored holds it", async () => {
	const customer = await read();
	expect(customer.email).not.toBe(email);
	bench.dialer.answering = () => answered("{}");
	const { sent, ended } = await send({ reference: `To ${customer.email}, for ${customer.name}` });
	expect(ended.ending).toBe("completed");
	expect(sent).toMatchObject({ reference: `To ${email}, for Jane Doe` });
	const started = bench.of("call.started").at(-1);
	expect(started?.data.detokenized).toEqual([
		{ kind: "email", count: 1 },
		{ kind: "name", count: 1 },
	]);
	expect(bench.of("call.started")[0]?.data).not.toHaveProperty("detokenized");
	expect(JSON.stringify(bench.stream.events())).not.toMatch(/jane|Jane/);
});

test("what the function was told in place of a token comes back as that token, wherever it puts it", async () => {
	const { email: token, name } = await read();
	bench.dialer.answering = () => ({
		...answered(JSON.stringify({ text: `sent to ${email}`, [email]: { who: "Jane Doe" } }), "text/plain"),
		headers: [["location", `/mails/${email}`]],
	});
	const { seal } = await send({ reference: `${token} ${name}` });
	const result = bench.result(seal);
	expect(result.body).toEqual({ json: { text: `sent to ${token}`, [token]: { who: name } } });
	expect(result).toMatchObject({ headers: [["location", `/mails/${token}`]] });
	expect(seal.data.findings).toContainEqual({ detector: "token", path: "/text", count: 1 });
	expect(JSON.stringify(bench.stream.events())).not.toMatch(/jane|Jane/);
});

describe("in a free text", () => {
	const note = `Jane Doe, ${email}, prefers mail; card 4000 0566 5566 5556, phone +1 415 555 0132`;
	const ofNotes = configured(`
  - match: { connection: bank }
    detect: { email: tokenize, card: surrogate, phone: redact }
  - match: { connection: bank, function: createTransfer }
    detokenize: { "$.reference": [email] }
`);

	async function readNote(type = "application/json"): Promise<string> {
		bench.dialer.answering = () => answered(type === "application/json" ? JSON.stringify({ note }) : note, type);
		const { body } = bench.result(await bench.run({ function: "getAccount", arguments: { id: "acc-1" } }, ports({}, ofNotes)));
		const text = body && ("json" in body ? (body.json as { note?: string } | string) : "text" in body ? body.text : "");
		return typeof text === "string" ? text : (text?.note ?? "");
	}

	test.each(["application/json", "text/plain"])("what is found becomes what policy says of its kind: %s", async (type) => {
		expect(await readNote(type)).toMatch(/^Jane Doe, tok-\w+@[\w.]+, prefers mail; card 4242 42\d\d \d{4} \d{4}, phone \[phone\]$/);
		expect(JSON.stringify(bench.stream.events())).not.toMatch(/jane\.doe|5566|415 555/);
		expect(
			bench
				.of("call.ended")
				.at(-1)
				?.data.findings?.map(({ detector }) => detector)
				.sort(),
		).toEqual(["card", "email", "phone"]);
	});

	test("its token within a larger text is the value at the place that policy names, and a token at every other", async () => {
		const [token = ""] = /tok-\S+(?=,)/.exec(await readNote()) ?? [];
		bench.dialer.answering = () => answered(JSON.stringify({ done: `mailed ${email}` }));
		const text = `Mail (${token}) soon`;
		const { sent, ended, seal } = await send({ reference: text }, ports({}, ofNotes));
		expect(ended).toMatchObject({ ending: "completed" });
		expect(sent?.reference).toBe(`Mail (${email}) soon`);
		expect(bench.result(seal).body).toEqual({ json: { done: `mailed ${token}` } });
		expect(JSON.stringify(bench.stream.events())).not.toContain("jane.doe");
	});

	test("in a large answer it is the same token: keys go where that is masked", async () => {
		const small = await readNote();
		const padding = "n".repeat(hereKeyedCharsMax);
		bench.dialer.answering = () => answered(JSON.stringify({ note, padding }));
		const { body } = bench.result(await bench.run({ function: "getAccount", arguments: { id: "acc-1" } }, ports({}, ofNotes)));
		expect(body).toEqual({ json: { note: small, padding } });
	});

	test("where executors hold no key, it does not leave", async () => {
		const over = ports({ maskingKeys: new MaskingKeys([]) }, ofNotes);
		const ended = await bench.run({ function: "getAccount", arguments: { id: "acc-1" } }, over);
		expect(ended.data).toMatchObject({ ending: "failed", code: "masking_key_missing" });
	});
});

describe("a call that carries a token which cannot be opened ends before it is dialled:", () => {
	test.each<[string, Partial<ExecutorPorts>, object?]>([
		["another caller's", {}, { subject: "ann" }],
		["another session's", {}, { session: "s".repeat(22) }],
		["of a time that has passed", { maskingKeys: { sessionOf: (who, now) => moved(who, new Date(now.getTime() + 7_200_000)) } }],
		["made under a key that nobody holds any more", { maskingKeys: keysOf(9) }],
	])("%s", async (_what, over, other) => {
		const { email: token } = other ? await readAs(other) : await read();
		const { ended, sent } = await send({ reference: token }, over);
		expect(ended).toMatchObject({ ending: "failed", code: "token_refused", sent: false });
		expect(ended.detail).toMatch(/^a token of the kind email is not one of this caller's session/);
		expect(sent).toBeUndefined();
		expect(bench.of("call.started")).toHaveLength(1);
	});

	test("where executors hold no key, nothing that needs one runs, and everything else does", async () => {
		const maskingKeys = new MaskingKeys([]);
		for (const run of [{ function: "getAccount", arguments: { id: "acc-1" } }, {}])
			expect((await bench.run(run, ports({ maskingKeys }))).data).toMatchObject({ ending: "failed", code: "masking_key_missing" });
		expect(bench.dialer.requests).toEqual([]);
		expect((await bench.run({}, { maskingKeys })).data.ending).toBe("completed");
	});
});

test("what a token stands for is held against the schema too", async () => {
	const { ended, sent } = await send({ reference: (await tokenOfLong()) ?? "" });
	expect(ended).toMatchObject({ ending: "failed", code: "invalid_arguments", sent: false });
	expect(ended.detail).toMatch(/^\/reference must NOT have more than 140 characters/);
	expect(sent).toBeUndefined();
});

test("in another thread, where the arguments are large, it is the same", async () => {
	const { email: token } = await read();
	bench.dialer.answering = () => answered(JSON.stringify({ text: `for ${email}`, rest: "x".repeat(60_000) }));
	const open = configured(`
  - match: { connection: bank, function: createTransfer }
    detokenize: [email]
`);
	const fields: [string, string][] = [["x-not-passed-on", "x".repeat(60_000)]];
	const { ended } = await send({ reference: token }, { configuration: { at: async () => open } }, fields);
	expect(ended).toMatchObject({ ending: "completed", findings: [{ detector: "token", path: "/text", count: 1 }] });
	expect(JSON.parse(new TextDecoder().decode(bench.dialer.requests[0]?.body))).toMatchObject({ reference: email });
});

test("a token is the value under a key that no other key leads to: a stolen sealing key opens none", async () => {
	const { email: token } = await read();
	const [{ body } = { body: "" }] = tokensIn(token);
	expect(body).not.toBe("");
	// Whoever has all that ingress, policy and audit hold tries it as the key, and every key that is derived as executors derive theirs.
	const stolen = new MaskingKeys([
		{ id: "m1", secret: sealingKey.secret },
		{ id: "x", secret: createSecretKey(Buffer.alloc(32)) },
	]);
	const { ended } = await send({ reference: token }, { maskingKeys: stolen });
	expect(ended.code).toBe("token_refused");
	const bytes = Buffer.from(body, "latin1");
	for (const key of [sealingKey.secret.export(), Buffer.from(hkdfSync("sha256", sealingKey.secret, "", "callgate/masking/token", 32))]) {
		const cipher = createCipheriv("aes-256-ctr", key, bytes.subarray(0, 16));
		expect(Buffer.concat([cipher.update(bytes.subarray(16)), cipher.final()]).includes("jane")).toBe(false);
	}
});

const own = keysOf(2);

function keysOf(fill: number): MaskingKeys {
	return new MaskingKeys([{ id: "m", secret: createSecretKey(new Uint8Array(32).fill(fill)) }]);
}

function moved(who: Parameters<MaskingKeys["sessionOf"]>[0], now: Date) {
	return own.sessionOf(who, now);
}

/** As somebody else would have read it. */
async function readAs(other: object) {
	return await read({ maskingKeys: { sessionOf: (who, now) => own.sessionOf({ ...who, ...other }, now) } });
}

/** A name of more characters than the bank's reference may have. */
async function tokenOfLong(): Promise<string> {
	bench.dialer.answering = () => answered(JSON.stringify({ customer: { name: "x".repeat(141) } }));
	const { body } = bench.result(await bench.run({ function: "getAccount", arguments: { id: "acc-1" } }, ports()));
	if (!body || !("json" in body)) throw new Error("the answer was not masked");
	return (body.json as unknown as { customer: { name: string } }).customer.name;
}
