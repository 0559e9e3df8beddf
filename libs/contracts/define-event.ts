// A declaration of an event → its subject, its schema, its type, who may publish it and who consumes it.
import type { Static, TObject, TProperties } from "typebox";
import { Type } from "typebox";
import { Compile } from "typebox/compile";

export const services = ["ingress", "policy", "approval", "executor", "audit"] as const;
export type Service = (typeof services)[number];

/** Who an event is addressed to: one service, every service, or the record alone. Audit reads all of them. */
export type Reader = Exclude<Service, "audit"> | "all" | "record";

/**
 * Several events a message (`grouped`); on a subject of its own per call, so that it can be written conditionally (`per-call`); or as that or
 * grouped in the writer's ledger, which is written conditionally as a whole (`ledger`).
 */
export type WrittenAs = "grouped" | "per-call" | "ledger";

export interface EventDeclaration<Kind extends string, Data extends TObject> {
	/** `noun.verb`, the CloudEvents `type`. */
	readonly type: Kind;
	/** One line: when it fires and what it says. */
	readonly says: string;
	readonly reader: Reader;
	/** Who may publish it, and how each does. */
	readonly writers: Partial<Record<Service, WrittenAs>>;
	/** Whether the subject names the pool: executors of one pool see and say nothing of another's. */
	readonly pooled?: boolean;
	readonly data: Data;
}

interface SchemaError {
	readonly keyword: string;
	readonly instancePath: string;
	readonly message: string;
}

/** The first of a validator's errors. A member that no schema names is not named either: its name may be a value that got into the wrong place. */
export function firstFault([first]: readonly SchemaError[], root: string): string {
	if (!first) return "does not match its schema";
	if (first.keyword === "boolean") return `${first.instancePath.replace(/\/[^/]*$/, "") || root} has a member that is not declared`;
	return `${first.instancePath || root} ${first.message}`;
}

export function defineEvent<const Kind extends string, Properties extends TProperties>(
	declaration: Omit<EventDeclaration<Kind, TObject<Properties>>, "data"> & { data: Properties },
) {
	const data = Type.Object(declaration.data, { additionalProperties: false });
	const validator = Compile(data);
	return {
		...declaration,
		data,
		/** Why `value` is not this event's data, or undefined if it is. Names members, never values. */
		faultOf(value: unknown): string | undefined {
			if (validator.Check(value)) return undefined;
			return firstFault(validator.Errors(value), "data");
		},
	};
}

/** A CloudEvents 1.0 envelope in structured JSON form; `traceparent` is the Distributed Tracing extension (W3C Trace Context). */
export interface Envelope<Kind extends string, Data> {
	readonly specversion: "1.0";
	/** Unique over everything that ever happened, and the same when the same thing is said again: the id of its OpenSearch document. */
	readonly id: string;
	/** `/callgate/` and the service that said it. */
	readonly source: `/callgate/${Service}`;
	readonly type: Kind;
	/** The call's id, or the name of what the event is about. */
	readonly subject: string;
	readonly time: string;
	readonly datacontenttype: "application/json";
	readonly traceparent?: string;
	readonly data: Data;
}

export type EventOf<Declaration> = Declaration extends EventDeclaration<infer Kind, infer Data> ? Envelope<Kind, Static<Data>> : never;
