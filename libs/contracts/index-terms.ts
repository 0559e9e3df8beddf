// What an index term can hold: strings are cut at Lucene's limit, so that no document is ever refused for its size.
import { createHash } from "node:crypto";

/** Lucene's `IndexWriter.MAX_TERM_LENGTH`; a longer keyword makes OpenSearch refuse the whole document. */
export const termBytesMax = 32_766;
/** https://docs.opensearch.org/latest/api-reference/document-apis/bulk/: "the document _id must be 512 bytes or less". */
const idBytesMax = 512;
/** A flat value is indexed as one term, `root.root.path=value` in OpenSearch 3.4: names may take this much of it. */
const flatPathBytesMax = 8_192;
/** Stands at the end of what was cut. */
const ellipsis = "…";

/** Cuts a string so that its UTF-8 form has at most `bytesMax` bytes, between characters; lone surrogates, which UTF-8 cannot hold, are replaced. */
export function cutToTerm(value: string, bytesMax = termBytesMax): string {
	const whole = value.toWellFormed();
	// A UTF-16 unit takes at most three bytes: most strings need no second look.
	if (whole.length * 3 <= bytesMax) return whole;
	const bytes = new TextEncoder().encode(whole);
	if (bytes.length <= bytesMax) return whole;
	let end = Math.max(0, bytesMax - 3);
	while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
	return new TextDecoder().decode(bytes.subarray(0, end)) + ellipsis;
}

/** A document's id for an event's id. */
export function documentIdOf(eventId: string): string {
	const id = eventId.toWellFormed();
	return Buffer.byteLength(id) <= idBytesMax ? id : `sha256:${createHash("sha256").update(id).digest("hex")}`;
}

/**
 * A JSON value as a `flat_object` can hold it: always an object (anything else is its `value`), every path and value within one term, and
 * members whose path alone is too long counted instead of named.
 */
export function fitFlat(value: unknown, path: string): Record<string, unknown> {
	const object = typeof value === "object" && value !== null && !Array.isArray(value) ? value : { value };
	return fitMembers(object as Record<string, unknown>, 2 * Buffer.byteLength(path) + 1);
}

function fitMembers(object: Record<string, unknown>, pathBytes: number): Record<string, unknown> {
	const fitted: [string, unknown][] = [];
	let unnamed = 0;
	for (const [name, member] of Object.entries(object)) {
		const wellFormed = name.toWellFormed();
		const bytes = pathBytes + 1 + Buffer.byteLength(wellFormed);
		if (bytes > flatPathBytesMax) unnamed++;
		else fitted.push([wellFormed, fitMember(member, bytes)]);
	}
	if (unnamed > 0) fitted.push([ellipsis, `${unnamed} members with names too long to index`]);
	// Not by assignment: a function's answer may have a member `__proto__`.
	return Object.fromEntries(fitted);
}

function fitMember(member: unknown, pathBytes: number): unknown {
	if (typeof member === "string") return cutToTerm(member, termBytesMax - pathBytes - 1);
	if (Array.isArray(member)) return member.map((item) => fitMember(item, pathBytes));
	if (typeof member === "object" && member !== null) return fitMembers(member as Record<string, unknown>, pathBytes);
	return member;
}
