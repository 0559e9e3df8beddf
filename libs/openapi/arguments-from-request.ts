// From a raw HTTP request back to the flat arguments of its function: the exact reverse of build-request.ts.
import { type ArgumentError, isRecord, pointerTo } from "#libs/functions/schema.ts";
import type { HttpBody, HttpParameter, HttpTransport, TextForm } from "./http-transport.ts";
import { expectedText, readTexts, whyNotAHeaderValue, whyNotQueryText } from "./parameter-text.ts";

/** The body in a type that the function offers (`offeredType`): JSON already parsed (strictly, by the caller), or the text of a form. */
export type RequestBody = { readonly contentType: string } & (
	| { readonly encoding: "json"; readonly value: unknown }
	| { readonly encoding: "form"; readonly text: string }
);

export type RawRequest = {
	/** From `matchRoute`. */
	readonly pathArgs: Readonly<Record<string, string>>;
	/** Raw, percent-encoded, without `?`; empty if there is none. */
	readonly query: string;
	/** Lower-case names; values as Node gives them. Only declared header parameters are read. */
	readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
	/** Absent if the request has no body. */
	readonly body?: RequestBody;
};

export type ReadArguments =
	| { readonly ok: true; readonly args: Record<string, unknown> }
	| { readonly ok: false; readonly errors: readonly ArgumentError[] };

/** Most names and values in one query or form. */
const pairsMax = 1_000;

/**
 * Reads the arguments of a request. Text becomes numbers and booleans as the schema says, strictly. Refused: query parameters nobody declared,
 * one given twice that is not a list, text that reads in more than one way, a body where none is declared. The result is not yet checked
 * against the schema: that is `compileArguments`.
 */
export function argumentsFromRequest(transport: HttpTransport, request: RawRequest): ReadArguments {
	const errors: ArgumentError[] = [];
	const found: [string, unknown][] = [];
	for (const parameter of transport.parameters) {
		if (parameter.in === "path") readPathParameter(parameter, request.pathArgs[parameter.name], found, errors);
		if (parameter.in === "header") readHeaderParameter(parameter, headerOf(request, parameter.name), found, errors);
	}
	const query = transport.parameters.filter((parameter) => parameter.in === "query");
	readPairs(query, request.query, "query", found, errors);
	readBody(transport, request.body, found, errors);
	if (errors.length > 0) return { ok: false, errors };
	return { ok: true, args: Object.fromEntries(found) };
}

function headerOf({ headers }: RawRequest, name: string): string | readonly string[] | undefined {
	return Object.hasOwn(headers, name.toLowerCase()) ? headers[name.toLowerCase()] : undefined;
}

type Found = [string, unknown][];

function keep(
	named: { readonly argument: string; readonly form: TextForm },
	texts: readonly string[],
	found: Found,
	errors: ArgumentError[],
): void {
	const value = readTexts(named.form, texts);
	if (value === undefined) errors.push({ pointer: pointerTo(named.argument), message: `expected ${expectedText(named.form)}` });
	else found.push([named.argument, value]);
}

function readPathParameter(parameter: HttpParameter, text: string | undefined, found: Found, errors: ArgumentError[]): void {
	if (text === undefined) errors.push({ pointer: pointerTo(parameter.argument), message: "is missing" });
	else keep({ argument: parameter.argument, form: parameter }, parameter.list ? text.split(",") : [text], found, errors);
}

function readHeaderParameter(
	parameter: HttpParameter,
	value: string | readonly string[] | undefined,
	found: Found,
	errors: ArgumentError[],
): void {
	if (value === undefined) return;
	const text = typeof value === "string" ? value : value.length === 1 ? (value[0] ?? "") : undefined;
	const pointer = pointerTo(parameter.argument);
	const message = text === undefined ? "expected one header of this name" : whyNotAHeaderValue(text);
	if (text === undefined || message !== undefined) errors.push({ pointer, message: message ?? "" });
	// OpenAPI style `simple`: items between commas, optional white space around them (RFC 9110 section 5.6.1).
	else
		keep(
			{ argument: parameter.argument, form: parameter },
			parameter.list ? text.split(",").map((item) => item.trim()) : [text],
			found,
			errors,
		);
}

type Named = TextForm & { readonly name: string; readonly argument: string };

