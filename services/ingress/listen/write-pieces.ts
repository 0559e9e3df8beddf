// An answer in pieces as the function's own bytes; one that is not whole ends with an event, or a line, that says so: nothing is cut off in silence.
import type { AnswerPiece } from "#libs/contracts/answer.ts";
import { refusedAs } from "#libs/contracts/ending-answer.ts";
import { type ProblemCode, type ProblemDetails, problemBody } from "#libs/contracts/problems.ts";
import { problemOf } from "#libs/service/http.ts";
import type { Begun } from "../submit-call.ts";
import type { DoorPorts } from "./door.ts";

/** @param reading what is left of the pieces, after the first */
export async function* textOfPieces(
	{ log }: Pick<DoorPorts, "log">,
	{ call, pieces, answered }: Begun,
	first: AnswerPiece,
	reading: AsyncGenerator<AnswerPiece, void>,
): AsyncGenerator<string, void> {
	const isEvents = first.head?.headers.some(([name, value]) => name === "content-type" && /^text\/event-stream/i.test(value)) ?? false;
	try {
		if (first.text !== "") yield first.text;
		for await (const { text } of reading) if (text !== "") yield text;
		const { ended } = pieces;
		if (ended === undefined || ended === "left") yield errorText(isEvents, "not_ready", { call, detail: whereItGoesOn(call) });
		else if (ended.data.ending === "completed") await answered();
		else {
			const { code, details } = refusedAs(ended);
			yield errorText(isEvents, code, { ...details, call });
		}
	} catch (error) {
		const { code, details } = problemOf(error);
		if (code === "internal") log.error({ error, code, call }, "an answer in pieces could not be passed on");
		yield errorText(isEvents, code, { ...details, call });
	} finally {
		pieces.leave();
	}
}

function whereItGoesOn(call: string): string {
	return `this replica stops and the call goes on: GET /v1/calls/${call}/events has all pieces from the first`;
}

/**
 * As OpenAI and Anthropic tell of an error within a stream, so that their clients throw it: the problem (RFC 9457) is the member `error`. What came
 * before may have ended within a record: an empty line, or an end of line, comes first.
 */
function errorText(isEvents: boolean, code: ProblemCode, details: ProblemDetails): string {
	const problem = problemBody(code, details);
	const text = JSON.stringify({ type: "error", error: { message: problem.detail ?? problem.title, ...problem } });
	return isEvents ? `\n\nevent: error\ndata: ${text}\n\n` : `\n${text}\n`;
}
