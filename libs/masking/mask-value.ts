// One JSON value masked: paths first, then what members' names say, then detectors, in one bounded walk.
import { isJsonObject, type JsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { kindNamedBy, type MaskAction, strictest } from "./action.ts";
import { columnsAbove, columnsBeside, hintsBeside, hintsOfItem } from "./beside.ts";
import { mayHaveBeenCard } from "./detect/card.ts";
import { passwordMark } from "./detect/name-and-value.ts";
import { isPrivateJwk, isPrivateJwkMember, privateKeyMark } from "./detect/private-key.ts";
import { type Finding, Findings } from "./findings.ts";
import type { FindsActor } from "./keyed/act-on-finds.ts";
import { hashMark } from "./keyed/hash.ts";
import { type MaskingContext, withoutRevealed } from "./keyed/session-keys.ts";
import { surrogateOf } from "./keyed/surrogate.ts";
import { openToken, tokenOf, wholeToken } from "./keyed/token.ts";
import { kindOf } from "./kind-of.ts";
import type { KnownName, KnownNames } from "./known-names.ts";
import { isHashMark, isMark, lastFourOf, markOf, redactedMark } from "./mark.ts";
import { type DetectorSet, maskString, type Shared, shared } from "./mask-string.ts";
import { MaskingError } from "./masking-error.ts";
import { hint, hintsWithin } from "./names.ts";
import type { DetectorId } from "./scan.ts";
import { type Automaton, actionAt, stepInto } from "./selector.ts";
import { isPlaceholder, looksRandom } from "./values.ts";

/** Bounds of one value. Beyond them masking throws. */
export interface MaskLimits {
	/** Nesting of objects and arrays. */
	readonly depthMax: number;
	/** Values of every kind, together. */
	readonly nodesMax: number;
	/** UTF-16 code units of all strings and names, together. */
	readonly charsMax: number;
}

const cardCodeMark = markOf("card-code");
/** What `drop` leaves of a member or an item. */
const dropped = Symbol("dropped");
const nothing: readonly never[] = [];

/** The state of one walk; used for one value. */
export class ValueMasker {
	private readonly detectors: DetectorSet;
	private readonly paths: Automaton<MaskAction>;
	private readonly limits: MaskLimits;
	private readonly findings = new Findings();
	private readonly names: KnownNames;
	private readonly shared: Shared;
	/** Names of members become marks, whatever becomes of values. */
	private readonly sharedOfNames: Shared;
	private readonly actor: FindsActor | undefined;
	private readonly keys: MaskingContext | undefined;
	private readonly revealed: NonNullable<MaskingContext["revealed"]>;
	/** Masked names and indexes from the root to the value being masked. */
	private readonly place: (string | number)[] = [];
	private readonly findsKeys: boolean;
	private readonly findsPasswords: boolean;
	private nodes = 0;
	private chars = 0;

	/** @param keys without which what needs them is redacted */
	constructor(
		detectors: DetectorSet,
		names: KnownNames,
		paths: Automaton<MaskAction>,
		limits: MaskLimits,
		keys?: MaskingContext,
		actor?: FindsActor,
	) {
		this.detectors = detectors;
		this.names = names;
		this.shared = shared(detectors, names, actor);
		this.sharedOfNames = actor ? shared(detectors, names) : this.shared;
		this.actor = actor;
		this.paths = paths;
		this.limits = limits;
		this.findsKeys = detectors.has("private-key");
		this.findsPasswords = detectors.has("password");
		this.keys = keys;
		this.revealed = keys?.revealed ?? nothing;
	}

	run(value: JsonValue): { value: JsonValue; findings: Finding[] } {
		const masked = this.value(value, this.paths.start, 0);
		return { value: masked === dropped ? null : masked, findings: this.findings.list() };
	}

	/** @param heads what the heads of columns say, of rows and of a row */
	private value(value: JsonValue, states: readonly number[], hints: number, heads?: readonly number[]): JsonValue | typeof dropped {
		if (++this.nodes > this.limits.nodesMax)
			throw new MaskingError("too_many_nodes", `the value has more than ${this.limits.nodesMax} nodes`);
		const action = states.length === 0 ? undefined : actionAt(this.paths, states, strictest);
		if (action !== undefined) return this.acted(value, action, hints);
		switch (typeof value) {
			case "string":
				return this.string(value, hints);
			case "number":
				return this.number(value, hints);
			case "boolean":
				return value;
			default:
				return value === null ? null : this.container(value, states, hints, heads);
		}
	}

	private acted(value: JsonValue, action: MaskAction, hints: number): JsonValue | typeof dropped {
		if (action === "drop") {
			this.found("path", 1);
			return dropped;
		}
		const made = this.replacement(value, action, hints);
		// Masked already: a mark of this action stays.
		if (made !== value) this.found("path", 1);
		return made;
	}

	private replacement(value: JsonValue, action: Exclude<MaskAction, "drop">, hints: number): JsonValue {
		const isScalar = typeof value === "string" || typeof value === "number";
		switch (action) {
			case "redact":
				return redactedMark;
			case "last4":
				return isScalar ? lastFourOf(String(value)) : redactedMark;
			case "hash":
				if (!this.keys || (typeof value === "string" && isHashMark(value))) return this.keys ? value : redactedMark;
				return hashMark(this.keys, isScalar ? String(value) : JSON.stringify(value));
			case "surrogate":
				return isScalar ? this.surrogate(value, hints) : redactedMark;
			default:
				return isScalar ? this.token(String(value), kindNamedBy(action), hints) : redactedMark;
		}
	}

	private token(text: string, kind: string | undefined, hints: number): string {
		if (!this.keys) return redactedMark;
		const made = wholeToken(text);
		// One of this session stays; whatever else looks like one is a text like any other.
		if (made && openToken(this.keys, made.kind, made.body) !== undefined) return text;
		return tokenOf(this.keys, kind ?? kindOf(text, hints, this.names), text) ?? redactedMark;
	}

	/** A number's is a number, so that whoever reads it as one still can. */
	private surrogate(value: string | number, hints: number): JsonValue {
		const text = String(value);
		const made = this.keys && surrogateOf(this.keys, kindOf(text, hints, this.names), text);
		if (made === undefined || typeof value === "string") return made ?? redactedMark;
		const number = Number(made);
		return Number.isFinite(number) && number !== value ? number : redactedMark;
	}

	/** Records that `value` becomes `mark`, unless it is that mark already. */
	private masked(value: JsonValue, mark: string, detector: DetectorId): string {
		if (value === mark) return mark;
		this.found(detector, 1);
		const isScalar = typeof value === "string" || typeof value === "number";
		return this.actor && isScalar && mark !== cardCodeMark ? this.actor.replacement(String(value), detector, mark) : mark;
	}

	private found(what: DetectorId | "path" | "token", count: number): void {
		this.findings.at(this.place);
		this.findings.add(what, count);
	}

	private string(original: string, told: number): string {
		const text = this.withoutRevealed(original);
		// A name that says that its value is none of it says nothing more.
		const hints = told & ~hint.none;
		this.count(text.length);
		if (text === "" || (mayBeMade(text) && (isMark(text) || wholeToken(text)))) return text;
		if (hints !== 0 && this.isSecret(text, hints)) return this.masked(text, passwordMark, "password");
		if ((hints & hint.cardCode) !== 0 && this.detectors.has("card") && /^\s*\p{Nd}{3,4}\s*$/u.test(text))
			return this.masked(text, cardCodeMark, "card");
		const masked = maskString(this.shared, text, hints);
		if (!masked) return text;
		this.record(masked.found);
		return masked.text;
	}

	/** Whether the name and the text together say that it is one. */
	private isSecret(text: string, hints: number): boolean {
		if ((hints & (hint.password | hint.keyLike | hint.code)) === 0 || !this.findsPasswords) return false;
		if ((hints & hint.password) !== 0) return !isPlaceholder(text);
		if ((hints & hint.code) !== 0) return /^\s*\p{Nd}(?:[ -]?\p{Nd}){2,9}\s*$/u.test(text);
		return !isPlaceholder(text) && looksRandom(text);
	}

	/** What the function was told in place of a token comes back as the token. */
	private withoutRevealed(text: string): string {
		const { revealed } = this;
		if (revealed.length === 0) return text;
		const { text: hidden, count } = withoutRevealed(text, revealed);
		if (count > 0) this.found("token", count);
		return hidden;
	}

	private number(value: number, hints: number): JsonValue {
		if (!Number.isFinite(value)) throw new MaskingError("not_json", "the value has a number that JSON cannot hold");
		if (this.revealed.length > 0) {
			const decimals = String(value);
			const hidden = this.withoutRevealed(decimals);
			if (hidden !== decimals) return hidden;
		}
		if ((hints & hint.password) !== 0 && this.findsPasswords) return this.masked(value, passwordMark, "password");
		if (!Number.isInteger(value)) return value;
		const magnitude = Math.abs(value);
		if ((hints & hint.code) !== 0 && magnitude < 1e8 && this.findsPasswords) return this.masked(value, passwordMark, "password");
		if ((hints & hint.cardCode) !== 0 && magnitude < 10_000 && this.detectors.has("card")) return this.masked(value, cardCodeMark, "card");
		// Shorter than any phone number, or so long that JavaScript prints it with an exponent.
		if (magnitude < 1e6 || magnitude >= 1e21) return value;
		const decimal = String(magnitude);
		if (!Number.isSafeInteger(value) && this.detectors.has("card") && mayHaveBeenCard(decimal))
			return this.masked(value, markOf("card"), "card");
		const masked = maskString(this.shared, decimal, hints);
		if (!masked) return value;
		this.record(masked.found);
		// A surrogate of a number is a number, so that whoever reads it as one still can.
		const made = Number(masked.text);
		return this.actor && String(made) === masked.text && Number.isSafeInteger(made) ? made : masked.text;
	}

	private record(found: ReadonlyMap<DetectorId, number>): void {
		this.findings.at(this.place);
		for (const [detector, count] of found) this.findings.add(detector, count);
	}

	private count(chars: number): void {
		this.chars += chars;
		if (this.chars > this.limits.charsMax) throw new MaskingError("too_long", `the value has more than ${this.limits.charsMax} characters`);
	}

	private container(value: JsonValue[] | JsonObject, states: readonly number[], hints: number, heads?: readonly number[]): JsonValue {
		if (this.place.length >= this.limits.depthMax)
			throw new MaskingError("too_deep", `the value nests deeper than ${this.limits.depthMax} levels`);
		if (Array.isArray(value)) return this.array(value, states, hints, heads);
		// A class's instance (a Date, a lossless number) would be walked as something it is not.
		const prototype: unknown = isJsonObject(value) ? Object.getPrototypeOf(value) : undefined;
		if (prototype !== Object.prototype && (prototype === undefined || (prototype !== null && Object.getPrototypeOf(prototype) !== null))) {
			throw new MaskingError("not_json", "the value has something in it that is not JSON");
		}
		return this.object(value, states, hints);
	}

	private array(items: JsonValue[], states: readonly number[], hints: number, heads?: readonly number[]): JsonValue[] {
		const { place } = this;
		const row = heads?.length === items.length && !Array.isArray(items[0]) ? heads : undefined;
		const below = row ? undefined : (heads ?? columnsAbove(items, this.names));
		let out: JsonValue[] | undefined;
		place.push(0);
		for (let index = 0; index < items.length; index++) {
			place[place.length - 1] = index;
			// A hole or `undefined` ends up in `container`, which refuses it.
			const item = items[index] as JsonValue;
			const own = row
				? hintsWithin(row[index] ?? 0, hints)
				: typeof item === "string"
					? hints | hintsOfItem(items, index, this.names)
					: hints;
			// The first row may be the head itself.
			const masked = this.value(item, stepInto(this.paths, states, index), own, index > 0 || heads ? below : undefined);
			if (masked !== item) out ??= items.slice(0, index);
			if (out && masked !== dropped) out.push(masked);
		}
		place.pop();
		return out ?? items;
	}

	private statesWithin(known: KnownName, states: readonly number[], original: string): readonly number[] {
		if (states.length === 0) return states;
		// A name in which something was hidden is another than the paths'.
		if (this.revealed.length > 0) return stepInto(this.paths, states, original);
		if (known.before !== states) [known.before, known.within] = [states, stepInto(this.paths, states, original)];
		return known.within;
	}

	private object(object: JsonObject, states: readonly number[], hintsAbove: number): JsonObject {
		const { place } = this;
		// The schema of a password is none.
		const parentHints = (hintsAbove & hint.password) !== 0 && isSchema(object) ? hintsAbove & ~hint.password : hintsAbove;
		const isKey = this.findsKeys && isPrivateJwk(object);
		let out: JsonObject | undefined;
		/** How often a masked name was used; undefined as long as no name is masked. */
		let used: Map<string, number> | undefined;
		place.push("");
		let number = -1;
		// With its names asked for as a list, half of an object's time went into the list.
		for (const original in object) {
			if (!Object.hasOwn(object, original)) continue;
			number++;
			this.count(original.length);
			if (this.revealed.length > 0) place[place.length - 1] = "";
			const known = this.names.of(this.withoutRevealed(original), this.sharedOfNames);
			if (known.name !== original && !used) {
				// From here on the members are others: the ones before are written anew, in their order.
				out = firstMembers(out ?? object, Object.keys(object).slice(0, number));
				used = new Map();
			}
			const name = known.name === original || !used ? original : unused(known.name, used, object);
			place[place.length - 1] = name;
			if (known.found.size > 0) this.record(known.found);
			const child = object[original] as JsonValue;
			const named = known.told === "no" || !this.findsPasswords ? 0 : hintsBeside(object, known.told, child, this.names);
			const heads = known.told !== "no" && Array.isArray(child) ? columnsBeside(object, this.names) : undefined;
			const masked =
				isKey && isPrivateJwkMember(original)
					? this.masked(child, privateKeyMark, "private-key")
					: this.value(child, this.statesWithin(known, states, original), hintsWithin(known.hints, parentHints) | named, heads);
			if (masked !== child) out ??= { ...object };
			if (masked === dropped) delete out?.[name];
			else if (out && (used || masked !== child)) setMember(out, name, masked);
		}
		place.pop();
		return out ?? object;
	}
}

/** Signs of marks and tokens: `[`, `<`, `tok-`. */
const [bracket, lessThan, smallT] = [0x5b, 0x3c, 0x74];

function mayBeMade(text: string): boolean {
	const first = text.charCodeAt(0);
	return first === bracket || first === lessThan || (first | 0x20) === smallT;
}

function firstMembers(object: JsonObject, names: readonly string[]): JsonObject {
	const out: JsonObject = {};
	// What was dropped is not there any more.
	for (const name of names) if (Object.hasOwn(object, name)) setMember(out, name, object[name] as JsonValue);
	return out;
}

const schemaKeywords = new Set(
	"type format description minLength maxLength minimum maximum pattern title writeOnly readOnly nullable required deprecated $ref $comment properties items additionalProperties in name".split(
		" ",
	),
);

/** Whether an object describes a value and is none: a JSON Schema. */
function isSchema(object: JsonObject): boolean {
	return typeof object.type === "string" && Object.keys(object).every((name) => schemaKeywords.has(name) || name.startsWith("x-"));
}

/**
 * Two card numbers may end alike, and a member must not overwrite another: the second is `[card …1111] (2)`. `used` holds the last number of
 * each masked name, so that a hundred thousand equal ones are not counted from two each time.
 */
function unused(name: string, used: Map<string, number>, object: JsonObject): string {
	for (let number = (used.get(name) ?? 0) + 1; ; number++) {
		const candidate = number === 1 ? name : `${name} (${number})`;
		used.set(name, number);
		if (!Object.hasOwn(object, candidate)) return candidate;
	}
}

/** `out.__proto__ = …` would set the prototype and lose the member. */
function setMember(out: JsonObject, name: string, value: JsonValue): void {
	if (name === "__proto__") Object.defineProperty(out, name, { value, enumerable: true, configurable: true, writable: true });
	else out[name] = value;
}
