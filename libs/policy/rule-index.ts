// Finds the few rules that can be about a call among ten thousand, without looking at the others.
import type { Caller } from "#libs/contracts/call.ts";
import { emailKey } from "#libs/contracts/email.ts";
import type { CompiledMatch, CompiledRule, RuleShelf } from "./compiled-policy.ts";

// Names hold no control characters in connections; a function's name cannot imitate the separator's position, as it comes last.
const shelfKey = (connection: string, fn: string) => `${connection}\u0000${fn}`;
const any = "*";

/** `issuer|subject`: the name by which a rule names exactly one caller. */
export function callerName(caller: Pick<Caller, "issuer" | "subject">): string {
	return `${caller.issuer}|${caller.subject}`;
}

/** Puts every rule on the shelves where {@link candidatesFor} looks. `rules` are in the order in which they are to be found. */
export function shelve(rules: readonly CompiledRule[]): ReadonlyMap<string, RuleShelf> {
	const shelves = new Map<string, RuleShelf>();
	for (const rule of rules) {
		for (const connection of rule.match.connections ?? [any]) {
			for (const fn of rule.match.functions ?? [any]) put(shelfAt(shelves, shelfKey(connection, fn)), rule);
		}
	}
	return shelves;
}

function shelfAt(shelves: Map<string, RuleShelf>, key: string): RuleShelf {
	const known = shelves.get(key);
	if (known !== undefined) return known;
	const shelf: RuleShelf = { anyone: [], byCaller: new Map(), byGroup: new Map() };
	shelves.set(key, shelf);
	return shelf;
}

function put(shelf: RuleShelf, rule: CompiledRule): void {
	const { callers, groups } = rule.match;
	if (callers !== undefined) for (const caller of callers) append(shelf.byCaller, caller, rule);
	else if (groups !== undefined) for (const group of groups) append(shelf.byGroup, group, rule);
	else shelf.anyone.push(rule);
}

function append(lists: Map<string, CompiledRule[]>, key: string, rule: CompiledRule): void {
	const list = lists.get(key);
	if (list === undefined) lists.set(key, [rule]);
	else list.push(rule);
}

/** The rules whose `match` fits, each once. */
export function candidatesFor(
	shelves: ReadonlyMap<string, RuleShelf>,
	call: { caller: Caller; connection: string; function: string },
): CompiledRule[] {
	const found = new Set<CompiledRule>();
	const email = call.caller.email === undefined ? undefined : emailKey(call.caller.email);
	for (const shelf of shelvesFor(shelves, call.connection, call.function)) {
		for (const rule of shelf.anyone) found.add(rule);
		for (const rule of shelf.byCaller.get(callerName(call.caller)) ?? []) found.add(rule);
		if (email !== undefined) for (const rule of shelf.byCaller.get(email) ?? []) found.add(rule);
		if (shelf.byGroup.size > 0) for (const group of call.caller.groups) for (const rule of shelf.byGroup.get(group) ?? []) found.add(rule);
	}
	return [...found].filter((rule) => callerMismatch(rule.match, call.caller) === undefined);
}

/** Every rule about this connection and function, whoever calls. */
export function rulesAbout(shelves: ReadonlyMap<string, RuleShelf>, connection: string, fn: string): CompiledRule[] {
	const found = new Set<CompiledRule>();
	for (const shelf of shelvesFor(shelves, connection, fn)) {
		for (const rule of shelf.anyone) found.add(rule);
		for (const lists of [shelf.byCaller, shelf.byGroup]) for (const list of lists.values()) for (const rule of list) found.add(rule);
	}
	return [...found];
}

function shelvesFor(shelves: ReadonlyMap<string, RuleShelf>, connection: string, fn: string): RuleShelf[] {
	const keys = [shelfKey(connection, fn), shelfKey(connection, any), shelfKey(any, fn), shelfKey(any, any)];
	// A function may itself be called "*": then two keys are one.
	return [...new Set(keys)].flatMap((key) => shelves.get(key) ?? []);
}

/** Why a rule is not about this caller, or undefined if it is. */
export function callerMismatch(match: CompiledMatch, caller: Caller): string | undefined {
	const { callers, groups } = match;
	if (groups !== undefined && !caller.groups.some((group) => groups.has(group)))
		return `the caller is in none of its groups (${[...groups].join(", ")})`;
	if (callers !== undefined && !callers.has(callerName(caller)) && !(caller.email !== undefined && callers.has(emailKey(caller.email)))) {
		return "it names other callers";
	}
	return undefined;
}
