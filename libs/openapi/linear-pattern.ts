// Regular expressions from vendors' documents, run by an engine whose time is linear in the text (RE2), so that none can stall a service.
import { RE2JS } from "@bufbuild/re2";

/** Longest pattern that is compiled: an RE2 program grows with its pattern. */
const patternCharsMax = 2_000;

/** What Ajv needs of a regular expression. */
export type Pattern = { test(text: string): boolean };

/** Compiles a pattern; undefined where RE2 has no such syntax (look-around, back-references) or it is too long. */
export function compilePattern(source: string): Pattern | undefined {
	if (source.length > patternCharsMax) return undefined;
	try {
		return RE2JS.compile(source);
	} catch {
		return undefined;
	}
}
