// Small OpenAPI documents for tests.

import type { MadeFunction } from "#libs/functions/function.ts";
import { functionsFromOpenapi } from "./functions-from-openapi.ts";
import type { HttpTransport } from "./http-transport.ts";

type Operation = {
	readonly path?: string;
	readonly method?: string;
	readonly parameters?: readonly unknown[];
	readonly body?: unknown;
	readonly bodyRequired?: boolean;
	readonly contentType?: string;
};

export function documentOf(operation: Operation, version = "3.1.0", components: unknown = {}): unknown {
	const { path = "/things", parameters = [], body, bodyRequired = true, contentType = "application/json" } = operation;
	const method = operation.method ?? (body === undefined ? "get" : "post");
	const requestBody = body === undefined ? {} : { requestBody: { required: bodyRequired, content: { [contentType]: { schema: body } } } };
	return { openapi: version, paths: { [path]: { [method]: { operationId: "op", parameters, ...requestBody } } }, components };
}

/** The one function of a document; throws what is wrong with it. */
export function functionOf(operation: Operation, version?: string, components?: unknown): MadeFunction<HttpTransport> {
	const { functions, errors } = functionsFromOpenapi(documentOf(operation, version, components));
	const [fn] = functions;
	if (fn === undefined || errors.length > 0) throw new Error(errors.map(({ message }) => message).join("\n"));
	return fn;
}

/** The messages of everything that is wrong with a document. */
export function messagesOf(operation: Operation, version?: string, components?: unknown): string[] {
	return functionsFromOpenapi(documentOf(operation, version, components)).errors.map(({ message }) => message);
}
