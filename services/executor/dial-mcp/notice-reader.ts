// Reads what an MCP server says of one call while it works on it: in its order, bounded, without the credential.
import { randomUUID } from "node:crypto";
import type { ServerMessage } from "#libs/mcp/messages.ts";
import { askedLevel, isNotice, noticeCharsMax, readNotice } from "#libs/mcp/read-notice.ts";
import type { Notice } from "../ports.ts";
import type { Line } from "./line.ts";

/** Notices of one call that are read at all. */
const noticesMax = 1_000;

export class NoticeReader {
	private readonly line: Line;
	private readonly noticed: (notice: Notice) => void;
	/** The client's own token stays with Callgate, and the server cannot speak of another's call. */
	private readonly token = randomUUID();
	private reading: Promise<void> = Promise.resolve();
	private count = 0;

	constructor(line: Line, noticed: (notice: Notice) => void) {
		this.line = line;
		this.noticed = noticed;
	}

	get asking(): object {
		return { progressToken: this.token, "io.modelcontextprotocol/logLevel": askedLevel };
	}

	hear({ method, params }: Extract<ServerMessage, { kind: "notification" }>): void {
		if (!isNotice(method) || params.length > noticeCharsMax || this.count >= noticesMax) return;
		// A program's log is about all its callers, or about none.
		if (method === "notifications/message" && "program" in this.line) return;
		this.count++;
		this.reading = this.reading.then(async () => {
			const read = readNotice(method, await this.line.scrub.text(params), this.token);
			if (read) this.noticed({ method, params: read });
		});
	}

	async end(): Promise<void> {
		await this.reading;
	}
}
