// An event as it travels: CloudEvents 1.0, several of one kind in a message, and refused when it is not what its subject says.
import { type Static, Type } from "typebox";
import { Compile } from "typebox/compile";
import { firstFault, type Service } from "./define-event.ts";
import { type CallgateEvent, declarationOf, type Event, type EventType } from "./events.ts";
import { ExpectedError } from "./expected-error.ts";
import { knownMembers } from "./known-members.ts";
import { isOn, parseSubject } from "./subjects.ts";

const Attributes = Type.Object(
	{
		specversion: Type.Literal("1.0"),
		id: Type.String({ minLength: 1, maxLength: 256 }),
		source: Type.String({ pattern: "^/callgate/[a-z]+$" }),
		type: Type.String({ maxLength: 64 }),
		subject: Type.String({ minLength: 1, maxLength: 128 }),
		time: Type.String({ pattern: "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$" }),
		datacontenttype: Type.Literal("application/json"),
		traceparent: Type.Optional(Type.String({ pattern: "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$" })),
		data: Type.Unknown(),
	},
	{ additionalProperties: false },
);
const attributes = Compile(Attributes);

/** A message or an item in it that is not a well-formed event. Says what is wrong by name, never by value. */
export class MalformedEvent extends ExpectedError {}

export interface Saying {
	/** What the event is about where it is not a call. */
	readonly about?: string;
	/** Tells apart events of one type about one thing: a voter, a reminder's number. Absent where there is only ever one. */
	readonly nth?: string | number;
	readonly traceparent?: string | undefined;
	readonly at: Date;
}

/**
 * Makes an event. Its id follows from what it says, so that saying it again after a crash is the same event and not a second one.
 *
 * @throws {MalformedEvent} if the data does not fit the declaration: a bug found before it is on the record.
 */
export function newEvent<Kind extends EventType>(service: Service, type: Kind, data: Event<Kind>["data"], saying: Saying): Event<Kind> {
	const about = saying.about ?? callOf(data) ?? "callgate";
	const event = {
		specversion: "1.0",
		id: [about, type, service, ...(saying.nth === undefined ? [] : [saying.nth])].join("."),
		source: `/callgate/${service}`,
		type,
		subject: about,
		time: saying.at.toISOString(),
		datacontenttype: "application/json",
		...(saying.traceparent && { traceparent: saying.traceparent }),
		data,
	} as unknown as Event<Kind>;
	const fault = faultOf(event);
	if (fault) throw new MalformedEvent(`${type} by ${service}: ${fault}`);
	return event;
}

/** The bytes of one message: a JSON array, also for a single event. */
export function encodeEvents(events: readonly CallgateEvent[]): Uint8Array {
	return joinEvents(events.map((event) => JSON.stringify(event)));
}

/** As {@link encodeEvents}, of events that are JSON texts already. */
export function joinEvents(texts: readonly string[]): Uint8Array {
	return Buffer.from(`[${texts.join(",")}]`);
}

/** One item of a message: an event, or why it is none. A bad item never takes its neighbours with it. */
export type DecodedItem = { readonly ok: true; readonly event: CallgateEvent } | { readonly ok: false; readonly fault: string };

/**
 * Reads a message and holds each event against the subject it came on: NATS vouches for the subject, the subject for writer, pool and call.
 *
 * While services are updated one by one a newer one writes members that an older one does not know. A reader leaves those out and is
 * strict about all it knows; a writer is strict about everything. So only what a reader may ignore can be added as a member: what it must
 * not (a new condition of a grant, say) is a new type of event.
 *
 * @throws {MalformedEvent} if the message as a whole is no list of events.
 */
export function decodeEvents(subject: string, bytes: Uint8Array): DecodedItem[] {
	let items: unknown;
	try {
		items = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
	} catch {
		throw new MalformedEvent("the message is not JSON");
	}
	if (!Array.isArray(items) || items.length === 0) throw new MalformedEvent("the message is not a non-empty list of events");
	return items.map((item) => {
		// Nearly always every member is known, and nothing has to be copied or checked again.
		const isKnown = faultOf(item) === undefined;
		const known = isKnown ? item : knownPart(item);
		const fault = (isKnown ? undefined : faultOf(known)) ?? subjectFaultOf(known as CallgateEvent, subject);
		return fault ? { ok: false, fault } : { ok: true, event: known as CallgateEvent };
	});
}

function knownPart(item: unknown): unknown {
	const known = knownMembers(Attributes, item);
	if (typeof known !== "object" || known === null || !("data" in known) || !("type" in known)) return known;
	const declaration = typeof known.type === "string" ? declarationOf(known.type) : undefined;
	return declaration ? { ...known, data: knownMembers(declaration.data, known.data) } : known;
}

function faultOf(item: unknown): string | undefined {
	if (!attributes.Check(item)) return `envelope: ${firstFault(attributes.Errors(item), "item")}`;
	const { type, source, data } = item as Static<typeof Attributes>;
	const declaration = declarationOf(type);
	if (!declaration) return "its type is not one of Callgate's";
	const writer = source.slice("/callgate/".length);
	if (!Object.hasOwn(declaration.writers, writer)) return `${type} is not published by ${writer}`;
	return declaration.faultOf(data) ?? nameFaultOf(item as CallgateEvent, writer);
}

/**
 * NATS vouches for writer and type, so an id must begin with them: else whoever may publish anything could take the id of another's event,
 * and that event would never be indexed. For the same reason an event of a call is about that call and no other.
 */
function nameFaultOf({ id, type, subject, data }: CallgateEvent, writer: string): string | undefined {
	const stem = `${subject}.${type}.${writer}`;
	if (id !== stem && !id.startsWith(`${stem}.`)) return "its id is not the one that follows from what it says";
	if (type !== "control.message.parked" && "call" in data && data.call !== subject) return "it is about one call and names another";
	return undefined;
}

function subjectFaultOf(event: CallgateEvent, subject: string): string | undefined {
	if (!parseSubject(subject)) return "its subject is not one of Callgate's";
	return isOn(subject, event) ? undefined : "its subject is not the one it belongs on";
}

/** The call an event is about, if it is about one. */
export function callOf(data: object): string | undefined {
	return "call" in data && typeof data.call === "string" ? data.call : undefined;
}
