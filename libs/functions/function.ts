// What a function is, whatever protocol it speaks: what policy, people and the record know of it. How it is reached is its transport's business.
import type { MaskAction } from "#libs/masking/action.ts";
import type { McpTransport } from "#libs/mcp/mcp-transport.ts";
import type { DocumentedAnswer } from "#libs/openapi/documented-answer.ts";
import type { HttpTransport } from "#libs/openapi/http-transport.ts";
import type { JsonSchema } from "./schema.ts";

/** How arguments get to a function and its answer back: a union by protocol. */
export type Transport = HttpTransport | McpTransport;

/** A function as its maker reads it from a document. */
export interface MadeFunction<By extends Transport = Transport> {
	readonly name: string;
	readonly description: string;
	/** One flat object. Self-contained (`$defs`). */
	readonly argumentsSchema: JsonSchema;
	/** What tool lists show of it, where that is less: arguments of a protocol that no model fills in are left out. */
	readonly toolSchema?: JsonSchema;
	/** Of every answer in JSON that its document describes, as it is written there: `$ref`s lead into the document. Empty where it describes none. */
	readonly resultSchemas: readonly unknown[];
	/** What its document says of an answer that succeeds, for whoever is shown the function; made when it is first asked for. */
	readonly documentedAnswer?: () => DocumentedAnswer | undefined;
	/** JSONPaths into the arguments that the document marks, with what people are shown instead. */
	readonly sensitive: Readonly<Record<string, MaskAction>>;
	readonly transport: By;
}

/** A function of a connection. */
export interface ConnectionFunction<By extends Transport = Transport> extends MadeFunction<By> {
	/** Whether a call whose outcome is unknown may be sent again. */
	readonly idempotent: boolean;
	/** Whether its callers may see an answer in pieces, as it comes. */
	readonly streams: boolean;
	/** How long one call may take, until the last byte of its answer. */
	readonly timeoutMs: number;
	/** {@link contractOf}, made when it is first asked for. */
	readonly contract: string;
	/** JSONPaths into the answers that the document marks, with what the caller gets instead; found when they are first asked for. */
	readonly sensitiveAnswers: Readonly<Record<string, MaskAction>>;
}
