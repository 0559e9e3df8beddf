// Claims are found where the configuration says, and what is there and not as it should be refuses the token, so that no rule misses its caller.
import { beforeAll, describe, expect, test } from "vitest";
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";
import { callerBounds } from "#libs/contracts/call.ts";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { createAuthenticator } from "./authenticate.ts";
import { claims, issuerOf, newKey, now, sign, type TestKey } from "./issuer.test-support.ts";

const url = "https://idp.example";
let key: TestKey;
beforeAll(async () => {
	key = await newKey("k1");
});

async function callerOf(said: object, paths: Partial<Issuer["claims"]> = { groups: "groups", email: "email" }): Promise<unknown> {
	const issuer = issuerOf(url, { keys: { from: "file", keys: [key.jwk] as never }, claims: { subject: "sub", ...paths } });
	try {
		return await createAuthenticator([issuer], () => now).authenticate([`Bearer ${await sign(key, { ...claims(url), ...said })}`]);
	} catch (error) {
		expect(error).toBeInstanceOf(NotAuthenticated);
		const { reason, issuer: name, message } = error as NotAuthenticated;
		expect(name).toBe("test");
		return { reason, message };
	}
}
const groupsOf = async (said: object, path: string) => ((await callerOf(said, { groups: path })) as { groups?: unknown }).groups;

describe("a claim is found", () => {
	test.each<[string, string, object]>([
		["by its name", "roles", { roles: ["admins"] }],
		["in an object", "realm_access.roles", { realm_access: { roles: ["admins"] } }],
		["several objects deep", "a.b.c.d", { a: { b: { c: { d: ["admins"] } } } }],
		["by a name that is a URL", "https://example.com/groups", { "https://example.com/groups": ["admins"] }],
		["by a name that has a colon", "cognito:groups", { "cognito:groups": ["admins"] }],
		["by a name that has dots", "com.example.groups", { "com.example.groups": ["admins"] }],
		["below a name that has dots", "resource_access.my.client.roles", { resource_access: { "my.client": { roles: ["admins"] } } }],
		["in an object under a URL", "https://example.com/auth.groups", { "https://example.com/auth": { groups: ["admins"] } }],
		["beside an object that has no such claim", "a.b", { a: { c: 1 }, "a.b": ["admins"] }],
		["beside another claim of the same beginning", "a.b", { a: "text", "a.b": ["admins"] }],
	])("%s", async (_how, path, said) => {
		expect(await groupsOf(said, path)).toEqual(["admins"]);
	});
	test("for subject and e-mail too, and verified where the address stands", async () => {
		const paths = { subject: "user.id", email: "user.mail" };
		expect(await callerOf({ user: { id: "u1", mail: "Robin@example.com", email_verified: true } }, paths)).toMatchObject({
			...{ subject: "u1", email: "robin@example.com" },
		});
		for (const said of [
			{ user: { id: "u1", mail: "robin@example.com", email_verified: false } },
			{ user: { id: "u1", mail: "robin@example.com" }, email_verified: false },
		])
			expect(await callerOf(said, paths)).not.toHaveProperty("email");
	});
	test("only among what the token has itself", async () => {
		for (const path of ["constructor.name", "__proto__.groups", "groups.length", "toString"]) expect(await groupsOf({}, path)).toEqual([]);
	});
	test("in one way: two readings of a path are refused", async () => {
		const said = { "a.b": ["users"], a: { b: ["admins"] } };
		expect(await callerOf(said, { groups: "a.b" })).toMatchObject({ reason: "claim_malformed", message: expect.stringContaining("a.b") });
	});
});

describe("the session", () => {
	const sessionOf = async (said: object) => (await callerOf(said, { session: "sid" })) as { session?: string };
	test("is told apart by the claim that names it, and not told", async () => {
		const { session } = await sessionOf({ sid: "08a5019c-17e1-4977-8f42-65a12843ea02" });
		expect(session).toMatch(/^[\w-]{22}$/);
		expect(await sessionOf({ sid: "08a5019c-17e1-4977-8f42-65a12843ea02" })).toMatchObject({ session });
		expect(await sessionOf({ sid: "another" })).not.toMatchObject({ session });
		expect(await callerOf({ sid: "another" })).not.toHaveProperty("session");
	});
	test("is none where the token has no such claim, and the token is refused where it is no text", async () => {
		for (const said of [{}, { sid: null }, { sid: "" }]) expect(await sessionOf(said)).not.toHaveProperty("session");
		for (const sid of [7, ["a"], { a: 1 }]) expect(await sessionOf({ sid })).toMatchObject({ reason: "claim_malformed" });
		expect(await sessionOf({ sid: "x".repeat(513) })).toMatchObject({ reason: "claim_too_large" });
	});
});

describe("null, empty and missing are the same", () => {
	test.each<[string, object]>([
		["groups", { groups: null }],
		["groups", { groups: [] }],
		["groups", { groups: "" }],
		["groups", {}],
		["email", { email: null }],
		["email", { email: [] }],
		["email", { email: "" }],
	])("for %s: %j", async (_claim, said) => {
		expect(await callerOf(said)).toEqual({ issuer: url, subject: "robin", groups: [] });
	});
	test.each([{ a: null }, { a: "" }, { a: [] }, { a: {} }, {}])("for what a path leads through: %j", async (said) => {
		expect(await groupsOf(said, "a.b")).toEqual([]);
	});
	test.each([{ email_verified: null }, { email_verified: "" }, {}, { email_verified: true }, { email_verified: "true" }])(
		"for whether an address is verified, which counts as yes: %j",
		async (said) => {
			expect(await callerOf({ email: "robin@example.com", ...said })).toMatchObject({ email: "robin@example.com" });
		},
	);
	test.each([{ email_verified: false }, { email_verified: "false" }])("but not what says no: %j", async (said) => {
		expect(await callerOf({ email: "robin@example.com", ...said })).not.toHaveProperty("email");
	});
});

