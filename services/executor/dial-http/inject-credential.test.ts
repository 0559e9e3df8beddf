// A credential goes exactly where its connection says, never over a caller's value, and never comes back.
import { afterEach, describe, expect, test } from "vitest";
import { Secret } from "#libs/vault/secret.ts";
import { createHttpClient, type HttpClient, type OutboundRequest } from "./http-client.ts";
import { type Credential, CredentialError, injectCredential, scrubAnswer } from "./inject-credential.ts";
import { answerOf, requestTo, serveRaw } from "./raw-server.test-support.ts";
import { SCRUBBED } from "./scrub-secret.ts";

const SECRET = "sk-live/42+secret";
const request = requestTo("https://bank.example/v1/pay?a=1%202");

const refusal = (change: Partial<OutboundRequest>, credential: Credential, value: string): CredentialError => {
	try {
		injectCredential({ ...request, ...change }, credential, new Secret(value));
	} catch (error) {
		if (error instanceof CredentialError) return error;
	}
	throw new Error("expected a CredentialError");
};

describe("where it goes", () => {
	const cases: [string, Credential, Partial<OutboundRequest>][] = [
		["bearer", { secret: "key", as: "bearer" }, { headers: [...request.headers, ["authorization", `Bearer ${SECRET}`]] }],
		[
			"basic",
			{ secret: "key", as: "basic", username: "bänk" },
			{ headers: [...request.headers, ["authorization", `Basic ${Buffer.from(`bänk:${SECRET}`).toString("base64")}`]] },
		],
		["header", { secret: "key", as: "header", name: "X-Api-Key" }, { headers: [...request.headers, ["x-api-key", SECRET]] }],
		["query", { secret: "key", as: "query", name: "api key" }, { url: `${request.url}&api%20key=sk-live%2F42%2Bsecret` }],
	];
	test.each(cases)("%s", (_as, credential, expected) => {
		const before = JSON.stringify(request);
		expect(injectCredential(request, credential, new Secret(SECRET)).request).toEqual({ ...request, ...expected });
		expect(JSON.stringify(request)).toBe(before);
	});

	test("a query that was empty, and a fragment that is not sent", () => {
		const bare = { ...request, url: "https://bank.example/v1/pay#part" };
		const injected = injectCredential(bare, { secret: "key", as: "query", name: "key" }, new Secret(SECRET));
		expect(injected.request.url).toBe("https://bank.example/v1/pay?key=sk-live%2F42%2Bsecret");
	});
});

describe("what is refused", () => {
	const bearer: Credential = { secret: "bank-key", as: "bearer" };
	const cases: [string, string, Partial<OutboundRequest>, Credential, string][] = [
		["the request's own Authorization", "already_present", { headers: [["Authorization", "Bearer caller"]] }, bearer, SECRET],
		[
			"the request's own header",
			"already_present",
			{ headers: [["x-api-key", "1"]] },
			{ secret: "bank-key", as: "header", name: "X-API-Key" },
			SECRET,
		],
		[
			"the request's own parameter",
			"already_present",
			{ url: "https://b.example/?key=1" },
			{ secret: "bank-key", as: "query", name: "key" },
			SECRET,
		],
		[
			"the same, escaped",
			"already_present",
			{ url: "https://b.example/?k%65y=1" },
			{ secret: "bank-key", as: "query", name: "key" },
			SECRET,
		],
		["a header that is not sent on", "credential_invalid", {}, { secret: "bank-key", as: "header", name: "Proxy-Authorization" }, SECRET],
		["a header that the URL decides", "credential_invalid", {}, { secret: "bank-key", as: "header", name: "Host" }, SECRET],
		["a header that is no name", "credential_invalid", {}, { secret: "bank-key", as: "header", name: "x y" }, SECRET],
		["a parameter without a name", "credential_invalid", {}, { secret: "bank-key", as: "query", name: "" }, SECRET],
		["a user name with a colon", "credential_invalid", {}, { secret: "bank-key", as: "basic", username: "a:b" }, SECRET],
		["a line feed at the end", "secret_unusable", {}, bearer, `${SECRET}\n`],
		["a header within", "secret_unusable", {}, bearer, `${SECRET}\r\nx-admin: 1`],
		["NUL", "secret_unusable", {}, { secret: "bank-key", as: "query", name: "key" }, `${SECRET}\0`],
		["letters no header carries", "secret_unusable", {}, bearer, "schlüssel-ü"],
		["white space around it", "secret_unusable", {}, bearer, ` ${SECRET}`],
		["too short to scrub", "secret_unusable", {}, bearer, "hunter2"],
		["too long for a header", "secret_unusable", {}, bearer, "x".repeat(8193)],
	];
	test.each(cases)("%s: %s", (_what, code, change, credential, value) => {
		const error = refusal(change, credential, value);
		expect(error.code).toBe(code);
		expect(error.message).toContain("bank-key");
		expect(`${error.message} ${error.stack}`).not.toContain(value.trim().slice(0, 7));
	});
});

describe("what comes back", () => {
	const cleanup: (() => Promise<void>)[] = [];
	afterEach(async () => {
		for (const undo of cleanup.splice(0).reverse()) await undo();
	});
	const credentials: Credential[] = [
		{ secret: "key", as: "bearer" },
		{ secret: "key", as: "basic", username: "bank" },
		{ secret: "key", as: "header", name: "x-api-key" },
		{ secret: "key", as: "query", name: "key" },
	];
	test.each(credentials)("a function that echoes its whole request does not give the credential away ($as)", async (credential) => {
		const server = await serveRaw((socket, _index, seen) => {
			const value =
				/authorization: (.*)|x-api-key: (.*)|key=(\S*)/
					.exec(seen)
					?.slice(1)
					.find((part) => part !== undefined) ?? "";
			socket.write(answerOf(JSON.stringify({ seen }), [`X-Echo: ${value}`, `X-${SECRET.replaceAll("/", "%2f")}: 1`], "400 Bad Request"));
		});
		cleanup.push(() => server.close());
		const dialer: HttpClient = createHttpClient({ allowLoopback: true });
		cleanup.push(() => dialer.close());
		const injected = injectCredential(requestTo(`${server.url}/pay`), credential, new Secret(SECRET));
		const raw = await dialer.dial(injected.request);
		const answer = await scrubAnswer(raw, injected.scrub);
		expect(server.requests).toHaveLength(1);
		const shown = JSON.stringify([answer.headers, Buffer.from(answer.body).toString()]);
		expect(shown).toContain(SCRUBBED);
		for (const form of [
			SECRET,
			encodeURIComponent(SECRET),
			Buffer.from(SECRET).toString("base64"),
			Buffer.from(`bank:${SECRET}`).toString("base64"),
		]) {
			expect(shown.toLowerCase()).not.toContain(form.toLowerCase());
		}
		expect(answer.status).toBe(400);
	});
});
