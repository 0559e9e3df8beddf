// The bank over real HTTP: its key, its document, its memory.
import { createHash } from "node:crypto";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { afterEach, expect, test } from "vitest";
import { type Bank, type SeenRequest, startBank } from "./bank.ts";
import { type Operation, readBankOperations } from "./bank-document.ts";
import { supportDeskPath } from "./configuration.ts";

const apiKey = "bank-key-of-this-test";
const transfer = { amount: 12.5, currency: "EUR", to: "acc-2", country: "DE", reference: "Lunch" };
const running: Bank[] = [];

afterEach(async () => {
	for (const bank of running.splice(0)) await bank.stop();
});

async function start(onRequest?: (seen: SeenRequest) => Promise<void>): Promise<Bank> {
	const bank = await startBank({ port: 0, apiKey, ...(onRequest ? { onRequest } : {}) });
	running.push(bank);
	return bank;
}

function ask(bank: Bank, path: string, { method = "GET", body, key = apiKey, headers = {} }: Ask = {}): Promise<Response> {
	return fetch(`${bank.url}${path}`, {
		method,
		headers: {
			...headers,
			...(key ? { authorization: `Bearer ${key}` } : {}),
			...(body === undefined ? {} : { "content-type": "application/json" }),
		},
		...(body === undefined ? {} : { body: JSON.stringify(body) }),
	});
}
type Ask = { method?: string; body?: unknown; key?: string; headers?: Record<string, string> };

test.each([
	["no credential", ""],
	["another credential", "someone-elses-token"],
	["the key with something behind it", `${apiKey}x`],
])("%s is a 401 problem, does nothing, and is on the record", async (_name, key) => {
	const bank = await start();
	const answer = await ask(bank, "/transfers", { method: "POST", body: transfer, key });
	expect(answer.status).toBe(401);
	expect(answer.headers.get("content-type")).toContain("application/problem+json");
	expect(await answer.json()).toMatchObject({ title: "Unauthorized", status: 401 });
	expect(bank.requests).toMatchObject([{ method: "POST", path: "/transfers", status: 401 }]);
	expect(bank.requests[0]?.credentialSha256).toBe(key ? createHash("sha256").update(key).digest("hex") : undefined);
	const list = await (await ask(bank, "/accounts/acc-1/transactions?since=2026-01-01")).json();
	expect(list).toEqual({ transactions: [] });
});

test("the record says which credential came, without the credential", async () => {
	const bank = await start();
	await ask(bank, "/transfers", { method: "POST", body: transfer, headers: { "idempotency-key": "k1", "x-extra": "seen" } });
	expect((await ask(bank, "/_demo/requests", { key: "wrong" })).status).toBe(401);
	const text = await (await ask(bank, "/_demo/requests")).text();
	expect(text).not.toContain(apiKey);
	expect(JSON.parse(text).requests).toMatchObject([
		{
			number: 1,
			method: "POST",
			path: "/transfers",
			credentialSha256: createHash("sha256").update(apiKey).digest("hex"),
			idempotencyKey: "k1",
			headers: { "x-extra": "seen" },
			body: transfer,
			status: 201,
		},
	]);
});

test("the same Idempotency-Key makes one transfer; with another body it is refused", async () => {
	const bank = await start();
	const headers = { "idempotency-key": "once" };
	const answers = await Promise.all([1, 2, 3].map(() => ask(bank, "/transfers", { method: "POST", body: transfer, headers })));
	const ids = await Promise.all(answers.map(async (answer) => ((await answer.json()) as { id: string }).id));
	expect(new Set(ids).size).toBe(1);
	expect((await ask(bank, "/transfers", { method: "POST", body: { ...transfer, amount: 13 }, headers })).status).toBe(422);
	const after = (await (await ask(bank, "/accounts/acc-1/transactions?since=2026-01-01")).json()) as { transactions: unknown[] };
	expect(after.transactions).toHaveLength(1);
});

