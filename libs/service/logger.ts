// Logs: one line of JSON each, with call id and trace id, and nothing of an event but what is public.
import { destination, type Logger, pino, stdTimeFunctions } from "pino";
import { callOf } from "#libs/contracts/envelope.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";

export type { Logger };

export function createLogger(service: string, level = "info"): Logger {
	const options = {
		level,
		base: { service, pid: process.pid },
		timestamp: stdTimeFunctions.isoTime,
		formatters: { level: (label: string) => ({ level: label }) },
		serializers: { error: describeError, err: describeError },
	};
	return pino(options, destination({ dest: 1, sync: true }));
}

/** What every log line about an event says: which, of which call, in which trace (W3C Trace Context). */
export function aboutEvent(event: CallgateEvent): Record<string, unknown> {
	return { event: event.type, call: callOf(event.data), trace: event.traceparent?.split("-")[1] };
}

/** An error by name, code and place; its message only where it is one of ours, because a library's may quote a value. */
export function describeError(error: unknown): Record<string, unknown> {
	if (!(error instanceof Error)) return { name: typeof error };
	const { name, stack } = error;
	const code = "code" in error ? String(error.code) : undefined;
	const frames = stack
		?.split("\n")
		.filter((line) => line.trim().startsWith("at "))
		.slice(0, 6);
	const own = name !== "Error" && !name.endsWith("TypeError");
	return {
		name,
		code,
		...(own && { message: error.message.slice(0, 512) }),
		frames,
		...(error.cause ? { cause: describeError(error.cause) } : {}),
	};
}