/** Reads `a=1&b=2` into declared arguments. `+` is a space here, as it is to nearly every server; what is built again says `%20`. */
function readPairs(declared: readonly Named[], text: string, where: "query" | "form", found: Found, errors: ArgumentError[]): void {
	if (text === "") return;
	const pairs = text.split("&");
	if (pairs.length > pairsMax) {
		errors.push({ pointer: "", message: `expected at most ${pairsMax} parameters in the ${where}` });
		return;
	}
	const byName = new Map(declared.map((named) => [named.name, named]));
	const given = new Map<Named, string[]>();
	for (const pair of pairs) {
		// Between two ampersands and after the last there is nothing (WHATWG URL section 5.1).
		if (pair === "") continue;
		const cut = pair.indexOf("=");
		const name = decodePart(cut < 0 ? pair : pair.slice(0, cut));
		const named = name === undefined ? undefined : byName.get(name);
		if (named === undefined) {
			errors.push({ pointer: "", message: `expected only ${where} parameters that the function declares` });
			continue;
		}
		const raw = cut < 0 ? "" : pair.slice(cut + 1);
		const values = (named.list === "commas" ? raw.split(",") : [raw]).map(decodePart);
		const earlier = given.get(named);
		if (values.includes(undefined))
			errors.push({ pointer: pointerTo(named.argument), message: "expected well-formed percent-encoding (RFC 3986)" });
		else if (earlier && named.list !== "repeated")
			errors.push({ pointer: pointerTo(named.argument), message: `expected it once in the ${where}` });
		else given.set(named, [...(earlier ?? []), ...values.filter((value) => value !== undefined)]);
	}
	for (const [named, texts] of given) keep({ argument: named.argument, form: named }, texts, found, errors);
}

/** Decodes one name or value once; undefined where it is malformed or has zero bytes. */
function decodePart(raw: string): string | undefined {
	if (!/^[\x21-\x7e]*$/.test(raw) || raw.includes("#")) return undefined;
	try {
		const text = decodeURIComponent(raw.replaceAll("+", "%20"));
		return whyNotQueryText(text) === undefined ? text : undefined;
	} catch {
		return undefined;
	}
}

function readBody(transport: HttpTransport, given: RequestBody | undefined, found: Found, errors: ArgumentError[]): void {
	const { body } = transport;
	if (body === undefined) {
		if (given !== undefined) errors.push({ pointer: "", message: "expected no body" });
		return;
	}
	const expected = `expected a body of type ${body.types.map(({ contentType }) => contentType).join(" or ")}`;
	if (given === undefined) {
		if (body.required) errors.push({ pointer: "", message: expected });
		return;
	}
	const isOffered = body.types.some(({ contentType, encoding }) => contentType === given.contentType && encoding === given.encoding);
	const before = found.length;
	if (!isOffered) errors.push({ pointer: "", message: expected });
	else if (given.encoding === "form") readForm(body, given.text, found, errors);
	else if (body.mode === "body") found.push([body.argument, given.value]);
	else readMembers(transport, body, given.value, found, errors);
	// A body without members that may be left out: only its type tells it from none.
	const isOnlyThere = !body.required && found.length === before;
	if (body.typeArgument !== undefined && (body.types.length > 1 || isOnlyThere)) found.push([body.typeArgument, given.contentType]);
}

function readForm(body: HttpBody, text: string, found: Found, errors: ArgumentError[]): void {
	const declared = body.members.flatMap(({ name, argument, text: form }) => (form ? [{ ...form, name, argument }] : []));
	readPairs(declared, text, "form", found, errors);
}

function readMembers(transport: HttpTransport, body: HttpBody, value: unknown, found: Found, errors: ArgumentError[]): void {
	if (!isRecord(value)) {
		errors.push({ pointer: "", message: "expected a body that is a JSON object" });
		return;
	}
	const argumentOf = new Map(body.members.map((member) => [member.name, member.argument]));
	const taken = new Set([...transport.parameters.map((parameter) => parameter.argument), ...argumentOf.values(), body.typeArgument]);
	for (const [name, member] of Object.entries(value)) {
		// An undeclared member called like an argument from elsewhere would change which value policy sees.
		const argument = argumentOf.get(name) ?? (body.open && !taken.has(name) ? name : undefined);
		if (argument !== undefined) found.push([argument, member]);
		else {
			errors.push({ pointer: "", message: "expected only body members that the function declares" });
			return;
		}
	}
}
