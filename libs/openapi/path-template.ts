// Path templates: taken apart, compared, and matched against the raw path of a request.
import type { PathSegment } from "./http-transport.ts";

/** RFC 3986 pchar without percent-encoding: what a template may say literally. */
const literalPattern = /^[A-Za-z0-9\-._~!$&'()*+,;=:@]*$/;
/** Longest path and most segments that are looked at; longer ones match nothing. */
const pathCharsMax = 8_192;
const segmentsMax = 64;

/** Takes `/accounts/{id}/transfers` apart. At most one parameter in a segment: two could be split in more than one way. */
export function parsePathTemplate(
	template: string,
): { readonly ok: true; readonly path: readonly PathSegment[] } | { readonly ok: false; readonly message: string } {
	if (!template.startsWith("/")) return { ok: false, message: "expected a path that starts with /" };
	const texts = template.slice(1).split("/");
	if (template.length > pathCharsMax || texts.length > segmentsMax)
		return { ok: false, message: `expected at most ${segmentsMax} path segments` };
	const path: PathSegment[] = [];
	for (const [index, text] of texts.entries()) {
		const segment = parseSegment(text, index === texts.length - 1);
		if (typeof segment === "string") return { ok: false, message: segment };
		path.push(segment);
	}
	const names = path.flatMap((segment) => ("parameter" in segment ? [segment.parameter] : []));
	const twice = names.find((name, index) => names.indexOf(name) !== index);
	if (twice !== undefined) return { ok: false, message: `found the parameter {${twice}} twice, expected each parameter once` };
	return { ok: true, path };
}

function parseSegment(text: string, last: boolean): PathSegment | string {
	const parts = /^([^{}]*)(?:\{([^{}]+)\}([^{}]*))?$/.exec(text);
	if (!parts) return `found the segment "${text}", expected at most one {parameter} in a segment`;
	const [, prefix = "", parameter, suffix = ""] = parts;
	if (!literalPattern.test(prefix) || !literalPattern.test(suffix)) {
		return `found the segment "${text}", expected letters, digits and -._~!$&'()*+,;=:@ outside the braces`;
	}
	if (parameter !== undefined) return { prefix, parameter, suffix };
	// A trailing slash is an empty last segment and part of the path's name; anywhere else it is a mistake.
	if (prefix === "" && !last) return "found an empty path segment, expected text between the slashes";
	if (isDotSegment(prefix)) return `found the segment "${prefix}", expected no dot segments`;
	return { literal: prefix };
}

/** `.` and `..` (RFC 3986 section 5.2.4), which clients and servers remove before they route. */
export function isDotSegment(segment: string): boolean {
	return segment === "." || segment === "..";
}

/**
 * Why a text may not be one path segment, or undefined. An argument that passes can neither add a segment nor be read as anything but itself
 * by a server that decodes once more or splits on decoded slashes.
 */
export function whyNotASegment(value: string): string | undefined {
	if (value === "") return "expected at least one character: it is part of the path";
	if (value.length > 2_048) return "expected at most 2048 characters: it is part of the path";
	if (isDotSegment(value)) return "expected no dot segment: it is part of the path";
	if (/[/\\]/.test(value)) return "expected no slash or backslash: it is one segment of the path";
	if (/\p{Cc}/u.test(value)) return "expected no control characters: it is part of the path";
	if (/%[0-9A-Fa-f]{2}/.test(value)) return "expected no percent-encoding: it is encoded when the path is built";
	if (!value.isWellFormed()) return "expected well-formed Unicode: it is part of the path";
	return undefined;
}

/** Percent-encodes everything but RFC 3986 unreserved characters. The text must be well-formed. */
export function percentEncode(value: string): string {
	return encodeURIComponent(value).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/**
 * Decodes one raw path segment once and refuses what two readers could read in two ways: encoded slashes, backslashes, dots and percent signs
 * before hexadecimal digits (double encoding), malformed UTF-8, control characters, dot segments.
 */
export function decodeSegment(raw: string): string | undefined {
	if (/%2e/i.test(raw) || !/^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})*$/.test(raw)) return undefined;
	let text: string;
	try {
		text = decodeURIComponent(raw);
	} catch {
		return undefined;
	}
	return text === "" || whyNotASegment(text) === undefined ? text : undefined;
}

