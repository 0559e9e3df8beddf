// What policies become once compiled: rules that are found by name, and the masks beside them. Compiled whole, never changed.
import type { Amount, Condition } from "./condition.ts";
import type { MaskEntry } from "./policy-document.ts";
import type { ValueType } from "./value-type.ts";

export type Effect = "allow" | "hold" | "deny";

export interface CompiledMatch {
	readonly connections: ReadonlySet<string> | undefined;
	readonly functions: ReadonlySet<string> | undefined;
	readonly groups: ReadonlySet<string> | undefined;
	/** `issuer|subject` as written, e-mails in lower case. */
	readonly callers: ReadonlySet<string> | undefined;
}

export interface CompiledLimit {
	/** What one call adds; undefined counts calls. */
	readonly sum: Amount | undefined;
	readonly per: "caller" | "function" | "connection" | "everyone";
	readonly windowMs: number;
	readonly max: number;
}

/** What one hold rule asks of people. */
export interface CompiledApproval {
	readonly anyOf: readonly string[];
	readonly quorum: number;
	readonly expiresMs: number;
	readonly remindMs: readonly number[];
	readonly escalate: { readonly afterMs: number; readonly to: readonly string[] } | undefined;
	readonly reasonRequired: boolean;
}

export interface CompiledRule {
	readonly name: string;
	/** The document it stands in. */
	readonly policy: string;
	readonly effect: Effect;
	readonly match: CompiledMatch;
	readonly condition: Condition | undefined;
	readonly message: string | undefined;
	readonly limit: CompiledLimit | undefined;
	readonly approval: CompiledApproval | undefined;
}

export interface CompiledMask {
	readonly policy: string;
	readonly connections: ReadonlySet<string> | undefined;
	readonly functions: ReadonlySet<string> | undefined;
	readonly entry: MaskEntry;
}

/** Rules of one place (a connection and function, or any), found by who calls. Each list is in the order of the rules' names. */
export interface RuleShelf {
	readonly anyone: CompiledRule[];
	readonly byCaller: Map<string, CompiledRule[]>;
	readonly byGroup: Map<string, CompiledRule[]>;
}

export interface FunctionTypes {
	readonly args: ValueType;
	/** Undefined where no document says what the function answers. */
	readonly answer: ValueType | undefined;
}

export interface PolicyContext {
	/** Groups of approvers (documents of kind `Group`). */
	readonly groups: ReadonlySet<string>;
	/** Connections and the names of their functions. */
	readonly connections: ReadonlyMap<string, ReadonlySet<string>>;
	/**
	 * Connection → function → names of its top-level arguments. Name a function here only if ingress refuses every other argument; of a function
	 * that is left out nothing is assumed: an argument that its calls do not give is treated as one that was omitted.
	 */
	readonly argumentNames?: ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;
	/** What the schemas say of a function's arguments and answers, for checking policies against; undefined where they say nothing. */
	readonly typesOf?: ((connection: string, fn: string) => FunctionTypes | undefined) | undefined;
}

export interface CompiledPolicy {
	/** In the order of their names, which is unique over all policies. */
	readonly rules: readonly CompiledRule[];
	readonly shelves: ReadonlyMap<string, RuleShelf>;
	readonly masks: readonly CompiledMask[];
	readonly context: PolicyContext;
}
