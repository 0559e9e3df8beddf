// A call as conditions see it: JSON turned into CEL values, once per decision and only if a condition looks.
import { type CelInput, type CelValue, celList, celMap } from "@bufbuild/cel";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Caller } from "#libs/contracts/call.ts";
import { emailKey } from "#libs/contracts/email.ts";
import type { JsonObject, JsonValue } from "#libs/contracts/json.ts";

/** A call that is to be decided. `receivedAt` (RFC 3339) is when ingress received it: deciding again gives the same decision. */
export interface PolicyCall {
	readonly caller: Caller;
	readonly connection: string;
	readonly function: string;
	readonly arguments: JsonObject;
	readonly receivedAt: string;
}

export interface CallView {
	/** The variables of a condition by name. */
	readonly bindings: Record<string, CelInput>;
	/** Whether the call gives this top-level argument (null counts as given). */
	has(argument: string): boolean;
	/** Whether the function has such an argument, as far as is known: a function whose arguments are not known may have any. */
	declares(argument: string): boolean;
}

/**
 * The call's view for conditions. JSON becomes CEL like this: every number a `double` (never an int, so that a rule means the same for 1000
 * and 1000.5; CEL compares doubles with integer literals exactly), objects maps with exactly their own members (`__proto__` and `constructor`
 * are names like any other), null `null`. E-mails are lower case.
 */
export function viewOf(call: PolicyCall, declared: ReadonlySet<string> | undefined): CallView {
	const { caller } = call;
	// Without a prototype: the library looks names up as properties, and `constructor` must not be found.
	const bindings = Object.create(null) as Record<string, CelInput>;
	bindings.connection = call.connection;
	lazily(bindings, "args", () => celOf(call.arguments));
	lazily(bindings, "now", () => timestampFromMs(instantMs(call.receivedAt)));
	lazily(bindings, "caller", () =>
		celMap(
			new Map<string, CelInput>([
				["issuer", caller.issuer],
				["subject", caller.subject],
				["email", emailKey(caller.email ?? "")],
				["groups", celList([...caller.groups])],
			]),
		),
	);
	return {
		bindings,
		has: (argument) => Object.hasOwn(call.arguments, argument),
		declares: (argument) => declared === undefined || declared.has(argument),
	};
}

function lazily(bindings: Record<string, CelInput>, name: string, make: () => CelInput): void {
	let made: CelInput | undefined;
	Object.defineProperty(bindings, name, {
		get() {
			made ??= make();
			return made;
		},
	});
}

/** @throws {RangeError} for what JSON cannot hold: the condition that looks at it then cannot be decided. */
function celOf(value: JsonValue): CelValue {
	switch (typeof value) {
		case "string":
		case "boolean":
			return value;
		case "number":
			if (!Number.isFinite(value)) throw new RangeError("not a JSON number");
			return value;
		case "object":
			if (value === null) return null;
			if (Array.isArray(value)) return celList(value.map(celOf));
			return celMap(new Map(Object.entries(value).map(([name, member]) => [name, celOf(member)])));
		default:
			throw new RangeError("not a JSON value");
	}
}

function instantMs(instant: string): number {
	const ms = Date.parse(instant);
	if (Number.isNaN(ms)) throw new RangeError("not an instant");
	return ms;
}
