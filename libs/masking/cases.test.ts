// The cases under cases/: what is masked and, as important, what is not. They are the documentation's examples too.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { JsonValue } from "#libs/contracts/json.ts";
import type { MaskAction } from "./action.ts";
import { ALL_DETECTORS, type DetectorName } from "./detectors.ts";
import type { Finding } from "./findings.ts";
import { keysOf } from "./keyed/keys.test-support.ts";
import { compileMask } from "./mask.ts";

interface Case {
	readonly note: string;
	readonly detect?: readonly DetectorName[];
	readonly paths?: Readonly<Record<string, MaskAction>>;
	readonly input: JsonValue;
	readonly expected: JsonValue;
	readonly findings?: readonly Finding[];
}

const folder = new URL("./cases/", import.meta.url);

/** `~~` keeps the made-up tokens of secrets.yaml in two pieces. */
function readCases(file: string): Case[] {
	return parse(readFileSync(new URL(file, folder), "utf8").replaceAll("~~", "")) as Case[];
}

const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));

test("there are cases", () => {
	expect(files.length).toBeGreaterThanOrEqual(4);
});

describe.each(files)("%s", (file) => {
	test.each(readCases(file))("$note", ({ detect, paths, input, expected, findings }) => {
		const mask = compileMask({ paths: paths ?? {}, detect: detect ?? ALL_DETECTORS });
		const keys = keysOf();
		const first = mask.mask(input, keys);
		expect(first.value).toStrictEqual(expected);
		if (findings) expect(first.findings).toStrictEqual(findings);
		else expect(first.findings.length > 0).toBe(JSON.stringify(expected) !== JSON.stringify(input));
		expect(mask.mask(first.value, keys)).toStrictEqual({ value: expected, findings: [] });
	});
});
