// Masks merge so that more masking wins: forgetting something masks too much.
import { expect, test } from "vitest";
import { ALL_DETECTORS } from "#libs/masking/detectors.ts";
import { compileMask } from "#libs/masking/mask.ts";
import { compilePolicies } from "./compile-rules.ts";
import { maskFor } from "./mask-for.ts";
import type { MaskEntry } from "./policy-document.ts";

function masksOf(...mask: MaskEntry[]) {
	const context = {
		groups: new Set<string>(),
		connections: new Map([
			["bank", new Set(["pay", "list"])],
			["mail", new Set(["send"])],
		]),
	};
	const compiled = compilePolicies([{ name: "p", file: "p.yaml", document: { kind: "Policy", name: "p", rules: [], mask } }], context);
	if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
	return compiled.policy;
}

test("nothing said: every detector", () => {
	expect(maskFor(masksOf(), "bank", "pay")).toEqual({
		request: { paths: {}, detect: ALL_DETECTORS },
		response: { paths: {}, detect: ALL_DETECTORS },
		detokenize: {},
	});
});

test("entries of other places do not count", () => {
	const policy = masksOf(
		{ match: { connection: "mail" }, detect: ["card"] },
		{ match: { function: "list" }, response: { "$.a": "redact" } },
	);
	expect(maskFor(policy, "bank", "pay").response).toEqual({ paths: {}, detect: ALL_DETECTORS });
});

test("paths are taken together, by side; where two disagree less of the value stays", () => {
	const policy = masksOf(
		{ match: { connection: "bank" }, request: { "$.a": "last4", "$.b": "last4" }, response: { "$.c": "hash", "$.d": "surrogate" } },
		{ match: { function: "pay" }, request: { "$.a": "redact", "$.b": "last4" }, response: { "$.c": "last4", "$.d": "drop" } },
	);
	const masks = maskFor(policy, "bank", "pay");
	expect(masks.request.paths).toEqual({ "$.a": "redact", "$.b": "last4" });
	expect(masks.response.paths).toEqual({ "$.c": "redact", "$.d": "drop" });
});

test("tokens are opened at every place that any entry names, as every kind that is named there", () => {
	const policy = masksOf(
		{ match: { connection: "bank" }, response: { "$.c": "tokenize name" }, detokenize: ["email"] },
		{ match: { function: "pay" }, detokenize: { "$.to": ["name"], $: ["card"] } },
	);
	expect(maskFor(policy, "bank", "pay").detokenize).toEqual({ $: ["card", "email"], "$.to": ["name"] });
	expect(maskFor(policy, "bank", "list").detokenize).toEqual({ $: ["email"] });
	expect(maskFor(policy, "mail", "send").detokenize).toEqual({});
});

test("what comes out compiles, also for a path that is called like JavaScript's own members", () => {
	const { request } = maskFor(masksOf({ match: {}, request: { "$.__proto__": "redact", "$.constructor": "last4" } }), "bank", "pay");
	const args = JSON.parse('{"__proto__": "4111 1111 1111 1111", "constructor": "4111 1111 1111 1111"}');
	expect(JSON.stringify(compileMask(request).mask(args).value)).not.toContain("4111 1111 1111");
});

test("detectors are narrowed only if every entry that matches says so", () => {
	const narrow: MaskEntry[] = [
		{ match: { connection: "bank" }, detect: ["email"] },
		{ match: { function: "pay" }, detect: ["card", "email"] },
	];
	expect(maskFor(masksOf(...narrow), "bank", "pay").request.detect).toEqual(["card", "email"]);
	expect(maskFor(masksOf(...narrow, { match: {}, request: { "$.x": "redact" } }), "bank", "pay").request.detect).toEqual(ALL_DETECTORS);
});

test("what becomes of finds narrows nothing, but in a list; where two disagree, a mark is left", () => {
	const masks = masksOf(
		{ match: { connection: "bank" }, detect: { email: "tokenize", secret: "hash", card: "surrogate" } },
		{ match: { connection: "bank" }, detect: ["phone", { card: "tokenize", password: "hash" }] },
		{ match: { connection: "mail" }, detect: ["phone", { email: "tokenize person" }] },
	);
	const bank = maskFor(masks, "bank", "pay");
	expect(bank.response.detect).toEqual(ALL_DETECTORS);
	expect(bank.response.finds).toEqual({
		...{ card: "redact", email: "tokenize" },
		...{ "cloud-token": "hash", jwt: "hash", password: "hash", "private-key": "hash" },
	});
	expect(bank.request).not.toHaveProperty("finds");
	const { response } = maskFor(masks, "mail", "send");
	expect(response).toEqual({ paths: {}, detect: ["email", "phone"], finds: { email: "tokenize person" } });
	expect(compileMask(response).maskText("jane@customer.example").text).toBe("[email]");
});
