// From a function and its arguments to the request that is sent.

import { type ArgumentError, memberOf, pointerTo } from "#libs/functions/schema.ts";
import { typeToSend } from "./body-type.ts";
import type { HttpBody, HttpDestination, HttpMethod, HttpParameter, HttpTransport, PathSegment } from "./http-transport.ts";
import { expectedText, whyNotAHeaderValue, whyNotQueryText, writeTexts } from "./parameter-text.ts";
import { couldMean, percentEncode, whyNotASegment } from "./path-template.ts";
import { type TooLarge, whyTooLarge } from "./request-bounds.ts";

/** A request without host and credential. `path` is relative to the connection's `url`; `query` has no `?` and is empty if there is none. */
export type HttpRequest = {
	readonly method: HttpMethod;
	readonly path: string;
	readonly query: string;
	/** Lower-case names; the function's declared header parameters only. */
	readonly headers: Readonly<Record<string, string>>;
	readonly body?: Uint8Array;
	readonly contentType?: string;
};

type Arguments = Readonly<Record<string, unknown>>;

export type BuiltRequest =
	| { readonly ok: true; readonly request: HttpRequest }
	| { readonly ok: false; readonly errors: readonly ArgumentError[] };

/**
 * Builds the request of a function from its flat arguments. Arguments should have passed `compileArguments`; what the schema cannot say is
 * refused here: a path argument that would be more than its one segment, or would make the path that of another operation; text that a
 * header cannot carry; numbers without a plain decimal form.
 */
export function buildRequest(transport: HttpTransport, args: Arguments): BuiltRequest {
	const errors: ArgumentError[] = [];
	const head = buildHead(transport, args, errors);
	const body = bodyOf(transport, args, errors);
	if (errors.length > 0) return { ok: false, errors };
	return { ok: true, request: { ...head, ...(body && { body: new TextEncoder().encode(textOf(body)), contentType: body.contentType }) } };
}

/** A character of JSON in UTF-8, percent-encoded as a form has it. */
const bytesOfCharMax = 9;

/**
 * Why {@link buildRequest} would refuse the arguments, or {@link whyTooLarge} the request; undefined where neither does. Writes no body, and
 * measures one only where it may be too large.
 * @param charsMax what the arguments have as JSON text, if that is known
 */
export function whyNoRequest(
	transport: HttpTransport,
	args: Arguments,
	to?: HttpDestination,
	charsMax = Number.POSITIVE_INFINITY,
): { readonly errors: readonly ArgumentError[]; readonly tooLarge?: TooLarge["code"] } | undefined {
	const errors: ArgumentError[] = [];
	const head = buildHead(transport, args, errors);
	const body = bodyOf(transport, args, errors);
	if (errors.length > 0) return { errors };
	if (!to) return undefined;
	// What was renamed may be longer on the wire.
	const isSmall = charsMax * bytesOfCharMax <= to.limits.requestBodyBytesMax && !transport.body?.members.some(isRenamed);
	const tooLarge = whyTooLarge({ ...head, bodyBytes: body && !isSmall ? Buffer.byteLength(textOf(body)) : 0 }, to);
	return tooLarge && { errors: [{ pointer: "", message: tooLarge.message }], tooLarge: tooLarge.code };
}

function isRenamed({ name, argument }: HttpBody["members"][number]): boolean {
	return name !== argument;
}

function buildHead(transport: HttpTransport, args: Arguments, errors: ArgumentError[]) {
	const texts = textsOf(transport, args, errors);
	const path = buildPath(transport, texts, errors);
	return { method: transport.method, path, query: buildQuery(texts, errors), headers: buildHeaders(texts, errors) };
}

type Texts = ReadonlyMap<HttpParameter, readonly string[]>;

function textsOf(transport: HttpTransport, args: Arguments, errors: ArgumentError[]): Texts {
	const texts = new Map<HttpParameter, readonly string[]>();
	for (const parameter of transport.parameters) {
		const pointer = pointerTo(parameter.argument);
		const value = memberOf(args, parameter.argument);
		if (value === undefined) {
			if (parameter.required) errors.push({ pointer, message: "is missing" });
			continue;
		}
		const written = writeTexts(parameter, value);
		if (written === undefined) errors.push({ pointer, message: `expected ${expectedText(parameter)}: it is sent in the ${parameter.in}` });
		else if (written.length === 0) errors.push({ pointer, message: `expected at least one item: it is sent in the ${parameter.in}` });
		else texts.set(parameter, written);
	}
	return texts;
}

function buildPath(transport: HttpTransport, texts: Texts, errors: ArgumentError[]): string {
	const byName = new Map(
		[...texts].filter(([parameter]) => parameter.in === "path").map(([parameter, written]) => [parameter.name, { parameter, written }]),
	);
	const plain: string[] = [];
	const encoded: string[] = [];
	for (const segment of transport.path) {
		const found = "parameter" in segment ? byName.get(segment.parameter) : undefined;
		if (found) refuseSegment(found.parameter, found.written, segment, errors);
		const written = found?.written ?? [];
		plain.push("literal" in segment ? segment.literal : `${segment.prefix}${written.join(",")}${segment.suffix}`);
		encoded.push("literal" in segment ? segment.literal : `${segment.prefix}${written.map(encodeText).join(",")}${segment.suffix}`);
	}
	if (errors.length === 0 && transport.overlaps.some((other) => couldMean(other, plain))) {
		const pointer = pointerTo(transport.parameters.find((parameter) => parameter.in === "path")?.argument ?? "");
		errors.push({ pointer, message: "expected a value that does not make the path that of another operation" });
	}
	return `/${encoded.join("/")}`;
}