test.each([
	["a negative amount", { ...transfer, amount: -1 }],
	["an amount as text", { ...transfer, amount: "12.5" }],
	["an unknown currency", { ...transfer, currency: "XXX" }],
	["a member that is not declared", { ...transfer, force: true }],
	["a missing receiver", { amount: 1, currency: "EUR", country: "DE" }],
])("%s is refused with 422", async (_name, body) => {
	const bank = await start();
	expect((await ask(bank, "/transfers", { method: "POST", body })).status).toBe(422);
});

test("onRequest can hold a request open", async () => {
	const { promise: released, resolve: release } = Promise.withResolvers<void>();
	const { promise: arrived, resolve: arrive } = Promise.withResolvers<SeenRequest>();
	const bank = await start(async (seen) => {
		arrive(seen);
		await released;
	});
	const answer = ask(bank, "/accounts/acc-1");
	expect((await arrived).status).toBeUndefined();
	release();
	expect((await answer).status).toBe(200);
});

test("an account can be closed once", async () => {
	const bank = await start();
	expect((await ask(bank, "/accounts/acc-2", { method: "DELETE" })).status).toBe(204);
	expect((await ask(bank, "/accounts/acc-2", { method: "DELETE" })).status).toBe(409);
	expect(await (await ask(bank, "/accounts/acc-2")).json()).toMatchObject({ status: "closed" });
	expect((await ask(bank, "/accounts/acc-9")).status).toBe(404);
	await ask(bank, "/accounts/acc-1", { method: "DELETE" });
	expect((await ask(bank, "/transfers", { method: "POST", body: transfer })).status).toBe(409);
});

test("a statement is CSV with a column for each name", async () => {
	const bank = await start();
	const lines = (await (await ask(bank, "/accounts/acc-1/statement")).text()).split("\r\n");
	expect(lines[0]).toBe("bookedOn,amount,currency,counterparty,text,card,email");
	expect(lines[1]).toContain(',"Books, invoice 7",4111111111111111,jane.doe@customer.example');
});

test("every operation of the document answers as the document says", async () => {
	const bank = await start();
	const operations = readBankOperations();
	expect(operations.map(({ operationId }) => operationId)).toEqual([
		"createTransfer",
		"getAccount",
		"closeAccount",
		"listTransactions",
		"getStatement",
	]);
	for (const operation of operations) {
		const path = operation.path.replace(":id", "acc-1");
		const good = await ask(bank, path, { method: operation.method, ...(operation.body ? { body: transfer } : {}) });
		await expectDeclared(operation, good);
		expect(good.ok).toBe(true);
		await expectDeclared(operation, await ask(bank, path, { method: operation.method, key: "wrong" }));
		if (operation.path.includes(":id"))
			await expectDeclared(operation, await ask(bank, operation.path.replace(":id", "acc-404"), { method: operation.method }));
	}
});

async function expectDeclared(operation: Operation, answer: Response): Promise<void> {
	const declared = operation.responses.get(answer.status);
	expect(declared, `${operation.operationId} answered ${answer.status}`).toBeDefined();
	if (declared?.size === 0) return expect(await answer.text()).toBe("");
	const type = answer.headers.get("content-type")?.split(";")[0] ?? "";
	const schema = declared?.get(type);
	expect(schema, `${operation.operationId} answered ${type}`).toBeDefined();
	const ajv = new Ajv2020({ strict: false });
	formats.default(ajv);
	const valid = ajv.compile(schema ?? false);
	expect(valid(type === "text/csv" ? await answer.text() : await answer.json()), JSON.stringify(valid.errors)).toBe(true);
}

test("every route is in the document", async () => {
	const bank = await start();
	const declared = readBankOperations().map(({ method, path }) => `${method} ${path}`);
	const served = bank.routes.filter((route) => !route.includes("/_demo/") && !route.endsWith(supportDeskPath));
	expect(served.toSorted()).toEqual(declared.toSorted());
});
