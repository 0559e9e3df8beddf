// An event of the record in the words that others read: CloudEvents as it is, OCSF, or CEF. Each is one line of text. Pure.
import { declarationOf } from "#libs/contracts/events.ts";
import { safeJson, safeLine } from "../terminal-text.ts";
import { ocsfOf, type RecordedEvent } from "./ocsf.ts";

export interface Format {
	/** Of a webhook's body that holds one line. */
	readonly contentType: string;
	linesOf(event: RecordedEvent): readonly string[];
}

export const formats = {
	/** CloudEvents 1.0, structured JSON. Position and item are extensions: the event's place in the stream. */
	cloudevents: {
		contentType: "application/cloudevents+json",
		linesOf: (event) => [line({ specversion: "1.0", datacontenttype: "application/json", ...event })],
	},
	ocsf: { contentType: "application/json", linesOf: (event) => ocsfOf(event).map(line) },
	cef: { contentType: "text/plain; charset=utf-8", linesOf: (event) => [cefOf(event)] },
} as const satisfies Record<string, Format>;
export type FormatName = keyof typeof formats;

/** No line end within and no character that a terminal obeys. */
function line(value: object): string {
	return safeJson(JSON.stringify(value));
}

/** ArcSight Common Event Format, version 0: seven fields with bars between them, then name=value pairs. */
function cefOf(event: RecordedEvent): string {
	const { type, time, id, source, data } = event;
	const ocsf = ocsfOf(event)[0] ?? {};
	const severity = ({ 1: 1, 2: 3, 3: 5, 4: 8 } as Readonly<Record<number, number>>)[Number(ocsf.severity_id)] ?? 1;
	const { subject, email } = (data.caller ?? data.reader ?? {}) as Readonly<Record<string, unknown>>;
	const pairs = {
		...{ rt: Date.parse(time), externalId: id, dvchost: source, suid: subject, suser: email ?? data.voter, src: data.from },
		...{
			destinationServiceName: data.connection,
			request: data.function,
			outcome: data.ending ?? data.verdict,
			reason: data.code ?? data.refusal,
		},
		...{ msg: data.detail, cs1Label: "call", cs1: data.call, cn1Label: "position", cn1: event.position },
	};
	const head = ["CEF:0", "Callgate", "Callgate", "1", type, declarationOf(type)?.says ?? type, severity].map(cefField);
	const given = Object.entries(pairs).filter(([, value]) => value !== undefined && value !== null);
	return `${head.join("|")}|${given.map(([name, value]) => `${name}=${cefValue(value)}`).join(" ")}`;
}

function cefField(value: unknown): string {
	return safeLine(value).replace(/[\\|]/g, "\\$&");
}

/** A value ends where the next ` name=` begins, so an equals sign within it is escaped. */
function cefValue(value: unknown): string {
	return safeLine(value).replace(/[\\=]/g, "\\$&");
}
