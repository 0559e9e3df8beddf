// Tokens that are almost right: refused for their one fault, by every API, and nothing runs for them.
import { generateKeyPairSync } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { callerBounds } from "#libs/contracts/call.ts";
import { tokenCharactersMax } from "#libs/identity/authorization-header.ts";
import { forge, forgeHmac, forgerPublicPem, goodClaims, goodHeader, signText, unsigned } from "../support/forge.ts";
import { type Fields, rawRequest, sendRaw } from "../support/raw-http.ts";
import { askedInSlack } from "../support/slack.ts";
import {
	type Answer,
	accepted,
	ask,
	expectProblem,
	newReference,
	show,
	stack,
	tokenOf,
	transfer,
	transfersNamed,
} from "../support/stack.ts";

const json = ["Content-Type", "application/json"] as const;
const { ingress, approval, audit } = stack.urls;
let token = "";
beforeAll(async () => {
	token = await tokenOf("ci");
});
const bearer = (value: string): Fields => [["Authorization", `Bearer ${value}`]];

/** A refusal of any kind; never an answer, never a crash. */
function expectRefused({ status, text }: Answer): void {
	expect(status, text).toBeGreaterThanOrEqual(400);
	expect(status, text).toBeLessThan(500);
}

describe("tokens", () => {
	const reference = newReference("forged token");
	const asking = (value: string) =>
		sendRaw(
			ingress,
			rawRequest("POST /v1/calls", [...bearer(value), json, ["Prefer", "wait=10"]], JSON.stringify(transfer(10, { reference }))),
		);
	const now = () => Math.floor(Date.now() / 1_000);
	const withExp = (exp: string) => signText(goodHeader, JSON.stringify(goodClaims()).replace(/"exp":\d+/, `"exp":${exp}`));
	const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 });
	const strangersKey = stranger.publicKey.export({ format: "jwk" });

	test("one that is right in every way is accepted: what is refused below is refused for its one fault", async () => {
		const answer = await asking(forge());
		expect(answer.status, answer.text).toBe(200);
		expect((await asking(signText(goodHeader, JSON.stringify(goodClaims())))).status).toBe(200);
		expect(await transfersNamed(reference)).toHaveLength(2);
	});

	const faults: [string, () => string][] = [
		["no algorithm", () => unsigned("")],
		["no algorithm and a signature", () => unsigned("AAAA")],
		["HS256 under the public key", () => forgeHmac(forgerPublicPem)],
		["HS256 under the public modulus", () => forgeHmac(String(stack.forger.n))],
		["HS256 under nothing", () => forgeHmac("")],
		["an algorithm that the issuer does not use", () => forge({}, { alg: "RS512" })],
		["a changed signature", () => forge().replace(/.(?=.{10}$)/, (char) => (char === "A" ? "B" : "A"))],
		["claims under another token's signature", () => forge({ sub: "someone" }).replace(/[^.]+$/, forge().split(".")[2] ?? "")],
		[
			"a key of its own in the header",
			() => signText({ ...goodHeader, kid: undefined, jwk: strangersKey }, JSON.stringify(goodClaims()), stranger.privateKey),
		],
		[
			"an address of keys in the header",
			() => signText({ ...goodHeader, jku: `${stack.urls.bank}/keys` }, JSON.stringify(goodClaims()), stranger.privateKey),
		],
		["a key id that nobody has", () => forge({}, { kid: "../../etc/passwd" })],
		["an extension that must be understood", () => forge({}, { crit: ["evil"], evil: true })],
		["no type", () => forge({}, { typ: undefined })],
		["an identity token's type", () => forge({}, { typ: "id+jwt" })],
		["another audience", () => forge({ aud: "another" })],
		["a list of other audiences", () => forge({ aud: ["another", "callgate2"] })],
		["no audience", () => forge({ aud: undefined })],
		["another issuer", () => forge({ iss: "https://other.example" })],
		["its issuer with a slash", () => forge({ iss: "https://forger.example/" })],
		["its issuer in capitals", () => forge({ iss: "https://FORGER.example" })],
		["the demo's issuer", () => forge({ iss: stack.issuer })],
		["no issuer", () => forge({ iss: undefined })],
		["an end that is past", () => forge({ exp: now() - 60 })],
		["no end", () => forge({ exp: undefined })],
		["an infinite end", () => withExp("1e400")],
		["an end beyond all numbers", () => withExp("1e300")],
		["an end as text", () => forge({ exp: String(now() + 600) })],
		["an end that is nothing", () => forge({ exp: null })],
		["a beginning that is to come", () => forge({ nbf: now() + 600 })],
		["an empty subject", () => forge({ sub: "" })],
		["a subject of spaces", () => forge({ sub: "   " })],
		["a number for a subject", () => forge({ sub: 7 })],
		["no subject", () => forge({ sub: undefined })],
		["a subject without end", () => forge({ sub: "x".repeat(257) })],
		["groups as text", () => forge({ groups: "ci" })],
		["a group that is a number", () => forge({ groups: ["ci", 1] })],
		["groups within groups", () => forge({ groups: [["ci"]] })],
		["groups by name", () => forge({ groups: { ci: true } })],
		["too many groups", () => forge({ groups: Array.from({ length: callerBounds.groups + 1 }, (_, nth) => `g${nth}`) })],
		["groups that are elsewhere", () => forge({ groups: undefined, _claim_names: { groups: "src1" } })],
		["a subject with a line break", () => forge({ sub: "some\none" })],
		["an address that is none", () => forge({ email: ["dana@example.com"] })],
		// In base64 longer than a token may be, and shorter than the head of a request.
		["too many bytes", () => forge({ padding: "x".repeat(Math.ceil(0.8 * tokenCharactersMax)) })],
		["claims that are no object", () => signText(goodHeader, "[]")],
		["claims that are not JSON", () => signText(goodHeader, "{")],
	];
	test.each(faults)("%s: refused", async (_, make) => {
		const before = await transfersNamed(reference);
		expectProblem(await asking(make()), "unauthenticated");
		expect(await transfersNamed(reference)).toHaveLength(before.length);
	});

	test.each([
		["none", []],
		["an empty one", [["Authorization", ""]]],
		["the same twice", [1, 2]],
		["a good one before a bad one", [1, "Bearer x.y.z"]],
		["a bad one before a good one", ["Bearer x.y.z", 1]],
		["two in one header", ["two"]],
		["another scheme", [["Authorization", "Basic Y2k6Y2k="]]],
	] as const)("Authorization headers: %s: refused by every API", async (_, spec) => {
		const fields = spec.map((one): readonly [string, string] => {
			if (typeof one === "number") return ["Authorization", `Bearer ${token}`];
			if (typeof one === "string") return ["authorization", one === "two" ? `Bearer ${token}, Bearer ${token}` : one];
			return one;
		});
		const paths = [
			[ingress, "GET /v1/functions"],
			[ingress, "GET /proxy/bank/accounts/acc-1"],
			[approval, "GET /v1/approvals"],
			[audit, "GET /v1/audit/events"],
		] as const;
		for (const [origin, line] of paths) expectProblem(await sendRaw(origin, rawRequest(line, fields)), "unauthenticated");
	});

	test("a token anywhere but in its header is none", async () => {
		expectProblem(await ask(`${ingress}/proxy/bank/accounts/acc-1?access_token=${token}`), "unauthenticated");
		expectProblem(
			await ask(`${ingress}/v1/functions`, { headers: { cookie: `token=${token}`, "proxy-authorization": `Bearer ${token}` } }),
			"unauthenticated",
		);
		expectRefused(await sendRaw(ingress, rawRequest("GET /v1/functions", bearer("x".repeat(40_000)))));
	});

	test("an address that its issuer did not verify approves nothing, and one's own under another issuer neither", async () => {
		const call = await accepted("ci", transfer(5_000, { reference: newReference("unverified") }));
		await askedInSlack(call);
		const voteWith = (claims: Record<string, unknown>, about: string) =>
			ask(`${approval}/v1/approvals/${about}/votes`, {
				method: "POST",
				headers: { authorization: `Bearer ${forge(claims)}`, "content-type": "application/json" },
				body: JSON.stringify({ verdict: "approve" }),
			});
		expectProblem(await voteWith({ email: "dana@example.com", email_verified: false }, call), "not_an_approver");
		expectProblem(await voteWith({ email: undefined }, call), "not_an_approver");
		expectProblem(await voteWith({ groups: ["finance"] }, call), "not_an_approver");
		expect((await show("ci", call)).body.state).toBe("held");

		const own = await accepted("dana", transfer(5_000, { reference: newReference("other issuer") }));
		await askedInSlack(own);
		expectProblem(await voteWith({ email: "DANA@example.com" }, own), "not_an_approver");
	});
});
