// How a server is reached, what is said to it, and what comes back: the same whichever way that is.
import type { ServerMessage } from "#libs/mcp/messages.ts";
import type { HttpClient, OutboundRequest } from "../dial-http/http-client.ts";
import type { HeaderField } from "../dial-http/outbound-headers.ts";
import type { Scrubber } from "../dial-http/scrub-secret.ts";

/** How one caller of a server reaches it: the address, the credential, and what keeps that out of what comes back. */
export type Line = HttpLine | ProgramLine;

export interface ProgramLine {
	readonly program: { ask(message: Message, scrub: Scrubber): Promise<Reply> };
	readonly scrub: Scrubber;
}

export interface HttpLine {
	readonly client: HttpClient;
	/** Without a body: each message brings its own. */
	readonly request: OutboundRequest;
	readonly scrub: Scrubber;
}

export interface Message {
	readonly text: string;
	/** Of the request; absent: a notification or an answer, for which nothing comes back. */
	readonly id?: string;
	readonly fields: readonly (readonly [name: string, value: string])[];
	readonly limits: { readonly totalTimeoutMs: number; readonly bodyBytesMax: number };
	readonly beforeFirstByte?: () => void;
	/** Whether a stream of events that ends before the answer is taken up again. */
	readonly resumes?: boolean;
	/** What the server says or asks while it works on the request. */
	readonly heard?: (message: Extract<ServerMessage, { kind: "request" | "notification" }>) => void;
}

export interface Reply {
	readonly status: number;
	readonly headers: readonly HeaderField[];
	/** What was answered to the request, without the credential; undefined where nothing was asked, or nothing was answered. */
	readonly answer: Extract<ServerMessage, { kind: "result" | "error" }> | undefined;
}
