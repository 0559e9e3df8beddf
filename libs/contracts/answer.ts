// What a function answered, in the words of the protocol it came by: whole for its caller, who alone can open it, and as little as everyone may read.
import { type Static, Type } from "typebox";
import { pub } from "./classification.ts";
import type { JsonValue } from "./json.ts";

/** A function's answer, masked, as it is sealed for its caller: a union by protocol. */
export type Answer = HttpAnswer | McpAnswer;

/** JSON that was written anew, or text as the function sent it: as it is, or its UTF-8 in base64 where a JSON string of it would be longer. */
export type AnswerBody = { readonly json: JsonValue } | { readonly text: string } | { readonly base64: string };

export interface HttpAnswer {
	readonly protocol: "http";
	readonly status: number;
	readonly headers: readonly (readonly [string, string])[];
	readonly body: AnswerBody | undefined;
}

export interface McpAnswer {
	readonly protocol: "mcp";
	/** Whether the tool says that it failed, or the server that it could not answer. */
	readonly isError: boolean;
	/** Of an error of JSON-RPC, which then is the body. */
	readonly code?: number;
	/** JSON: the result, or the error. */
	readonly body: AnswerBody;
	/** Where the result asks its caller something: by which requests, by the function's own keys, and what the function wants to be told again. */
	readonly asks?: { readonly asked: Readonly<Record<string, string>>; readonly state?: string };
}

/**
 * An answer as it was opened; undefined where it is of a protocol that only a newer version knows. Versions before there were several sealed
 * HTTP's without its name.
 */
export function readAnswer(opened: Answer | (Omit<HttpAnswer, "protocol"> & { readonly protocol?: string })): Answer | undefined {
	if (opened.protocol === "mcp" && "isError" in opened) {
		const { protocol, isError, code, body, asks } = opened;
		return { protocol, isError, ...(code !== undefined && { code }), body, ...(asks && { asks }) };
	}
	const { protocol = "http", status, headers, body } = opened as HttpAnswer;
	return protocol === "http" ? { protocol, status, headers, body } : undefined;
}

/** A piece of an answer, masked, as it is sealed for its caller. Its number is in the seal: no piece can stand for another. */
export interface AnswerPiece {
	readonly piece: number;
	/** How the answer begins; in the first piece. */
	readonly head?: Pick<HttpAnswer, "protocol" | "status" | "headers">;
	readonly text: string;
}

/**
 * What of an answer everyone may read, under the name of its protocol: that of a newer version is left out by a reader that does not know it, as
 * any member is, and the event stays readable.
 */
export const AnswerMark = Type.Object(
	{
		http: Type.Optional(Type.Object({ status: pub(Type.Integer({ minimum: 100, maximum: 599 })) }, { additionalProperties: false })),
		mcp: Type.Optional(
			Type.Object(
				{
					/** Whether the tool says that it failed, or the server that it could not answer. */
					isError: pub(Type.Boolean()),
					/** Of an error of JSON-RPC. */
					code: Type.Optional(pub(Type.Integer({ minimum: -2_147_483_648, maximum: 2_147_483_647 }))),
				},
				{ additionalProperties: false },
			),
		),
	},
	{ additionalProperties: false },
);
export type AnswerMark = Static<typeof AnswerMark>;

export function answerMark(answer: Pick<HttpAnswer, "protocol" | "status"> | Pick<McpAnswer, "protocol" | "isError" | "code">): AnswerMark {
	if (answer.protocol === "http") return { http: { status: answer.status } };
	const { isError, code } = answer;
	return { mcp: { isError, ...(code !== undefined && { code }) } };
}

/** What an ending says of its function's answer; versions before there were several protocols said HTTP's status beside everything else. */
export function answerMarkOf({ answer, status }: { readonly answer?: AnswerMark; readonly status?: number }): AnswerMark | undefined {
	return answer ?? (status === undefined ? undefined : { http: { status } });
}