describe("a token says that its groups are elsewhere", () => {
	const sources = { _claim_sources: { src1: { endpoint: "https://graph.example/users/1/getMemberObjects" } } };
	test.each<[string, object, string?]>([
		["by a claim name (Entra)", { _claim_names: { groups: "src1" }, ...sources }],
		["by a claim name alone", { _claim_names: { groups: "src1" } }],
		["by sources without names", sources],
		["although it has some", { groups: ["staff"], _claim_names: { groups: "src1" }, ...sources }],
		["by hasgroups (Entra)", { hasgroups: true }],
		["by hasgroups as a text", { hasgroups: "true" }],
		["for a claim that a path leads into", { _claim_names: { realm_access: "src1" } }, "realm_access.roles"],
		["for a claim with dots in its name", { _claim_names: { "https://example.com/groups": "src1" } }, "https://example.com/groups"],
	])("%s", async (_how, said, path = "groups") => {
		const refusal = await callerOf(said, { groups: path });
		expect(refusal).toMatchObject({ reason: "claim_elsewhere", message: expect.stringContaining(`its claim ${path} is to be asked for`) });
		expect(JSON.stringify(refusal)).not.toContain("graph.example");
	});
	test.each<[string, object, Partial<Issuer["claims"]>]>([
		["says so of a claim that nobody reads", { _claim_names: { photo: "src1" }, ...sources }, { groups: "groups" }],
		["has no others", { hasgroups: false, _claim_names: {}, _claim_sources: null }, { groups: "groups" }],
		["says so to an issuer whose groups are in another claim", { hasgroups: true, roles: ["admins"] }, { groups: "roles" }],
		["says so to an issuer without groups", { hasgroups: true, _claim_names: { groups: "src1" } }, {}],
	])("which is no matter where it %s", async (_how, said, paths) => {
		expect(await callerOf(said, paths)).toMatchObject({ subject: "robin" });
	});
	test("also of its e-mail or its subject", async () => {
		expect(await callerOf({ _claim_names: { email: "src1" } })).toMatchObject({ reason: "claim_elsewhere" });
		expect(await callerOf({ _claim_names: { sub: "src1" } })).toMatchObject({ reason: "claim_elsewhere" });
	});
});

test.each<[object, string, Partial<Issuer["claims"]>?]>([
	[{ groups: "admins-secret" }, "its claim groups is a text, expected a list of texts"],
	[{ groups: { admins: true } }, "its claim groups is an object, expected a list of texts"],
	[{ groups: 0 }, "its claim groups is a number, expected a list of texts"],
	[{ groups: false }, "its claim groups is true or false, expected a list of texts"],
	[{ groups: ["ci", ["x"]] }, "its claim groups has a list, expected nothing but texts"],
	[{ groups: ["ci", null] }, "its claim groups has missing"],
	[{ realm_access: "admins-secret" }, "its claim realm_access is a text, expected an object", { groups: "realm_access.roles" }],
	[{ realm_access: [{ roles: ["x"] }] }, "its claim realm_access is a list, expected an object", { groups: "realm_access.roles" }],
	[{ email: ["robin@example.com"] }, "its claim email is a list, expected a text"],
	[{ email: "admins-secret" }, "its claim email is a text that is no e-mail address"],
	[{ email: "a@b.example", email_verified: 1 }, "its claim email_verified is a number, expected true or false"],
	[{ email: "a@b.example", email_verified: "yes" }, "its claim email_verified is a text, expected true or false"],
	[{ sub: 7 }, "its claim sub is a number, expected a text"],
	[{ _claim_names: "src1" }, "its claim _claim_names is a text, expected an object"],
])("a claim of the wrong form is named, never its value: %j", async (said, message, paths) => {
	const refusal = await callerOf(said, paths);
	expect(refusal).toMatchObject({ reason: "claim_malformed", message: expect.stringContaining(message) });
	expect(JSON.stringify(refusal)).not.toContain("admins-secret");
});

describe("bounds", () => {
	test("hold the groups of a large directory, with names that are paths", async () => {
		const groups = Array.from({ length: 1_000 }, (_, at) => `department-${at}/team`);
		expect(await groupsOf({ groups }, "groups")).toEqual(groups);
		const long = ["x".repeat(callerBounds.groupCharacters)];
		expect(await groupsOf({ groups: long }, "groups")).toEqual(long);
		const many = Array.from({ length: callerBounds.groups }, (_, at) => `${at}`);
		expect(await groupsOf({ groups: many }, "groups")).toEqual(many);
	});
	test.each<[object, string]>([
		[{ groups: Array.from({ length: 4_001 }, () => "g") }, "its claim groups has 4001 groups, at most 4000 are taken"],
		[{ groups: ["x".repeat(513)] }, "its claim groups has a group of 513 characters, at most 512 are taken"],
		[{ sub: "x".repeat(257) }, "its claim sub has 257 characters, at most 256 are taken"],
		[{ email: `${"x".repeat(250)}@b.example` }, "its claim email has 260 characters, at most 254 are taken"],
	])("are named where they are passed %#", async (said, message) => {
		expect(await callerOf(said)).toMatchObject({ reason: "claim_too_large", message: expect.stringContaining(message) });
	});
});
