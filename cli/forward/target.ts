// What forwarding needs of a receiver, whichever it is: it takes a batch, or it is told why not.
import { createHash } from "node:crypto";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import type { Format } from "./formats.ts";
import type { RecordedEvent } from "./ocsf.ts";

export interface Line {
	readonly text: string;
	/** Of which this is a line; it may have more than one. */
	readonly event: RecordedEvent;
}

/** What is on its way together, in the order of the stream. */
export interface Batch {
	readonly lines: readonly Line[];
	readonly format: Format;
	/** The same for the same events, however often they are sent. */
	readonly id: string;
}

/** How much is gathered before it is sent: what is there already up to so many events, and what comes for so long after the first. */
export interface Gathering {
	readonly eventsMax: number;
	readonly forMs: number;
}

export interface Target {
	/** Without it each page of the record is sent as it comes. */
	readonly gathering?: Gathering;
	/**
	 * Resolves when the receiver has it: on the disk, answered with 2xx, acknowledged by an indexer; for syslog, which answers nothing, when it left
	 * this machine's hands.
	 *
	 * @throws {NotDelivered}
	 */
	send(batch: Batch): Promise<void>;
	close(): Promise<void>;
}

/** `isFinal`: trying again will not help. The message names what happened, never what was sent. */
export class NotDelivered extends ExpectedError {
	readonly isFinal: boolean;
	/** The receiver asks for so much patience. */
	readonly afterMs: number;
	constructor(message: string, { isFinal = false, afterMs = 0 }: { readonly isFinal?: boolean; readonly afterMs?: number } = {}) {
		super(message);
		this.isFinal = isFinal;
		this.afterMs = afterMs;
	}
}

/** JSON formats are lists where many lines are one body. */
export function bodyOf({ lines, format: { contentType } }: Batch): string {
	const texts = lines.map(({ text }) => text);
	return isJson(contentType) ? `[${texts.join(",")}]` : `${texts.join("\n")}\n`;
}

export function isJson(contentType: string): boolean {
	return contentType.endsWith("json");
}

/** A number of an event of the API, which keeps it by its digits. */
export function numberOf(value: number): number {
	return Number(JSON.stringify(value));
}

export function batchId(first: string, last: string): string {
	return `msg_${createHash("sha256").update(`${first}\n${last}`).digest("hex").slice(0, 32)}`;
}

/** The code of a failed connection or file: what it says in words may hold anything. */
export function codeOf(error: unknown): string {
	const { code, cause } = (error ?? {}) as { code?: unknown; cause?: { code?: unknown } };
	const told = code ?? cause?.code;
	return typeof told === "string" ? told : "the connection broke";
}
