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
	/** The call whose own subject this is, `_` when calls share it, or the {@link laneOf lane} of one process in its service's ledger. */
	readonly key: string;
	readonly type: string;
}

/**
 * The ledger of a pool: what its executors say of calls that have no subjects of their own. Each process writes on a lane, a subject of its own
 * for each type, so that what it is not sure to have written can be read back.
 */
export function laneOf(process: string): string {
	return `${none}${process}`;
}

/** Claims and take-overs of a pool's ledger, and take-overs alone: what its conditional writes are conditional on. Endings go to ingress as all others do. */
export function ledgerOf(pool: string): { claims: string; takings: string; endings: string } {
	const tree = `callgate.ledger.${pool}.executor`;
	return { claims: `${tree}.>`, takings: `${tree}.*.call.taken`, endings: `callgate.ingress.${pool}.executor.*.call.ended` };
}

/** Where an event is published. @param lane in the ledger, for an event that may be written there. */
export function subjectOf(event: CallgateEvent, lane?: string): string {
	const declaration: AnyDeclaration | undefined = declarationOf(event.type);
	if (!declaration) throw new Error(`no event is called ${event.type}`);
	const writer = event.source.slice("/callgate/".length) as Service;
	const pool = declaration.pooled && "pool" in event.data ? event.data.pool : none;
	const mode = declaration.writers[writer as keyof typeof declaration.writers];
	if (lane !== undefined && mode !== "ledger") throw new Error(`${event.type} is not written in a ledger`);
	const key = lane ?? (mode === "grouped" ? none : event.subject);
	return ["callgate", readerOf(declaration, lane !== undefined), pool, writer, key, event.type].join(".");
}

/** The reader's token of a subject. */
export function readerOf({ reader }: AnyDeclaration, inLedger: boolean): string {
	return inLedger && reader === "record" ? "ledger" : reader;
}

/** Whether an event is where it belongs: NATS vouches for the subject, the subject for writer, pool and call. */
export function isOn(subject: string, event: CallgateEvent): boolean {
	if (subjectOf(event) === subject) return true;
	const key = parseSubject(subject)?.key;
	const declaration: AnyDeclaration | undefined = declarationOf(event.type);
	const writer = event.source.slice("/callgate/".length);
	const mode = declaration?.writers[writer as keyof typeof declaration.writers];
	return mode === "ledger" && key !== undefined && lanes.test(key) && subjectOf(event, key) === subject;
}

const lanes = /^_[0-9a-z]{1,64}$/i;

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
	return writtenBy(service).flatMap((declaration) => {
		const mode = declaration.writers[service as keyof typeof declaration.writers];
		const poolToken = declaration.pooled ? (service === "executor" ? (pool ?? "default") : "*") : none;
		const readers = new Set([declaration.reader, readerOf(declaration, mode === "ledger")]);
		return [...readers].map((reader) =>
			["callgate", reader, poolToken, service, mode === "grouped" ? none : "*", declaration.type].join("."),
		);
	});
}

/** The exact subject of one event about one call, for reading it back. */
export function subjectFor(type: CallgateEvent["type"], writer: Service, call: string, pool = none): string {
	const declaration = events.find((one) => one.type === type);
	if (!declaration) throw new Error(`no event is called ${type}`);
	return ["callgate", declaration.reader, declaration.pooled ? pool : none, writer, call, type].join(".");
}

/** Whether a NATS subject matches a filter with `*` and `>`. */
export function subjectMatches(filter: string, subject: string): boolean {
	const wanted = filter.split(".");
	const tokens = subject.split(".");
	for (const [index, token] of wanted.entries()) {
		if (token === ">") return tokens.length > index;
		if (token !== "*" && token !== tokens[index]) return false;
	}
	return wanted.length === tokens.length;
}
