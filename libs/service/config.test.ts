// A process's environment: everything wrong at once, nothing coerced, no secret repeated.
import { Type } from "typebox";
import { expect, test } from "vitest";
import { ConfigurationInvalid, readConfig, secretSetting, setting } from "./config.ts";

const schema = Type.Object({
	port: setting("X_PORT", "the port", Type.Integer({ minimum: 1, maximum: 65_535, default: 80 })),
	servers: setting("X_SERVERS", "where", Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })),
	loose: setting("X_LOOSE", "whether", Type.Boolean({ default: false })),
	folder: Type.Optional(setting("X_FOLDER", "a folder", Type.String())),
	seed: secretSetting("X_SEED", "the seed", Type.String({ minLength: 4 })),
});

function faultsOf(environment: Record<string, string>): readonly string[] {
	try {
		readConfig(schema, environment);
		return [];
	} catch (error) {
		if (error instanceof ConfigurationInvalid) return error.faults;
		throw error;
	}
}

test("numbers, lists and booleans are read as what they are, and defaults fill in", () => {
	const read = readConfig(schema, { X_SERVERS: "a, b", X_SEED: "long", X_LOOSE: "true", X_PORT: "7300" });
	expect(read).toEqual({ port: 7300, servers: ["a", "b"], loose: true, seed: "long" });
	expect(readConfig(schema, { X_SERVERS: "a", X_SEED: "long" })).toMatchObject({ port: 80, loose: false });
});

test("all faults are told at once, and a secret's value in none of them", () => {
	const faults = faultsOf({ X_PORT: "70000", X_LOOSE: "yes", X_SEED: "abc" });
	expect(faults).toHaveLength(4);
	expect(faults.join("\n")).toMatch(/X_PORT.*70000/);
	expect(faults.join("\n")).toMatch(/X_SERVERS is missing: where/);
	expect(faults.join("\n")).not.toContain("abc");
});

test("what is almost a number is refused, not rounded", () => {
	for (const port of ["1e3", "0x50", "80.5", " 80", "80 "])
		expect(faultsOf({ X_PORT: port, X_SERVERS: "a", X_SEED: "long" })).toHaveLength(1);
});

test("a secret's file that cannot be read is named", () => {
	expect(faultsOf({ X_SERVERS: "a", X_SEED_FILE: "/nowhere/at/all" })[0]).toMatch(/X_SEED_FILE names a file that cannot be read/);
});
