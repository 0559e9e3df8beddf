// Addresses of the internet: IPv4 (RFC 791) and IPv6 (RFC 4291 section 2.2, RFC 5952).
import type { ShapeDetector } from "../detector.ts";
import { markOf } from "../mark.ts";
import { chars, is, type Scan } from "../scan.ts";

const mark = markOf("ip-address");

export const ipAddressDetector: ShapeDetector = {
	id: "ip-address",
	description:
		"IPv4 and IPv6 addresses, in URLs and with a port too. Not masked: what this host itself is called in a URL (127.0.0.1), network masks, versions.",
	worthwhile: (scan) => (scan.digits >= 4 && scan.dots >= 3) || (scan.colons >= 2 && scan.digits >= 1),
	find(scan) {
		if (scan.dots >= 3) findFour(scan);
		if (scan.colons >= 2) findSix(scan);
	},
};

function findFour(scan: Scan): void {
	const { text } = scan;
	const { starts, ends } = scan.digitGroups();
	for (let group = 0; group + 3 < starts.length; group++) {
		const start = starts[group] ?? 0;
		if (text[ends[group] ?? 0] !== "." || text[start - 1] === "." || isWordBefore(text, start)) continue;
		let at = group;
		while (at < group + 3 && isOctet(text, starts[at], ends[at]) && starts[at + 1] === (ends[at] ?? 0) + 1 && text[ends[at] ?? 0] === ".")
			at++;
		scan.work += 4;
		if (at < group + 3 || !isOctet(text, starts[at], ends[at])) continue;
		const end = ends[at] ?? 0;
		if (
			is(text, end, chars.alnum) ||
			text[end] === "_" ||
			((text[end] === "." || text[end] === "-") && is(text, end + 1, chars.digit)) ||
			(text[end] === "-" && is(text, end + 1, chars.lower))
		)
			continue;
		if (!isOther(scan, start, end)) scan.add(start, end, "ip-address", mark);
		group = at;
	}
}

/** `v1.2.3.4`, `a-1.2.3.4`. After an underscore an address may stand: `ip_10.0.0.1`. */
function isWordBefore(text: string, start: number): boolean {
	return is(text, start - 1, chars.alnum) || (text[start - 1] === "-" && is(text, start - 2, chars.alnum));
}

function isOctet(text: string, start = 0, end = 0): boolean {
	return end - start <= 3 && Number(text.slice(start, end)) <= 255 && (end - start === 1 || text[start] !== "0");
}

const wordsCharsMax = 24;
const versionWords =
	/(?:version|versions|release|released|section|chapter|revision|upgrade|update|updated to|firmware|kernel|§|(?<![A-Za-z])(?:build|rev|ver|v|driver|clause|figure|table|oid))\W{0,3}(?:is |to |of |from |number )?["']?$/i;

/** A version, a section, a network mask, this host. */
function isOther(scan: Scan, start: number, end: number): boolean {
	const { text } = scan;
	const address = text.slice(start, end);
	if (address.startsWith("255.255.") || address === "0.0.0.0") return true;
	const isInUrl = text[start - 1] === "/" && text[start - 2] === "/";
	if (isInUrl) return address.startsWith("127.");
	// `Chrome/120.0.0.0`.
	if (text[start - 1] === "/" && is(text, start - 2, chars.letter) && address.endsWith(".0")) return true;
	scan.work += wordsCharsMax;
	return versionWords.test(text.slice(Math.max(0, start - wordsCharsMax), start));
}

const groupsMax = 8;
const charsMax = 46;

function findSix(scan: Scan): void {
	const { text } = scan;
	let from = 0;
	for (let colon = text.indexOf(":"); colon >= 0; colon = text.indexOf(":", Math.max(from, colon + 1))) {
		let start = colon;
		while (start > from && colon - start < 4 && is(text, start - 1, chars.hex)) start--;
		let end = colon;
		while (end < text.length && end - start < charsMax && (is(text, end, chars.hex) || text[end] === ":" || text[end] === ".")) end++;
		scan.work += end - start + 2;
		from = Math.max(colon + 1, end);
		while (end > start && (text[end - 1] === "." || (text[end - 1] === ":" && text[end - 2] !== ":"))) end--;
		if (is(text, start - 1, chars.alnum) || is(text, end, chars.alnum) || text[start - 1] === "_" || text[start - 1] === ":") continue;
		if (!isSix(text.slice(start, end))) continue;
		const zone = scan.match(/%[A-Za-z0-9.]{1,16}/y, end);
		scan.add(start, end + (zone?.[0].length ?? 0), "ip-address", mark);
	}
}

function isSix(address: string): boolean {
	if (!/\d/.test(address) || address === "::1") return false;
	const [head = "", tail, ...more] = address.split("::");
	if (more.length > 0) return false;
	const groups = [...(head === "" ? [] : head.split(":")), ...(tail === undefined || tail === "" ? [] : tail.split(":"))];
	const last = groups.at(-1) ?? "";
	const isMapped = last.includes(".");
	if (isMapped && !/^(?:\d{1,3}\.){3}\d{1,3}$/.test(last)) return false;
	const count = groups.length + (isMapped ? 1 : 0);
	if (tail === undefined ? count !== groupsMax : count >= groupsMax || groups.length === 0) return false;
	// Eight pairs are a fingerprint.
	if (tail === undefined && groups.every((group) => group.length === 2)) return false;
	return groups.every((group, at) => (isMapped && at === groups.length - 1) || /^[0-9A-Fa-f]{1,4}$/.test(group));
}
