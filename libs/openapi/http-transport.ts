// How a function behind HTTP is reached: how its flat arguments become a request.
import type { JsonSchema } from "#libs/functions/schema.ts";

/** HTTP methods a function may have. `CONNECT`, `TRACE` and `OPTIONS` are about the connection or the resource, not calls. */
export const httpMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;
export type HttpMethod = (typeof httpMethods)[number];

/** One segment of a path template: fixed text, or one parameter with fixed text around it. */
export type PathSegment = { readonly literal: string } | { readonly prefix: string; readonly parameter: string; readonly suffix: string };

export type ScalarKind = "string" | "integer" | "number" | "boolean";

/** How a value is written where only text goes: in a path, a query, a header or a form. */
export type TextForm = {
	/** What its text (or the text of one item) may mean; more than one only where the text tells them apart. */
	readonly kinds: readonly ScalarKind[];
	/** How a list is written: `a=1&a=2` (repeated) or `a=1,2` (commas); absent for a single value. */
	readonly list?: "repeated" | "commas";
};

/** A parameter in the path, the query or a header. Its text form is OpenAPI's default style for that place. */
export type HttpParameter = TextForm & {
	/** The name on the wire. */
	readonly name: string;
	/** The name in the flat arguments: the wire name unless `rename:` says otherwise. */
	readonly argument: string;
	readonly in: "path" | "query" | "header";
	readonly required: boolean;
	readonly schema: JsonSchema;
};

/** A type that a body may be sent in, as {@link mediaTypeOf} spells it. */
export type BodyType = { readonly contentType: string; readonly encoding: "json" | "form" };

/** The request body. */
export type HttpBody = {
	/** All that the document offers with one schema and Callgate can write; the first where a call names none. */
	readonly types: readonly BodyType[];
	/**
	 * The argument that names the type, where there is something to say: one of several types, or that a body which may be left out is an empty
	 * object.
	 */
	readonly typeArgument?: string;
	/** `members`: each member of the body is an argument. `body`: the whole body is the one argument `argument`. */
	readonly mode: "members" | "body";
	readonly required: boolean;
	/** The argument that holds the whole body where `mode` is `body`. */
	readonly argument: string;
	/** The declared members where `mode` is `members`; a form's members say how they are written. */
	readonly members: readonly { readonly name: string; readonly argument: string; readonly text?: TextForm }[];
	/** Whether arguments that nothing declares are members of the body. */
	readonly open: boolean;
};

/** Plain data: it can be stored, compared and sent. */
export type HttpTransport = {
	readonly protocol: "http";
	readonly method: HttpMethod;
	/** As the document writes it, e.g. `/accounts/{id}`; relative to the connection's `url`. */
	readonly pathTemplate: string;
	readonly path: readonly PathSegment[];
	/**
	 * Paths of other operations with this method that this template could also write (`/users/me` for `/users/{id}`). A path that matches one
	 * is refused: the function's server may take it for the other operation, which policy was not asked about.
	 */
	readonly overlaps: readonly (readonly PathSegment[])[];
	readonly parameters: readonly HttpParameter[];
	readonly body?: HttpBody;
};

/** Where requests go, as a Connection says it, and how large a body may be that is sent there. */
export interface HttpDestination {
	readonly url: string;
	readonly limits: { readonly requestBodyBytesMax: number };
}

/** What is wrong with a document: `path` leads to the place inside it. */
export type OpenapiError = { readonly path: readonly (string | number)[]; readonly message: string };