/** The decoded segments of a raw request path (no query), or undefined where it is ambiguous. */
export function decodePath(raw: string): readonly string[] | undefined {
	if (!raw.startsWith("/") || raw.length > pathCharsMax) return undefined;
	const texts = raw.slice(1).split("/");
	if (texts.length > segmentsMax) return undefined;
	const decoded: string[] = [];
	for (const [index, text] of texts.entries()) {
		const segment = decodeSegment(text);
		if (segment === undefined || (segment === "" && index !== texts.length - 1)) return undefined;
		decoded.push(segment);
	}
	return decoded;
}

/** The parameters' values if the decoded segments are an instance of the template. */
export function matchPath(path: readonly PathSegment[], segments: readonly string[]): Record<string, string> | undefined {
	if (path.length !== segments.length) return undefined;
	const values: [string, string][] = [];
	for (const [index, segment] of path.entries()) {
		const text = segments[index] ?? "";
		if ("literal" in segment) {
			if (segment.literal !== text) return undefined;
			continue;
		}
		const { prefix, suffix, parameter } = segment;
		// Longer than its surroundings: an empty value would be another path to some servers.
		if (text.length <= prefix.length + suffix.length || !text.startsWith(prefix) || !text.endsWith(suffix)) return undefined;
		values.push([parameter, text.slice(prefix.length, text.length - suffix.length)]);
	}
	return Object.fromEntries(values);
}

/** Whether a server might take these segments for the template: letter case and a trailing slash are nothing to many routers. */
export function couldMean(path: readonly PathSegment[], segments: readonly string[]): boolean {
	const lower = (text: string): string => text.toLowerCase();
	const folded = withoutTrailingSlash(path).map((segment): PathSegment => {
		if ("literal" in segment) return { literal: lower(segment.literal) };
		return { prefix: lower(segment.prefix), parameter: segment.parameter, suffix: lower(segment.suffix) };
	});
	const texts = segments.length > 1 && segments.at(-1) === "" ? segments.slice(0, -1) : segments;
	return matchPath(folded, texts.map(lower)) !== undefined;
}

function withoutTrailingSlash(path: readonly PathSegment[]): readonly PathSegment[] {
	const last = path.at(-1);
	return path.length > 1 && last !== undefined && "literal" in last && last.literal === "" ? path.slice(0, -1) : path;
}

/**
 * The other templates that `path` could write an instance of. Where `path` is the more specific of the two in every segment, the instance is
 * its own and the other gives way (OpenAPI: "concrete definitions are matched first"), so that one is not among them.
 */
export function overlapsOf(path: readonly PathSegment[], others: readonly (readonly PathSegment[])[]): (readonly PathSegment[])[] {
	// Without a parameter there is one instance, which no argument can change.
	if (path.every((segment) => "literal" in segment)) return [];
	const mine = withoutTrailingSlash(path);
	return others.filter((other) => {
		const theirs = withoutTrailingSlash(other);
		if (theirs.length !== mine.length) return false;
		let strictlyMoreSpecific = false;
		let lessSpecific = false;
		for (const [index, segment] of mine.entries()) {
			const their = theirs[index];
			if (their === undefined || !segmentsOverlap(segment, their)) return false;
			const difference = specificity(segment) - specificity(their);
			if (difference > 0) strictlyMoreSpecific = true;
			if (difference < 0) lessSpecific = true;
		}
		return lessSpecific || !strictlyMoreSpecific;
	});
}

/** Equal for templates that no router can be trusted to tell apart: the same but for parameter names, letter case and a trailing slash. */
export function shapeOf(path: readonly PathSegment[]): string {
	const texts = withoutTrailingSlash(path).map((segment) =>
		"literal" in segment ? segment.literal : `${segment.prefix}{}${segment.suffix}`,
	);
	return texts.join("/").toLowerCase();
}

function specificity(segment: PathSegment): number {
	return "literal" in segment ? Number.POSITIVE_INFINITY : segment.prefix.length + segment.suffix.length;
}

function segmentsOverlap(one: PathSegment, other: PathSegment): boolean {
	const fold = (text: string): string => text.toLowerCase();
	if ("literal" in one && "literal" in other) return fold(one.literal) === fold(other.literal);
	if ("literal" in one) return segmentsOverlap(other, one);
	if ("literal" in other) return couldMean([one], [other.literal]);
	const [prefix, otherPrefix, suffix, otherSuffix] = [one.prefix, other.prefix, one.suffix, other.suffix].map(fold);
	const prefixes = (prefix ?? "").startsWith(otherPrefix ?? "") || (otherPrefix ?? "").startsWith(prefix ?? "");
	const suffixes = (suffix ?? "").endsWith(otherSuffix ?? "") || (otherSuffix ?? "").endsWith(suffix ?? "");
	return prefixes && suffixes;
}
