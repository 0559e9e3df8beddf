// The cases under cases/: configurations with mistakes, and every message that their author gets.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { compileConfiguration } from "./compile-configuration.ts";
import { formatConfigurationError } from "./configuration-error.ts";

type Case = { readonly note: string; readonly files: Record<string, string>; readonly errors: readonly string[] };

const folder = new URL("./cases/", import.meta.url);
const cases = readdirSync(folder).flatMap((file) =>
	(parse(readFileSync(new URL(file, folder), "utf8")) as Case[]).map((one) => ({ ...one, title: `${file}: ${one.note}` })),
);

test("there are cases", () => {
	expect(cases.length).toBeGreaterThan(20);
});

test.each(cases)("$title", ({ files, errors }) => {
	const compiled = compileConfiguration(files);
	expect(compiled.ok ? [] : compiled.errors.map(formatConfigurationError)).toEqual(errors);
});
