// A document of the record, as the index has it → the event that auditors read.
import type { EventType } from "#libs/contracts/events.ts";
import type { RecordedEvent } from "./ports.ts";

export function recordedEvent(document: Readonly<Record<string, unknown>> = {}): RecordedEvent {
	const { "@timestamp": time, id, source, type, subject, traceparent, position, item, data } = document;
	return {
		id: String(id),
		source: String(source),
		type: type as EventType,
		subject: String(subject),
		time: String(time),
		...(typeof traceparent === "string" && { traceparent }),
		position: Number(position),
		item: Number(item),
		data: (data ?? {}) as Record<string, unknown>,
	};
}
