// Forwards to an OpenTelemetry collector: OTLP 1.x over HTTP in its JSON encoding (https://opentelemetry.io/docs/specs/otlp/), a log record a line.
import { declarationOf } from "#libs/contracts/events.ts";
import { createPoster } from "./post.ts";
import { isJson, type Line, NotDelivered, numberOf, type Target } from "./target.ts";

export interface OtlpCollector {
	/** Its base: `/v1/logs` is behind it. */
	readonly url: string;
	/** Such as `authorization`. */
	readonly headers: Readonly<Record<string, string>>;
	readonly ca?: string | undefined;
}

/** The only answers after which the specification lets a client try again; 408 is what proxies say of a slow one. */
const mayPass = new Set([408, 429, 502, 503, 504]);

/** A collector that rejects single records (`partialSuccess`) would have dropped them silently: it counts as refusing all. */
export function otlpTarget({ url, headers, ca }: OtlpCollector): Target {
	const { post, close } = createPoster("the OTLP collector", ca);
	return {
		async send({ lines, format }) {
			const body = JSON.stringify({
				resourceLogs: [
					{
						resource: { attributes: attributesOf({ "service.name": "callgate" }) },
						scopeLogs: [{ scope: { name: "callgate.audit" }, logRecords: lines.map((line) => recordOf(line, isJson(format.contentType))) }],
					},
				],
			});
			const { status, text, afterMs } = await post(`${url}/v1/logs`, { ...headers, "content-type": "application/json" }, body);
			if (status < 200 || status >= 300)
				throw new NotDelivered(`the OTLP collector answered ${status}`, { isFinal: status >= 400 && !mayPass.has(status), afterMs });
			const rejected = rejectedBy(text);
			if (rejected > 0) throw new NotDelivered(`the OTLP collector rejected ${rejected} of ${lines.length} records`, { isFinal: true });
		},
		close,
	};
}

/** @throws {NotDelivered} for an answer that is not of this protocol: another server may say 200 to anything */
function rejectedBy(text: string): number {
	try {
		const { partialSuccess } = JSON.parse(text) as { partialSuccess?: { rejectedLogRecords?: string | number } };
		return Number(partialSuccess?.rejectedLogRecords ?? 0);
	} catch {
		throw new NotDelivered("what answers is no OTLP collector: its answer is no JSON", { isFinal: true });
	}
}

/** INFO of the log data model. */
const severityNumber = 9;

function recordOf({ text, event }: Line, isValue: boolean): object {
	const { id, type, time, source, subject, position, item, traceparent } = event;
	const nanoseconds = String(BigInt(Date.parse(time)) * 1_000_000n);
	const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? "") ?? [];
	return {
		...{ timeUnixNano: nanoseconds, observedTimeUnixNano: nanoseconds, severityNumber, severityText: "INFO", eventName: type },
		body: isValue ? anyValueOf(JSON.parse(text, keepNumbers as Parameters<typeof JSON.parse>[1])) : { stringValue: text },
		attributes: attributesOf({
			...{ "callgate.event.id": id, "callgate.event.source": source, "callgate.event.subject": subject },
			...{ "callgate.event.says": declarationOf(type)?.says, "callgate.position": new NumberText(String(numberOf(position))) },
			"callgate.item": new NumberText(String(numberOf(item))),
		}),
		...(traceId && { traceId, spanId, flags: Number.parseInt(flags ?? "0", 16) }),
	};
}

/** A number by its digits: what JSON can say and a double cannot is passed on as it was written. */
class NumberText {
	readonly text: string;
	constructor(text: string) {
		this.text = text;
	}
}

function keepNumbers(_name: string, value: unknown, { source }: { readonly source?: string }): unknown {
	return typeof value === "number" && source !== undefined ? new NumberText(source) : value;
}

function attributesOf(values: Readonly<Record<string, unknown>>): object[] {
	return Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [{ key, value: anyValueOf(value) }]));
}

/** An AnyValue; what is null has no member. 64-bit integers are text in OTLP's JSON. */
function anyValueOf(value: unknown): object {
	if (typeof value === "string") return { stringValue: value };
	if (typeof value === "boolean") return { boolValue: value };
	if (value instanceof NumberText) return numberValueOf(value.text);
	if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValueOf) } };
	if (typeof value === "object" && value !== null) return { kvlistValue: { values: attributesOf(value as Record<string, unknown>) } };
	return {};
}

function numberValueOf(text: string): object {
	const isInteger = /^-?\d+$/.test(text);
	if (isInteger && text.length <= 20 && BigInt.asIntN(64, BigInt(text)) === BigInt(text)) return { intValue: text };
	const double = Number(text);
	return isInteger || !Number.isFinite(double) ? { stringValue: text } : { doubleValue: double };
}
