// The scopes of a token, as issuers write them.
import type { JWTPayload } from "jose";
import { expect, test } from "vitest";
import { scopesIn } from "./token-scopes.ts";

test.each<[string, JWTPayload, string[]]>([
	["a text with spaces", { scope: "a b  c" }, ["a", "b", "c"]],
	["Entra's text", { scp: "a b" }, ["a", "b"]],
	["Okta's list", { scp: ["a", "b"] }, ["a", "b"]],
	["both", { scope: "a", scp: ["b"] }, ["a", "b"]],
	["none", {}, []],
	["nothing that is a scope", { scope: { a: true }, scp: [1, null] }, []],
	["a scope that is part of another's name", { scope: "bank:readwrite" }, ["bank:readwrite"]],
])("%s", (_what, payload, scopes) => {
	expect([...scopesIn(payload)]).toEqual(scopes);
});
