// The catalogue of problems is complete in every protocol, and its codes are told apart where they must be.
import { describe, expect, test } from "vitest";
import { isProblemCode, type ProblemCode, problemBody, problems, Refusal } from "./problems.ts";

const all = Object.entries(problems) as [ProblemCode, (typeof problems)[ProblemCode]][];
const grpcCodes = [
	...["CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED"],
	...["FAILED_PRECONDITION", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "UNAUTHENTICATED"],
];

describe.each(all)("%s", (code, { status, grpc, jsonRpc, title, advice }) => {
	test("has a name that is stable in every protocol", () => {
		expect(code).toMatch(/^[a-z][a-z_]{2,40}$/);
		expect(status).toBeGreaterThanOrEqual(400);
		expect(status).toBeLessThan(600);
		expect(grpcCodes).toContain(grpc);
		const standard = [-32700, -32600, -32601, -32602, -32603].includes(jsonRpc);
		// MCP has -32020 to -32099 for codes of its own.
		expect(standard || jsonRpc >= -32019).toBe(true);
	});
	test("says what it is and what to do, in a sentence each", () => {
		expect(title).toMatch(/^[A-Z].*[^.]$/);
		expect(advice).toMatch(/^[A-Z`].*\.$/);
	});
	test("says the same by its body", () => {
		expect(problemBody(code)).toEqual({ type: `urn:callgate:problem:${code}`, title, status, code, advice });
	});
});

test("codes of our own are told apart in JSON-RPC, titles everywhere", () => {
	const own = all.map(([, { jsonRpc }]) => jsonRpc).filter((number) => number > -32600);
	expect(new Set(own).size).toBe(own.length);
	expect(new Set(all.map(([, { title }]) => title)).size).toBe(all.length);
});

test.each([
	["unauthenticated", 401],
	["denied", 403],
	["rejected", 403],
	["expired", 403],
	["not_found", 404],
	["body_too_large", 413],
	["invalid_arguments", 422],
	["idempotency_mismatch", 422],
	["too_many_requests", 429],
	["function_unreachable", 502],
	["outcome_unknown", 502],
	["events_unavailable", 503],
	["function_timeout", 504],
] as const)("the HTTP status of %s is %i", (code, status) => {
	expect(problems[code].status).toBe(status);
});

test("only what is in the catalogue is a code", () => {
	for (const [code] of all) expect(isProblemCode(code)).toBe(true);
	for (const text of ["", "constructor", "toString", "__proto__", "hasOwnProperty", "DENIED", "denied "])
		expect(isProblemCode(text)).toBe(false);
});

test("a body tells its details, but not how to wait, which is a header", () => {
	const body = problemBody("denied", { detail: "no", call: "c", rules: ["r"], retryAfterSeconds: 5 });
	expect(body).toMatchObject({ detail: "no", call: "c", rules: ["r"] });
	expect(body).not.toHaveProperty("retryAfterSeconds");
});

test("details cannot overwrite what the catalogue says", () => {
	const forged = { status: 200, code: "completed", title: "All is well", type: "urn:x" } as object;
	expect(problemBody("denied", forged)).toMatchObject({ status: 403, code: "denied" });
});

test("a refusal says its detail, or its title", () => {
	expect(new Refusal("denied").message).toBe(problems.denied.title);
	expect(new Refusal("denied", { detail: "no" }).message).toBe("no");
});
