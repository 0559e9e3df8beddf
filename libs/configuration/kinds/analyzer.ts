// Member `analyzer` of a connection: who is asked what in its answers is a name or an address of a person, which no pattern tells.
import { type Static, Type } from "typebox";
import { durationPattern } from "#libs/policy/duration.ts";
import { allowPrivateAddresses } from "./addresses.ts";

const closed = { additionalProperties: false } as const;

/** An answer waits for the analyzer before anybody gets it, and its executor holds the call meanwhile. */
export const analyzerTimeout = { byDefault: 2_000, max: 10_000 } as const;
export const analyzerEntities = ["PERSON", "LOCATION"] as const;

export const AnalyzerDocument = Type.Object(
	{
		url: Type.String({
			maxLength: 2_048,
			expected: "the URL of an analyzer",
			description: "Under it stands `/analyze`, as Presidio's analyzer has it.",
		}),
		insecure: Type.Optional(
			Type.Boolean({ default: false, description: "Allows plain http to another machine: answers are then readable on the way." }),
		),
		allowPrivateAddresses,
		language: Type.Optional(
			Type.String({ pattern: "^[a-z]{2}$", expected: "a language of two letters", default: "en", description: "Of the answers." }),
		),
		entities: Type.Optional(
			Type.Array(Type.String({ pattern: "^[A-Z][A-Z0-9_]{0,55}$", expected: "an entity of the analyzer, such as PERSON" }), {
				minItems: 1,
				maxItems: 32,
				uniqueItems: true,
				default: [...analyzerEntities],
				description: "What it is asked for.",
			}),
		),
		score: Type.Optional(
			Type.Number({ minimum: 0, maximum: 1, default: 0.5, description: "How sure it must be, from 0 to 1, for a find to be masked." }),
		),
		timeout: Type.Optional(
			Type.String({ pattern: durationPattern, default: "2s", description: "How long its answer is waited for; at most 10s." }),
		),
	},
	closed,
);
export type AnalyzerDocument = Static<typeof AnalyzerDocument>;

/** Compiled: without a slash at the end of `url`. */
export interface Analyzer {
	readonly url: string;
	readonly allowPrivateAddresses: boolean;
	readonly language: string;
	readonly entities: readonly string[];
	readonly score: number;
	readonly timeoutMs: number;
}
