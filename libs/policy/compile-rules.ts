// Policies as written → rules that can be asked, or every mistake in them at once, each with its place.
import { emailKey, isEmail } from "#libs/contracts/email.ts";
import { kindNamedBy } from "#libs/masking/action.ts";
import { detectorDescriptions, isDetectorName } from "#libs/masking/detectors.ts";
import { valueKinds } from "#libs/masking/kind-of.ts";
import { pathsMax } from "#libs/masking/mask.ts";
import { parseSelector, type Segment } from "#libs/masking/selector.ts";
import type { CheckedFunction } from "./check-condition.ts";
import { whyNoPlace } from "./check-mask-path.ts";
import type {
	CompiledApproval,
	CompiledLimit,
	CompiledMask,
	CompiledMatch,
	CompiledPolicy,
	CompiledRule,
	PolicyContext,
} from "./compiled-policy.ts";
import { type Amount, type Condition, compileAmount, compileCondition } from "./condition.ts";
import { ConditionRefused } from "./condition-notes.ts";
import { durationMs } from "./duration.ts";
import { findsNamed, maskFor } from "./mask-for.ts";
import type { MaskEntry, PolicyDocument, Rule } from "./policy-document.ts";
import { shelve } from "./rule-index.ts";
import { anything, closedObject } from "./value-type.ts";

export interface PolicySource {
	readonly name: string;
	readonly file: string;
	readonly document: PolicyDocument;
}

/** A mistake: in which document, where in it, and (for conditions) at which UTF-16 code unit of that text. */
interface PolicyError {
	readonly document: string;
	readonly path: readonly (string | number)[];
	readonly offset?: number;
	/** The mistake is in the name of the last member. */
	readonly atKey?: true;
	readonly message: string;
}

export type CompileResult =
	/** `told`: what is right, and may not do what was meant. */
	| { readonly ok: true; readonly policy: CompiledPolicy; readonly told: readonly PolicyError[] }
	| { readonly ok: false; readonly errors: readonly PolicyError[] };

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** How long people have; the shortest lets a person read, the longest is how long a pending call is kept. */
const approvalBounds = {
	expiresMinMs: minuteMs,
	expiresMaxMs: 7 * dayMs,
	expiresDefaultMs: 30 * minuteMs,
	quorumDefault: 1,
} as const;
/** The longest window a limit may look back over; its state is kept that long. */
const limitWindowMaxMs = 31 * dayMs;

/**
 * Compiles documents that fit the schema `PolicyDocument`. Names of rules are unique over all of them; connections, functions and groups must
 * exist in `context`; conditions are checked as far as they can be without a call. Nothing is compiled if anything is wrong.
 */
export function compilePolicies(documents: readonly PolicySource[], context: PolicyContext): CompileResult {
	const compiler = new Compiler(context);
	for (const source of documents) compiler.document(source);
	compiler.maskTotals();
	compiler.kindsExist();
	if (compiler.errors.length > 0) return { ok: false, errors: compiler.errors };
	const rules = compiler.rules.sort((one, other) => (one.name < other.name ? -1 : 1));
	return { ok: true, policy: { rules, shelves: shelve(rules), masks: compiler.masks, context }, told: compiler.passedByTokens() };
}

type Path = readonly (string | number)[];

class Compiler {
	readonly errors: PolicyError[] = [];
	readonly rules: CompiledRule[] = [];
	readonly masks: CompiledMask[] = [];
	private readonly guards: {
		readonly rule: Rule;
		readonly match: CompiledMatch;
		readonly reads: ReadonlySet<string>;
		readonly at: Pick<PolicyError, "document" | "path">;
	}[] = [];
	private readonly opened: { readonly kind: string; readonly document: string; readonly path: Path }[] = [];
	private readonly context: PolicyContext;
	private readonly homes = new Map<string, string>();
	private document_ = "";

	constructor(context: PolicyContext) {
		this.context = context;
	}

	document(source: PolicySource): void {
		this.document_ = source.name;
		for (const [at, rule] of source.document.rules.entries()) {
			const home = this.homes.get(rule.name);
			if (home !== undefined) this.fault(["rules", at, "name"], `the rule "${rule.name}" exists already, in policy "${home}"`);
			this.homes.set(rule.name, source.name);
			this.rule(rule, ["rules", at]);
		}
		for (const [at, entry] of (source.document.mask ?? []).entries()) this.mask(entry, ["mask", at]);
	}

