// What a leaf of the record's tree says: one line of text that names an event by place and digest, or what happened to the record itself.
import { hash } from "node:crypto";

/** Which stream, and since when what was lost of it is accepted: positions of one era are never given twice. */
export interface Era {
	readonly identity: string;
	/** RFC 3339; absent where no loss was ever accepted. */
	readonly acceptedAt?: string | undefined;
}

export type Entry =
	/** An event, or an item of a message that is none. `digest` is the SHA-256 of its own stored bytes, in hexadecimal. */
	| { readonly kind: "event"; readonly position: number; readonly item: number; readonly subject: string; readonly digest: string }
	/** From here on positions are of this stream. Said whenever a writer begins. */
	| { readonly kind: "stream"; readonly era: Era }
	/** The stream had nothing at these positions any more when the tree came to them. */
	| { readonly kind: "missing"; readonly from: number; readonly to: number }
	/** A key that signs checkpoints from now on, as `name+id+key`. Said whenever a writer begins. */
	| { readonly kind: "key"; readonly key: string }
	/** The last word before each checkpoint: by its writer's clock, and up to where everything of the stream is in the tree. */
	| { readonly kind: "time"; readonly at: string; readonly position: number; readonly era: Era };

/** SHA-256 of an event's own stored bytes, in hexadecimal, as entries have it. */
export function digestOf(event: Uint8Array): string {
	return hash("sha256", event, "hex");
}

/** The line of an entry: printable ASCII. What a subject has beyond that is percent-encoded (UTF-8), and `%` itself. */
export function entryText(entry: Entry): string {
	switch (entry.kind) {
		case "event":
			return `event ${entry.position} ${entry.item} ${plainSubject(entry.subject)} ${entry.digest}`;
		case "stream":
			return `stream ${eraText(entry.era)}`;
		case "missing":
			return `missing ${entry.from} ${entry.to}`;
		case "key":
			return `key ${entry.key}`;
		case "time":
			return `time ${entry.at} ${entry.position} ${eraText(entry.era)}`;
	}
}

function eraText({ identity, acceptedAt }: Era): string {
	return `${identity} ${acceptedAt ?? "-"}`;
}

const plain = /^[!-$&-~]+$/;

/** Nearly every subject is plain as it is. */
function plainSubject(subject: string): string {
	if (plain.test(subject)) return subject;
	return encodeURIComponent(subject.toWellFormed());
}

const number = "(0|[1-9]\\d{0,15})";
const instant = "(\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z)";
const era = `([!-~]+) (?:-|${instant})`;
const forms = {
	event: new RegExp(`^event ${number} ${number} ([!-~]+) ([0-9a-f]{64})$`),
	stream: new RegExp(`^stream ${era}$`),
	missing: new RegExp(`^missing ${number} ${number}$`),
	key: /^key ([!-~]+)$/,
	time: new RegExp(`^time ${instant} ${number} ${era}$`),
};

/** What a line says; undefined where it is none that a writer of ours makes. */
export function readEntry(text: string): Entry | undefined {
	const kind = text.slice(0, Math.max(0, text.indexOf(" ")));
	if (!Object.hasOwn(forms, kind)) return undefined;
	const [, one = "", two = "", three = "", four = ""] = forms[kind as Entry["kind"]].exec(text) ?? [];
	if (one === "") return undefined;
	switch (kind as Entry["kind"]) {
		case "event":
			return { kind: "event", position: Number(one), item: Number(two), subject: three, digest: four };
		case "stream":
			return { kind: "stream", era: eraOf(one, two) };
		case "missing":
			return { kind: "missing", from: Number(one), to: Number(two) };
		case "key":
			return { kind: "key", key: one };
		case "time":
			return { kind: "time", at: one, position: Number(two), era: eraOf(three, four) };
	}
}

function eraOf(identity: string, acceptedAt: string): Era {
	return { identity, ...(acceptedAt !== "" && { acceptedAt }) };
}

export function isSameEra(one: Era | undefined, other: Era | undefined): boolean {
	return one?.identity === other?.identity && one?.acceptedAt === other?.acceptedAt;
}
