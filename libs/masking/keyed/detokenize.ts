// Tokens in a call's arguments, opened where policy names their kind and place, and nowhere else.
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { type Automaton, actionsAt, buildAutomaton, parseSelector, stepInto } from "../selector.ts";
import type { SessionKeys } from "./session-keys.ts";
import { openToken, tokensIn } from "./token.ts";

/** Each is tried with every key of the session. */
export const tokensMax = 256;
/** A shorter value is a word that stands everywhere. */
const revealedCharsMin = 6;

/** JSONPaths into the arguments, with the kinds that are opened there and in everything below. */
export type Detokenized = Readonly<Record<string, readonly string[]>>;

/** A token that was to be opened cannot be: the call must not run. Never says more than the kind, which policy names. */
export class TokenRefused extends ExpectedError {}

export interface Opened {
	readonly arguments: JsonObject;
	/** How many of each kind, in the order of their names. Empty: the arguments are as they came. */
	readonly used: readonly { readonly kind: string; readonly count: number }[];
	/** What the caller does not know and the function now does: it must not come back but as the token. */
	readonly revealed: readonly (readonly [value: string, token: string])[];
}

/** @throws {TypeError} for a selector that policy's compiler did not let pass */
export function compileDetokenizer(places: Detokenized): (args: JsonObject, keys: SessionKeys) => Opened {
	const paths = Object.entries(places).map(([selector, kinds]) => {
		const segments = parseSelector(selector);
		if ("message" in segments) throw new TypeError(segments.message);
		return [segments, kinds] as const;
	});
	const automaton = buildAutomaton(paths);
	return (args, keys) => new Opening(automaton, keys).run(args);
}

class Opening {
	private readonly places: Automaton<readonly string[]>;
	private readonly keys: SessionKeys;
	private readonly used = new Map<string, number>();
	private readonly revealed = new Map<string, string>();
	private tokens = 0;

	constructor(places: Automaton<readonly string[]>, keys: SessionKeys) {
		this.places = places;
		this.keys = keys;
	}

	/** @throws {TokenRefused} */
	run(args: JsonObject): Opened {
		const opened = this.value(args, this.places.start, new Set()) as JsonObject;
		const used = [...this.used].map(([kind, count]) => ({ kind, count })).sort((one, other) => (one.kind < other.kind ? -1 : 1));
		return { arguments: opened, used, revealed: [...this.revealed].sort(([one], [other]) => other.length - one.length) };
	}

	private value(value: JsonValue, states: readonly number[], above: ReadonlySet<string>): JsonValue {
		const here = actionsAt(this.places, states);
		const kinds = here.length === 0 ? above : new Set([...above, ...here.flat()]);
		if (typeof value === "string") return kinds.size === 0 ? value : this.text(value, kinds);
		if (Array.isArray(value)) return value.map((item, at) => this.value(item, stepInto(this.places, states, at), kinds));
		if (!isJsonObject(value)) return value;
		// Names of members stay: a function has those that its schema says.
		const entries = Object.entries(value).map(([name, member]): [string, JsonValue] => [
			name,
			this.value(member, stepInto(this.places, states, name), kinds),
		]);
		return Object.fromEntries(entries);
	}

	private text(text: string, kinds: ReadonlySet<string>): string {
		let opened = "";
		let from = 0;
		for (const { start, end, kind, body } of tokensIn(text)) {
			if (!kinds.has(kind)) continue;
			if (++this.tokens > tokensMax) throw new TokenRefused(`the arguments carry more than ${tokensMax} tokens`);
			const value = openToken(this.keys, kind, body);
			if (value === undefined)
				throw new TokenRefused(
					`a token of the kind ${kind} is not one of this caller's session, or its time has passed: read the value anew`,
				);
			this.used.set(kind, (this.used.get(kind) ?? 0) + 1);
			if (value.length >= revealedCharsMin) this.revealed.set(value, text.slice(start, end));
			opened += text.slice(from, start) + value;
			from = end;
		}
		return opened + text.slice(from);
	}
}