	private fault(path: Path, message: string, offset?: number): undefined {
		this.errors.push({ document: this.document_, path, message, ...(offset !== undefined && { offset }) });
		return undefined;
	}

	private rule(rule: Rule, path: Path): void {
		const match: CompiledMatch = {
			...this.places(rule.match, [...path, "match"]),
			groups: rule.match.groups && new Set(rule.match.groups),
			callers: this.callers(rule.match.caller, [...path, "match", "caller"]),
		};
		const condition = rule.when === undefined ? undefined : this.expression(compileCondition, rule.when, match, [...path, "when"]);
		if (condition && rule.effect !== "allow")
			this.guards.push({ rule, match, reads: condition.reads, at: { document: this.document_, path: [...path, "when"] } });
		if (rule.limit !== undefined && rule.effect !== "allow")
			this.fault([...path, "limit"], `only an allow rule has a limit, this one is "${rule.effect}"`);
		if (rule.approval !== undefined && rule.effect !== "hold")
			this.fault([...path, "approval"], `only a hold rule asks for approval, this one is "${rule.effect}"`);
		if (rule.approval === undefined && rule.effect === "hold") this.fault(path, `a hold rule says who may approve: it needs "approval"`);
		if (rule.message !== undefined && rule.effect === "allow")
			this.fault([...path, "message"], "only deny and hold rules tell the caller a message");
		this.rules.push({
			name: rule.name,
			policy: this.document_,
			effect: rule.effect,
			match,
			condition,
			message: rule.message,
			limit: rule.limit && this.limit(rule.limit, match, [...path, "limit"]),
			approval: rule.approval && this.approval(rule.approval, [...path, "approval"]),
		});
	}

	private places(
		written: { connection?: string | string[]; function?: string | string[] },
		path: Path,
	): Pick<CompiledMatch, "connections" | "functions"> {
		const connections = setOf(written.connection);
		const functions = setOf(written.function);
		for (const [name, at] of named(written.connection, [...path, "connection"])) {
			if (!this.context.connections.has(name)) this.fault(at, `there is no connection "${name}"`);
		}
		const within = [...this.context.connections].filter(([name]) => connections === undefined || connections.has(name));
		for (const [name, at] of named(written.function, [...path, "function"])) {
			if (within.length > 0 && !within.some(([, known]) => known.has(name))) {
				this.fault(at, `there is no function "${name}" in ${connections === undefined ? "any connection" : [...connections].join(", ")}`);
			}
		}
		return { connections, functions };
	}

	private callers(written: string | string[] | undefined, path: Path): ReadonlySet<string> | undefined {
		for (const [name, at] of named(written, path)) {
			if (!name.includes("|") && !isEmail(name)) this.fault(at, `a caller is written "issuer|subject" or as an e-mail address`);
		}
		const names = setOf(written);
		return names && new Set([...names].map((name) => (name.includes("|") ? name : emailKey(name))));
	}

	private expression<T extends Condition | Amount>(
		compile: (source: string) => T,
		source: string,
		match: CompiledMatch,
		path: Path,
	): T | undefined {
		try {
			const compiled = compile(source);
			const faults = compiled.faultsFor({
				all: this.matched(match).map((place) => this.checked(place)),
				areNamed: match.functions !== undefined,
			});
			for (const { message, offset } of faults) this.fault(path, message, offset);
			return compiled;
		} catch (error) {
			if (!(error instanceof ConditionRefused)) throw error;
			return this.fault(path, error.message, error.offset);
		}
	}

	private matched(match: Pick<CompiledMatch, "connections" | "functions">): { readonly connection: string; readonly name: string }[] {
		const matching = [...this.context.connections].filter(([connection]) => match.connections?.has(connection) ?? true);
		return matching.flatMap(([connection, functions]) =>
			[...(match.functions ?? functions)].filter((name) => functions.has(name)).map((name) => ({ connection, name })),
		);
	}

	private checked({ connection, name }: { readonly connection: string; readonly name: string }): CheckedFunction {
		const names = this.context.argumentNames?.get(connection)?.get(name);
		const args = this.context.typesOf?.(connection, name)?.args ?? (names ? closedObject(names) : anything);
		return { connection, name, args };
	}

