// One message to an MCP server, and what comes back for it, whichever way it is reached.
import { DialError } from "../dial-error.ts";
import type { Line, Message, Reply } from "./line.ts";
import { speakHttp } from "./speak-http.ts";

/** @throws {DialError} where no whole answer came; any status is one */
export async function speak(line: Line, message: Message): Promise<Reply> {
	return "program" in line ? await line.program.ask(message, line.scrub) : await speakHttp(line, message);
}

/** What was said instead of an answer: never the server's own words. */
export function noAnswer({ status }: Reply, sent: boolean): DialError {
	const told = `the server answered ${status} and no message of MCP to the request`;
	return new DialError("protocol_error", told, { sent, told, ...(sent && { answered: { http: { status } } }) });
}
