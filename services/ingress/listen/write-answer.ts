// A function's answer as its own bytes, and written out where a large one is opened.
import { type Answer, readAnswer } from "#libs/contracts/answer.ts";
import { bodyJsonOf } from "#libs/contracts/ending-answer.ts";
import type { OpenedAnswer } from "../answer-call.ts";

/** The bytes of a result as the transparent proxy sends them. */
export function rawBody({ body }: Pick<Answer, "body">): Buffer {
	if (body === undefined) return Buffer.alloc(0);
	if ("json" in body) return Buffer.from(JSON.stringify(body.json));
	return "base64" in body ? Buffer.from(body.base64, "base64") : Buffer.from(body.text);
}

/** An answer that was opened, from its text: its body as text, and as it stands in a JSON answer. Undefined: see {@link readAnswer}. */
export function writtenAnswer(text: string): OpenedAnswer | undefined {
	const answer = readAnswer(JSON.parse(text) as Answer);
	if (!answer) return undefined;
	const bodyJson = bodyJsonOf(answer);
	const json = bodyJson !== undefined && { bodyJson };
	if (answer.protocol === "mcp") return { ...answer, ...json };
	const { body } = answer;
	return { ...answer, body: body && "json" in body ? { text: JSON.stringify(body.json) } : body, ...json };
}
