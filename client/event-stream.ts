// Server-sent events (WHATWG HTML, 9.2), read from the chunks of a body.

export interface ServerSentEvent {
	/** `message` where the stream does not say. */
	readonly event: string;
	readonly data: string;
}

/** One event, its field names and line ends included: a piece of an answer has 262,144 characters, each of which JSON may write in six. */
const eventCharactersMax = 2_097_152;

/** Ends with the chunks; what stands after the last blank line is no event. @throws {RangeError} where one event is larger than two MiB. */
export async function* readEvents(chunks: AsyncIterable<Uint8Array | string>): AsyncGenerator<ServerSentEvent, void> {
	const decoder = new TextDecoder();
	let buffer = "";
	for await (const chunk of chunks) {
		buffer += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
		// A line end at the very end may be the first half of one.
		const blocks = buffer.split(/(?:\r\n|\n|\r(?!\n|$)){2}/);
		buffer = blocks.pop() ?? "";
		if (buffer.length > eventCharactersMax) throw new RangeError(`an event is larger than ${eventCharactersMax} characters`);
		for (const block of blocks) {
			const event = eventIn(block);
			if (event) yield event;
		}
	}
}

function eventIn(block: string): ServerSentEvent | undefined {
	let event = "message";
	const data: string[] = [];
	for (const line of block.split(/\r\n|\n|\r/)) {
		const colon = line.indexOf(":");
		const name = colon < 0 ? line : line.slice(0, colon);
		const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
		if (name === "event") event = value || "message";
		if (name === "data") data.push(value);
	}
	return data.length > 0 ? { event, data: data.join("\n") } : undefined;
}
