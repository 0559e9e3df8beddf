// JSON Web Tokens: compact JWS (RFC 7515) and JWE (RFC 7516).
import type { PrefixDetector } from "../detector.ts";
import { markOf } from "../mark.ts";
import { chars, type Scan } from "../scan.ts";

const mark = markOf("jwt");
/** A header longer than this is not parsed: its start alone decides (fail closed). */
const headerCharsMax = 4096;
/** `{"":0}` is the shortest object with a member; in base64url. */
const headerCharsMin = 8;
/** In one run of base64url characters, the places tried as the header's start; more would make the work quadratic. */
const triesMax = 4;
const partsMax = 5;

export const jwtDetector: PrefixDetector = {
	id: "jwt",
	description: "JSON Web Tokens in compact form: three to five base64url parts of which the first is a JSON object.",
	// `{"`, `{ "`, `{` and a line break or tab, in base64url.
	prefixes: ["eyJ", "eyAi", "ewog", "ewoi", "ew0K", "ewkJ", "ewki"],
	findAt,
};

function findAt(scan: Scan, start: number): void {
	const { text } = scan;
	// One long run may hold the prefix many times: its end is looked up once, and only its first few prefixes are tried.
	if (start >= scan.run.end) scan.run = { end: scan.runEnd(start, chars.base64url), tries: 0 };
	const { run } = scan;
	if (run.tries++ >= triesMax || text[run.end] !== ".") return;
	// That there are three parts is cheaper to see than that the first is JSON.
	let end = run.end;
	let parts = 1;
	while (parts < partsMax && text[end] === ".") {
		end = scan.runEnd(end + 1, chars.base64url);
		parts++;
	}
	if (parts < 3 || !isHeader(scan, start, run.end)) return;
	run.tries = triesMax;
	scan.add(start, end, "jwt", mark);
}

function isHeader(scan: Scan, start: number, end: number): boolean {
	if (end - start < headerCharsMin) return false;
	if (end - start > headerCharsMax || scan.doubts.headers <= 0) return true;
	scan.work += end - start;
	try {
		const header: unknown = JSON.parse(Buffer.from(scan.text.slice(start, end), "base64url").toString("utf8"));
		return typeof header === "object" && header !== null;
	} catch {
		scan.doubts.headers--;
		return false;
	}
}