	private limit(limit: NonNullable<Rule["limit"]>, match: CompiledMatch, path: Path): CompiledLimit {
		const windowMs = this.duration(limit.window, [...path, "window"], 1_000, limitWindowMaxMs);
		if (!Number.isFinite(limit.max)) this.fault([...path, "max"], "the maximum is not a finite number");
		const sum = "sum" in limit ? this.expression(compileAmount, limit.sum, match, [...path, "sum"]) : undefined;
		return { sum, per: limit.per, windowMs, max: limit.max };
	}

	private approval(approval: NonNullable<Rule["approval"]>, path: Path): CompiledApproval {
		const { expiresMinMs, expiresMaxMs, expiresDefaultMs, quorumDefault } = approvalBounds;
		const expiresMs =
			approval.expires === undefined ? expiresDefaultMs : this.duration(approval.expires, [...path, "expires"], expiresMinMs, expiresMaxMs);
		this.groupsExist(approval.anyOf, [...path, "anyOf"]);
		const { escalate } = approval;
		if (escalate !== undefined) this.groupsExist(escalate.to, [...path, "escalate", "to"]);
		const before = (text: string, at: Path) => this.duration(text, at, 1_000, expiresMs - 1, "before the approval expires");
		return {
			anyOf: [...new Set(approval.anyOf)],
			quorum: approval.quorum ?? quorumDefault,
			expiresMs,
			remindMs: (approval.remind ?? []).map((text, at) => before(text, [...path, "remind", at])),
			escalate: escalate && { afterMs: before(escalate.after, [...path, "escalate", "after"]), to: [...new Set(escalate.to)] },
			reasonRequired: approval.reason === "required",
		};
	}

	private groupsExist(names: readonly string[], path: Path): void {
		for (const [at, name] of names.entries()) if (!this.context.groups.has(name)) this.fault([...path, at], `there is no group "${name}"`);
	}

	private duration(text: string, path: Path, minMs: number, maxMs: number, bound?: string): number {
		const ms = durationMs(text);
		if (ms === undefined) this.fault(path, `"${text}" is not a duration such as 30s, 15m, 24h or 7d`);
		else if (ms < minMs || ms > maxMs)
			this.fault(path, `"${text}" is out of range: ${bound ?? `from ${spoken(minMs)} to ${spoken(maxMs)}`}`);
		return ms ?? minMs;
	}

	private mask(entry: MaskEntry, path: Path): void {
		const places = this.places(entry.match, [...path, "match"]);
		for (const side of ["request", "response"] as const) {
			for (const selector of Object.keys(entry[side] ?? {})) {
				const parsed = parseSelector(selector);
				if ("message" in parsed) this.fault([...path, side, selector], parsed.message, parsed.offset);
				else this.maskPlace(side, parsed, places, [...path, side, selector]);
			}
		}
		this.detokenize(entry, places, [...path, "detokenize"]);
		this.detect(entry, [...path, "detect"]);
		this.masks.push({ policy: this.document_, ...places, entry });
	}

	private detect({ detect = [] }: MaskEntry, path: Path): void {
		const namesAt = (item: string | object, at: Path): [string, Path][] =>
			typeof item === "string" ? [[item, at]] : Object.keys(item).map((name) => [name, [...at, name]]);
		const named = Array.isArray(detect) ? detect.flatMap((item, at) => namesAt(item, [...path, at])) : namesAt(detect, path);
		for (const [name, at] of named)
			if (!isDetectorName(name))
				this.fault(at, `there is no detector "${name}": there are ${Object.keys(detectorDescriptions).join(", ")}`);
	}

	private detokenize({ detokenize = {} }: MaskEntry, places: Parameters<Compiler["matched"]>[0], path: Path): void {
		const written = Array.isArray(detokenize) ? undefined : Object.entries(detokenize);
		if (Array.isArray(detokenize)) this.kinds(detokenize, path);
		for (const [selector, kinds] of written ?? []) {
			const parsed = parseSelector(selector);
			if ("message" in parsed) this.fault([...path, selector], parsed.message, parsed.offset);
			else this.maskPlace("request", parsed, places, [...path, selector]);
			this.kinds(kinds, [...path, selector]);
		}
	}

