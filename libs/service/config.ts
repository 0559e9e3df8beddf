// A process's configuration: environment variables against one schema, read once, all errors at once.
import { readFileSync } from "node:fs";
import { type Static, type TObject, type TSchema, Type } from "typebox";
import { Compile } from "typebox/compile";
import { ExpectedError } from "#libs/contracts/expected-error.ts";

interface SettingMarks {
	readonly env?: string;
	readonly secret?: boolean;
}

/** A setting: its variable, what it means, and its type. A `secret` is read from the file that `<NAME>_FILE` names, or from `<NAME>`. */
export function setting<T extends TSchema>(env: string, description: string, schema: T): T {
	return { ...schema, env, description };
}

/** A setting that must not be seen; it never has a default. */
export function secretSetting<T extends TSchema>(env: string, description: string, schema: T): T {
	return { ...schema, env, description, secret: true };
}

/** Everything that is wrong with the environment, one line each, so that one restart mends it. */
export class ConfigurationInvalid extends ExpectedError {
	readonly faults: readonly string[];
	constructor(faults: readonly string[]) {
		super(`the environment is not complete:\n${faults.map((fault) => `  - ${fault}`).join("\n")}`);
		this.faults = faults;
	}
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads what `schema` declares from `environment`. Numbers and booleans are written plainly, lists with commas.
 *
 * @throws {ConfigurationInvalid} naming each variable, what was expected, and never a secret's value.
 */
export function readConfig<T extends TObject>(schema: T, environment: Environment): Static<T> {
	const faults: string[] = [];
	const values: Record<string, unknown> = {};
	for (const [name, property] of Object.entries(schema.properties as Record<string, TSchema>)) {
		const { env = name, secret = false } = property as SettingMarks;
		const raw = readVariable(environment, env, secret, faults);
		const fallback = (property as { default?: unknown }).default;
		if (raw === undefined && fallback === undefined) {
			if (Type.IsOptional(property)) continue;
			faults.push(`${env}${secret ? "_FILE" : ""} is missing: ${description(property)}`);
			continue;
		}
		const value = raw === undefined ? fallback : parseAs(property, raw);
		const [error] = Compile(property).Errors(value);
		if (error) faults.push(`${env} ${error.message}${secret ? "" : `, found ${JSON.stringify(raw)}`}: ${description(property)}`);
		values[name] = value;
	}
	if (faults.length > 0) throw new ConfigurationInvalid(faults);
	return values as Static<T>;
}

function description(property: TSchema): string {
	return (property as { description?: string }).description ?? "see docs/operations.md";
}

function readVariable(environment: Environment, env: string, secret: boolean, faults: string[]): string | undefined {
	const file = secret ? environment[`${env}_FILE`] : undefined;
	if (file === undefined) return environment[env] || undefined;
	try {
		return readFileSync(file, "utf8").trim();
	} catch (error) {
		faults.push(`${env}_FILE names a file that cannot be read: ${error instanceof Error ? error.message : "unknown error"}`);
		return undefined;
	}
}

/** By the JSON Schema keyword: a schema that was given its marks is a copy, and no longer carries the library's own hidden kind. */
function parseAs(schema: TSchema, raw: string): unknown {
	const { type } = schema as { type?: string };
	if (type === "integer" || type === "number") return /^-?\d+(\.\d+)?$/.test(raw) ? Number(raw) : raw;
	if (type === "boolean") return raw === "true" ? true : raw === "false" ? false : raw;
	if (type === "array") return raw.split(",").map((item) => item.trim());
	return raw;
}