function refuseSegment(parameter: HttpParameter, written: readonly string[], segment: PathSegment, errors: ArgumentError[]): void {
	const pointer = pointerTo(parameter.argument);
	for (const [index, text] of written.entries()) {
		const message = parameter.list && text.includes(",") ? "expected no comma: the list is sent in the path" : whyNotASegment(text);
		if (message !== undefined) errors.push({ pointer: parameter.list ? pointer + pointerTo(index) : pointer, message });
	}
	if ("literal" in segment || (segment.prefix === "" && segment.suffix === "")) return;
	// With text around it a harmless value can still become a dot segment: `.` after the prefix `.`.
	const whole = whyNotASegment(`${segment.prefix}${written.join(",")}${segment.suffix}`);
	if (whole !== undefined) errors.push({ pointer, message: whole });
}

function encodeText(text: string): string {
	return text.isWellFormed() ? percentEncode(text) : "";
}

function buildQuery(texts: Texts, errors: ArgumentError[]): string {
	const pairs: string[] = [];
	for (const [parameter, written] of texts) {
		if (parameter.in !== "query") continue;
		const message = written.map(whyNotQueryText).find((reason) => reason !== undefined);
		if (message !== undefined) {
			errors.push({ pointer: pointerTo(parameter.argument), message });
			continue;
		}
		const name = percentEncode(parameter.name);
		if (parameter.list === "commas") pairs.push(`${name}=${written.map(percentEncode).join(",")}`);
		else for (const text of written) pairs.push(`${name}=${percentEncode(text)}`);
	}
	return pairs.join("&");
}

function buildHeaders(texts: Texts, errors: ArgumentError[]): Record<string, string> {
	const headers: [string, string][] = [];
	for (const [parameter, written] of texts) {
		if (parameter.in !== "header") continue;
		for (const text of written) {
			const listMessage =
				parameter.list && (text.includes(",") || text === "")
					? "expected no comma and no empty item: the list is sent as a header"
					: undefined;
			const message = whyNotAHeaderValue(text) ?? listMessage;
			if (message !== undefined) errors.push({ pointer: pointerTo(parameter.argument), message });
		}
		headers.push([parameter.name.toLowerCase(), written.join(",")]);
	}
	return Object.fromEntries(headers);
}

/** A body before it is written. */
type Body = { readonly contentType: string } & ({ readonly json: unknown } | { readonly form: string });

function textOf(body: Body): string {
	return "form" in body ? body.form : JSON.stringify(body.json);
}

function bodyOf(transport: HttpTransport, args: Arguments, errors: ArgumentError[]): Body | undefined {
	const { body } = transport;
	const type = body && typeToSend(body, args);
	const members = bodyMembers(transport, args, type?.encoding, errors);
	if (body === undefined) return undefined;
	if (type === undefined) {
		errors.push({ pointer: pointerTo(body.typeArgument ?? ""), message: "expected a type of body that the function offers" });
		return undefined;
	}
	const { contentType } = type;
	const isNamed = body.typeArgument !== undefined && memberOf(args, body.typeArgument) !== undefined;
	if (body.mode === "body") {
		const value = memberOf(args, body.argument);
		if (value === undefined && (body.required || isNamed)) errors.push({ pointer: pointerTo(body.argument), message: "is missing" });
		return value === undefined ? undefined : { contentType, json: value };
	}
	if (members.length === 0 && !body.required && !isNamed) return undefined;
	if (type.encoding === "form") return { contentType, form: formText(body, args, errors) };
	return { contentType, json: Object.fromEntries(members) };
}

/** The body's members under their wire names. What is not sent must not have been decided about: arguments without a place are refused. */
function bodyMembers(
	transport: HttpTransport,
	args: Arguments,
	encoding: "json" | "form" | undefined,
	errors: ArgumentError[],
): [string, unknown][] {
	const { body } = transport;
	const elsewhere = new Set(transport.parameters.map((parameter) => parameter.argument));
	if (body?.typeArgument !== undefined) elsewhere.add(body.typeArgument);
	if (body?.mode === "body") elsewhere.add(body.argument);
	const wireNames = new Map(body?.members.map((member) => [member.argument, member.name]));
	const declared = new Set(wireNames.values());
	const members: [string, unknown][] = [];
	for (const [argument, value] of Object.entries(args)) {
		if (elsewhere.has(argument)) continue;
		// A member that was renamed has left its own name to nobody: it would be in the body twice.
		const name = wireNames.get(argument) ?? (body?.open && encoding === "json" && !declared.has(argument) ? argument : undefined);
		if (name === undefined) {
			errors.push({ pointer: "", message: "expected only arguments that the function declares" });
			break;
		}
		members.push([name, value]);
	}
	return members;
}

/** `application/x-www-form-urlencoded` (WHATWG URL section 5.2): scalars, and lists of scalars as repeated names. */
function formText(body: HttpBody, args: Arguments, errors: ArgumentError[]): string {
	const form = new URLSearchParams();
	for (const { name, argument, text } of body.members) {
		const value = memberOf(args, argument);
		if (value === undefined || text === undefined) continue;
		const written = writeTexts(text, value);
		const pointer = pointerTo(argument);
		const message = written?.map(whyNotQueryText).find((reason) => reason !== undefined);
		if (written === undefined) errors.push({ pointer, message: `expected ${expectedText(text)}: it is sent as a form` });
		else if (written.length === 0) errors.push({ pointer, message: "expected at least one item: it is sent as a form" });
		else if (message !== undefined) errors.push({ pointer, message });
		else for (const item of written) form.append(name, item);
	}
	return form.toString();
}