	/** Whether anything makes tokens of that kind is known when every document has been read. */
	private kinds(kinds: readonly string[], path: Path): void {
		for (const [at, kind] of kinds.entries()) this.opened.push({ kind, document: this.document_, path: [...path, at] });
	}

	kindsExist(): void {
		const actions = this.masks.flatMap(({ entry }) => [
			...Object.values(entry.response ?? {}),
			...findsNamed(entry).map(([, action]) => action),
		]);
		const made = new Set<string>([...valueKinds, ...actions.flatMap((action) => kindNamedBy(action) ?? [])]);
		for (const { kind, document, path } of this.opened) {
			if (made.has(kind)) continue;
			const message = `no mask makes tokens of the kind "${kind}": there are ${[...made].join(", ")}`;
			this.errors.push({ document, path, message });
		}
	}

	/** What denies or holds by an argument that is opened afterwards is asked of the token: the value that it was meant for passes. */
	passedByTokens(): PolicyError[] {
		return this.guards.flatMap(({ rule, match, reads, at }) => {
			// Who looks for tokens knows of them.
			if (/tok-|callgate\.invalid|["']</.test(rule.when ?? "")) return [];
			for (const { connection, name } of this.matched(match)) {
				const place = Object.keys(maskFor(this, connection, name).detokenize).find((selector) => isUnder(selector, reads));
				if (place === undefined) continue;
				const found = `the condition is asked of a token's text, and ${connection}.${name} opens tokens at ${place} afterwards: a value passes as its token`;
				const todo = `${rule.effect} tokens too (endsWith("@callgate.invalid"), contains("<")), or open none there (detokenize)`;
				return [{ ...at, message: `${found}; ${todo}` }];
			}
			return [];
		});
	}

	/** A path that none of the functions has masks nothing, and what it was meant for stays readable. */
	private maskPlace(
		side: "request" | "response",
		segments: readonly Segment[],
		places: Parameters<Compiler["matched"]>[0],
		path: Path,
	): void {
		const types = this.matched(places).map(({ connection, name }) => {
			const known = this.context.typesOf?.(connection, name);
			return side === "request" ? known?.args : known?.answer;
		});
		const problems = types.map((type) => type && whyNoPlace(segments, type));
		if (problems.length === 0 || problems.includes(undefined)) return;
		const [furthest] = problems.flatMap((one) => one ?? []).toSorted((one, other) => other.depth - one.depth);
		const message = `no function that this entry matches has such a place: ${furthest?.why}`;
		this.errors.push({ document: this.document_, path, atKey: true, message });
	}

	/** Each function's masks taken together must be what masking can compile: found here, not when the function is called. */
	maskTotals(): void {
		for (const [connection, functions] of this.context.connections) {
			for (const fn of functions) {
				const { request, response, detokenize } = maskFor(this, connection, fn);
				const total = Math.max(...[request.paths, response.paths, detokenize].map((paths) => Object.keys(paths).length));
				if (total > pathsMax) this.fault(["mask"], `${connection}.${fn} has ${total} masked paths, at most ${pathsMax} are allowed`);
			}
		}
	}
}

/** Whether a place may be within one of these arguments. */
function isUnder(selector: string, names: ReadonlySet<string>): boolean {
	const segments = parseSelector(selector);
	if ("message" in segments) return false;
	const [first] = segments;
	return names.size > 0 && (first?.kind !== "name" || first.descendants || names.has(first.name));
}

function setOf(names: string | string[] | undefined): ReadonlySet<string> | undefined {
	if (names === undefined) return undefined;
	return new Set(typeof names === "string" ? [names] : names);
}

/** Each name with its own path: a list's item, or the member itself. */
function named(names: string | string[] | undefined, path: Path): [string, Path][] {
	if (names === undefined) return [];
	return typeof names === "string" ? [[names, path]] : names.map((name, at) => [name, [...path, at]]);
}

function spoken(ms: number): string {
	const units: [number, string][] = [
		[dayMs, "d"],
		[3_600_000, "h"],
		[minuteMs, "m"],
	];
	const [size, unit] = units.find(([size]) => ms % size === 0) ?? [1_000, "s"];
	return `${ms / size}${unit}`;
}
