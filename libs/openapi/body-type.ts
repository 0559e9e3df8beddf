// The media type of a body: which of those that the document offers a request is in, and how a call says it.
import { MIMEType } from "node:util";
import { memberOf } from "#libs/functions/schema.ts";
import type { BodyType, HttpBody, HttpTransport } from "./http-transport.ts";

/**
 * A media type in one spelling (RFC 9110 section 8.3.1): lower case, and without `charset=utf-8`, which is what JSON and forms are written in.
 * Every other parameter stays: it may change what the body means. Undefined where it is none.
 */
export function mediaTypeOf(text: string): string | undefined {
	if (text.length > 256) return undefined;
	try {
		const type = new MIMEType(text);
		if (/^utf-?8$/i.test(type.params.get("charset") ?? "")) type.params.delete("charset");
		return String(type);
	} catch {
		return undefined;
	}
}

/** What the document offers under the type that a request names; undefined where it does not offer it. */
export function offeredType({ types }: HttpBody, contentType: string): BodyType | undefined {
	const wanted = mediaTypeOf(contentType);
	return types.find((type) => type.contentType === wanted);
}

/** The type that a call's body is sent in: the one it names, else the first. Undefined where it names one that is not offered. */
export function typeToSend({ types, typeArgument }: HttpBody, args: Readonly<Record<string, unknown>>): BodyType | undefined {
	const named = typeArgument === undefined ? undefined : memberOf(args, typeArgument);
	return named === undefined ? types[0] : types.find(({ contentType }) => contentType === named);
}

/**
 * The arguments with the body's type written out where the caller may choose and did not: policy, approvers and the digest then see the one
 * that is sent, and a rule about it cannot be got around by leaving it out.
 */
export function withBodyType<Args extends Readonly<Record<string, unknown>>>({ body, parameters }: HttpTransport, args: Args): Args {
	if (body?.typeArgument === undefined || body.types.length < 2 || Object.hasOwn(args, body.typeArgument)) return args;
	const elsewhere = new Set(parameters.map(({ argument }) => argument));
	const hasBody = body.required || Object.keys(args).some((name) => !elsewhere.has(name));
	return hasBody ? { ...args, [body.typeArgument]: body.types[0]?.contentType } : args;
}
