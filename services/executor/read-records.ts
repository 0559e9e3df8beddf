// An answer that comes in pieces, cut where its format ends a record: an event of server-sent events, a line of JSON.
import { DialError } from "./dial-error.ts";

export type Framing = "events" | "lines";

/** One record; one that never ends is not read to its end. Masking one this long takes some milliseconds. */
export const recordCharsMax = 256 * 1024;

const framings: Readonly<Record<string, Framing>> = {
	"text/event-stream": "events",
	"application/x-ndjson": "lines",
	"application/ndjson": "lines",
	"application/jsonl": "lines",
	"application/x-jsonlines": "lines",
};

/** How an answer with this head is cut into records; undefined where it is none that comes in pieces, and is read whole. */
export function framingOf({
	status,
	headers,
}: {
	readonly status: number;
	readonly headers: readonly (readonly [string, string])[];
}): Framing | undefined {
	const only = (name: string): string | undefined => {
		const values = headers.filter(([field]) => field === name);
		return values.length > 1 ? "" : values[0]?.[1].trim().toLowerCase();
	};
	const coding = only("content-encoding") ?? "identity";
	const [type = "", ...parameters] = (only("content-type") ?? "").split(";").map((part) => part.trim());
	const isUtf8 = parameters.every((parameter) => !parameter.startsWith("charset=") || /^charset="?utf-?8"?$/.test(parameter));
	if (status < 200 || status > 299 || coding !== "identity" || !isUtf8) return undefined;
	return Object.hasOwn(framings, type) ? framings[type] : undefined;
}

/** `\r` at the end of what has come may be the first half of an end of line: the next character tells. */
const ends: Readonly<Record<Framing, RegExp>> = {
	events: /(?:\r\n|\n|\r(?=[^\n]))(?:\r\n|\n|\r(?=[^\n]))/,
	lines: /\n/,
};
/** Of what an end consists in that can have come before. */
const endCharsMax = 4;

/**
 * Each record with the end that its format gives it, in order; the last may have none. However the bytes were cut on their way, the records are the
 * same.
 *
 * @throws {DialError} `body_too_large` for a record beyond {@link recordCharsMax}; `protocol_error` for bytes that are no UTF-8
 */
export async function* readRecords(chunks: AsyncIterable<Uint8Array>, framing: Framing, status: number): AsyncGenerator<string, void> {
	const at = { sent: true, answered: { http: { status } } };
	// A byte order mark before the first event is not of its first line: who reads it takes it away (WHATWG HTML 9.2.5), and places are found by names.
	const decoder = new TextDecoder("utf-8", { fatal: true });
	const decode = (chunk?: Uint8Array): string => {
		try {
			return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
		} catch {
			throw new DialError("protocol_error", "an answer in pieces is not UTF-8", at);
		}
	};
	const cutter = new Cutter(framing);
	for await (const chunk of chunks) {
		yield* cutter.cut(decode(chunk));
		if (cutter.length > recordCharsMax) throw new DialError("body_too_large", `a record has more than ${recordCharsMax} characters`, at);
	}
	const rest = cutter.rest() + decode();
	if (rest !== "") yield rest;
}

class Cutter {
	readonly #end: RegExp;
	/** Of the record that has not ended. */
	#parts: string[] = [];
	#last = "";
	length = 0;

	constructor(framing: Framing) {
		this.#end = ends[framing];
	}

	*cut(text: string): Generator<string, void> {
		let left = text;
		for (let found = this.#find(left); found >= 0; found = this.#find(left)) {
			this.#parts.push(left.slice(0, found));
			yield this.rest();
			left = left.slice(found);
		}
		if (left === "") return;
		this.#parts.push(left);
		this.#last = (this.#last + left).slice(-endCharsMax);
		this.length += left.length;
	}

	rest(): string {
		const record = this.#parts.join("");
		this.#parts = [];
		this.#last = "";
		this.length = 0;
		return record;
	}

	/** Where in `text` the record ends, of which all before it came already. */
	#find(text: string): number {
		const found = this.#end.exec(this.#last + text);
		return found ? Math.max(0, found.index + found[0].length - this.#last.length) : -1;
	}
}
