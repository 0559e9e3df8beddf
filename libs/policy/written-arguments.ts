// Arguments of functions that a condition must write out, so that their mistakes are found before there is a call.
import { patternFaults } from "#libs/patterns/linear-pattern.ts";
import { patternOf } from "./condition-functions.ts";
import { type Expr, literalText } from "./condition-tree.ts";

const patternCharactersMax = 256;

/** A pattern never comes from arguments, so its size is bounded. */
export function whyNoPattern(argument: Expr | undefined): string | undefined {
	const pattern = literalText(argument);
	if (pattern === undefined) return "matches() wants its pattern written out in quotes";
	if (pattern.length > patternCharactersMax) return `a pattern has at most ${patternCharactersMax} characters`;
	const compiled = patternOf(pattern);
	return typeof compiled === "string" ? `matches(): ${patternFaults[compiled]}` : undefined;
}

export function whyNoZone(argument: Expr | undefined): string | undefined {
	const zone = literalText(argument);
	if (zone === undefined) return "the time zone must be written out in quotes";
	try {
		if (!/^[+-]\d\d:\d\d$/.test(zone)) new Intl.DateTimeFormat("en-US", { timeZone: zone });
		return undefined;
	} catch {
		return `unknown time zone "${zone}"`;
	}
}
