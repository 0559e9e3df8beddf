// What Callgate knows of an HTTP function: how its flat arguments become a request, and which arguments it takes.

/** A JSON Schema (2020-12): an object of keywords, or `true`/`false`. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

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

/** A function behind HTTP. Plain data: it can be stored, compared and sent. */
export type HttpFunction = {
	/** The `operationId`, or the name under `functions:`. */
	readonly name: string;
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
	/** One flat object: parameters and the members of the body. Self-contained (`$defs`). */
	readonly argumentsSchema: JsonSchema;
	readonly description: string;
	/** JSONPaths into the arguments that hold secrets: `writeOnly`, `format: password`, `x-callgate-sensitive`. */
	readonly sensitive: readonly string[];
};

/** What is wrong with an argument: `pointer` is an RFC 6901 pointer into the arguments. The message never repeats a value. */
export type ArgumentError = { readonly pointer: string; readonly message: string };

/** What is wrong with a document: `path` leads to the place inside it. */
export type OpenapiError = { readonly path: readonly (string | number)[]; readonly message: string };

/** RFC 6901 section 3. */
export function pointerTo(...tokens: readonly (string | number)[]): string {
	return tokens.map((token) => `/${String(token).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

export function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The member only if it is the object's own: `constructor` and its kin are not members of a document. */
export function memberOf(value: unknown, name: string | number): unknown {
	if (Array.isArray(value)) return typeof name === "number" || /^(0|[1-9]\d*)$/.test(name) ? value[Number(name)] : undefined;
	return isRecord(value) && Object.hasOwn(value, String(name)) ? value[String(name)] : undefined;
}
