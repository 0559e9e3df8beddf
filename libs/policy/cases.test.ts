// Runs the cases of cases/*.yaml: what policies mean, as data that the documentation shows too.
import { readdirSync, readFileSync } from "node:fs";
import { Compile } from "typebox/compile";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { PolicyCall } from "./call-view.ts";
import { compilePolicies } from "./compile-rules.ts";
import type { PolicyContext } from "./compiled-policy.ts";
import { type Decision, decide } from "./decide.ts";
import { PolicyDocument } from "./policy-document.ts";

interface CallCase {
	note: string;
	function: string;
	arguments: PolicyCall["arguments"];
	groups?: string[];
	issuer?: string;
	subject?: string;
	email?: string;
	receivedAt?: string;
	expect: Pick<Decision, "effect" | "rules"> & { codes: string[]; message?: string; approval?: unknown; limits?: unknown[] };
}

interface CaseFile {
	note: string;
	functions: Record<string, Record<string, string[] | "any">>;
	groups: string[];
	policies?: PolicyDocument[];
	calls?: CallCase[];
	mistakes?: { note: string; when: string; at: number; says: string }[];
}

const folder = new URL("cases/", import.meta.url);
const files = readdirSync(folder).map((name) => ({
	name,
	file: parse(readFileSync(new URL(name, folder), "utf8")) as CaseFile,
}));
const schema = Compile(PolicyDocument);

function contextOf({ functions, groups }: CaseFile): PolicyContext {
	const connections = Object.entries(functions);
	return {
		groups: new Set(groups),
		connections: new Map(connections.map(([name, all]) => [name, new Set(Object.keys(all))])),
		argumentNames: new Map(
			connections.map(([name, all]) => [
				name,
				new Map(Object.entries(all).flatMap(([fn, names]) => (names === "any" ? [] : [[fn, new Set(names)] as const]))),
			]),
		),
	};
}

function callOf(one: CallCase): PolicyCall {
	const [connection = "", fn = ""] = one.function.split(".");
	const caller = { issuer: one.issuer ?? "https://idp.example.com", subject: one.subject ?? "someone", groups: one.groups ?? [] };
	return {
		caller: one.email === undefined ? caller : { ...caller, email: one.email },
		connection,
		function: fn,
		arguments: one.arguments,
		receivedAt: one.receivedAt ?? "2026-01-14T10:00:00.000Z",
	};
}

function seen(decision: Decision) {
	return {
		effect: decision.effect,
		rules: decision.rules,
		codes: decision.reasons.map(({ code }) => code),
		...(decision.message !== undefined && { message: decision.message }),
		...(decision.approval && { approval: decision.approval }),
		...(decision.limits && { limits: decision.limits.map(({ key, ...limit }) => limit) }),
	};
}

test("there are cases", () => {
	expect(files.length).toBeGreaterThan(5);
});

describe.each(files)("$name", ({ file }) => {
	test.each(file.calls ?? [])("$note", (one) => {
		const documents = (file.policies ?? []).map((document) => ({ name: document.name, file: "case.yaml", document }));
		for (const { document } of documents) expect([...schema.Errors(document)]).toEqual([]);
		const compiled = compilePolicies(documents, contextOf(file));
		if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
		expect(seen(decide(compiled.policy, callOf(one)))).toEqual(one.expect);
	});

	test.each(file.mistakes ?? [])("$note", ({ when, at, says }) => {
		const document: PolicyDocument = {
			kind: "Policy",
			name: "p",
			rules: [{ name: "r", match: { function: "pay" }, when, effect: "deny" }],
		};
		const compiled = compilePolicies([{ name: "p", file: "case.yaml", document }], contextOf(file));
		if (compiled.ok) throw new Error("compiled");
		expect(compiled.errors).toEqual([{ document: "p", path: ["rules", 0, "when"], offset: at, message: expect.stringContaining(says) }]);
	});
});
