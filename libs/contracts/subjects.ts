// The tree of subjects: `callgate.<reader>.<pool>.<writer>.<call>.<type>`, in which one wildcard is what one service reads, and one what it may say.
import type { Service } from "./define-event.ts";
import { type AnyDeclaration, type CallgateEvent, declarationOf, events, writtenBy } from "./events.ts";

/** The stream that holds everything that happened. */
export const streamName = "CALLGATE";
export const streamSubjects = ["callgate.>"];
/** Stands where a token does not apply. */
const none = "_";

export interface Subject {
	readonly reader: string;
	readonly pool: string;
	readonly writer: string;
	/** The call whose own subject this is, or `_` when calls share it. */
	readonly key: string;
	readonly type: string;
}

/** Where an event is published. */
export function subjectOf(event: CallgateEvent): string {
	const declaration: AnyDeclaration | undefined = declarationOf(event.type);
	if (!declaration) throw new Error(`no event is called ${event.type}`);
	const writer = event.source.slice("/callgate/".length) as Service;
	const pool = declaration.pooled && "pool" in event.data ? event.data.pool : none;
	const key = declaration.writers[writer as keyof typeof declaration.writers] === "per-call" ? event.subject : none;
	return ["callgate", declaration.reader, pool, writer, key, event.type].join(".");
}

export function parseSubject(subject: string): Subject | undefined {
	const [root, reader, pool, writer, key, ...type] = subject.split(".");
	if (root !== "callgate" || !reader || !pool || !writer || !key || type.length === 0) return undefined;
	return { reader, pool, writer, key, type: type.join(".") };
}

/** Everything one service said about one call on subjects of its own: what a conditional write is conditional on. */
export function historyOf(writer: Service, call: string, pool = "*"): string {
	return `callgate.*.${pool}.${writer}.${call}.>`;
}

/** What each service reads: the filter of its durable consumer. */
export function readsOf(service: Service, pool?: string): string {
	if (service === "audit") return "callgate.>";
	return service === "executor" ? `callgate.executor.${pool ?? "default"}.>` : `callgate.${service}.>`;
}

/** The subjects a service may publish, as NATS permission patterns. */
export function saysOf(service: Service, pool?: string): string[] {
	return writtenBy(service).map((declaration) => {
		const mode = declaration.writers[service as keyof typeof declaration.writers];
		const poolToken = declaration.pooled ? (service === "executor" ? (pool ?? "default") : "*") : none;
		return ["callgate", declaration.reader, poolToken, service, mode === "per-call" ? "*" : none, declaration.type].join(".");
	});
}

/** The exact subject of one event about one call, for reading it back. */
export function subjectFor(type: CallgateEvent["type"], writer: Service, call: string, pool = none): string {
	const declaration = events.find((one) => one.type === type);
	if (!declaration) throw new Error(`no event is called ${type}`);
	return ["callgate", declaration.reader, declaration.pooled ? pool : none, writer, call, type].join(".");
}
