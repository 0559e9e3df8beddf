// Logs: one line of JSON each, with call id and trace id, and nothing of an event but what is public.
import { destination, type Logger, type LoggerOptions, pino, stdTimeFunctions } from "pino";
import { callOf } from "#libs/contracts/envelope.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";

export type { Logger };

export function createLogger(service: string, level = "info"): Logger {
	const options = {
		level,
		base: { service, pid: process.pid },
		timestamp: stdTimeFunctions.isoTime,
		formatters: { level: (label: string) => ({ level: label }) },
		serializers: { error: (error: unknown) => describeError(error), err: (error: unknown) => describeError(error) },
	};
	const lines = linesTo(1);
	setInterval(() => lines.flush(), flushEveryMs).unref();
	return pino({ ...options, hooks: { logMethod: flushingErrors(() => lines.flush()) } }, lines);
}

/** What cannot be written (a full disk, a reader that left) waits for the next try, up to a bound, and is then dropped: no call fails for want of a log line. */
function linesTo(fileDescriptor: number): ReturnType<typeof destination> {
	const lines = destination({ dest: fileDescriptor, sync: true, minLength: bufferedCharsMax, maxLength: keptCharsMax });
	lines.on("error", () => undefined);
	// Its own tries again for ever, and pino calls it for fatal errors; `flush` of a synchronous destination writes in this turn, once.
	lines.flushSync = () => lines.flush();
	return lines;
}

/** A system call a line is a tenth of what a call costs: lines go out together, an error at once with all before it. */
const bufferedCharsMax = 8 * 1024;
const keptCharsMax = 1024 * 1024;
const flushEveryMs = 200;
/** https://getpino.io/#/docs/api?id=loggerlevels-object */
const errorLevel = 50;

function flushingErrors(flush: () => void): NonNullable<NonNullable<LoggerOptions["hooks"]>["logMethod"]> {
	return function logMethod(args, method, level) {
		method.apply(this, args);
		if (level >= errorLevel) flush();
	};
}

/** What every log line about an event says: which, of which call, in which trace (W3C Trace Context). */
export function aboutEvent(event: CallgateEvent): Record<string, unknown> {
	return { event: event.type, call: callOf(event.data), trace: event.traceparent?.split("-")[1] };
}

/** Deeper chains of causes are cut: one may lead back to itself. */
const causesMax = 4;

/** An error by name, code and place; its message only where it is an {@link ExpectedError}, because any other's may quote a value. */
export function describeError(error: unknown, causesLeft = causesMax): Record<string, unknown> {
	if (!(error instanceof Error)) return { name: typeof error };
	const { name, message } = error;
	const code = "code" in error && /^[\w.-]{1,64}$/.test(String(error.code)) ? String(error.code) : undefined;
	return {
		name: /^\w{1,64}$/.test(name) ? name : "Error",
		code,
		...(error instanceof ExpectedError && { message: message.slice(0, 512) }),
		frames: framesOf(error),
		...(error.cause !== undefined && causesLeft > 0 && { cause: describeError(error.cause, causesLeft - 1) }),
	};
}

/** Where it was thrown. The stack begins with the message, whose own lines may look like frames. */
function framesOf({ stack = "", message }: Error): string[] {
	const at = stack.indexOf(message);
	const frames = at < 0 ? "" : stack.slice(at + message.length);
	return frames
		.split("\n")
		.filter((line) => /^\s+at /.test(line))
		.slice(0, 6);
}
