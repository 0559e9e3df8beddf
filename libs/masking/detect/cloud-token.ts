// Tokens of clouds and vendors, by the prefix that their makers gave them so that they can be found.
import type { PrefixDetector } from "../detector.ts";
import { markOf } from "../mark.ts";
import { chars, is, type Scan } from "../scan.ts";

const mark = markOf("cloud-token");

interface Token {
	readonly vendor: string;
	readonly prefixes: readonly string[];
	/** Class of the characters after the prefix, and how many of them there are at least (and at most, where the length is fixed). */
	readonly body: number;
	readonly min: number;
	readonly max?: number;
	/** The prefix is common in other words: nothing that is part of a word may stand before it. */
	readonly apart?: boolean;
	/** The body must mix letters with digits: words joined with dashes are not a token. */
	readonly mixed?: boolean;
	/** The prefix is a parameter's name and stays. */
	readonly keepPrefix?: boolean;
	/** Dots join further parts. */
	readonly dotted?: boolean;
}

/** From the vendors' documentation of their formats. Anything longer than `min` is covered whole, so that new lengths are not missed. */
const tokens: readonly Token[] = [
	{ vendor: "AWS access key id", prefixes: ["AKIA", "ASIA", "ABIA", "ACCA"], body: chars.digit | chars.upper, min: 16, max: 16 },
	{ vendor: "Google API key", prefixes: ["AIza"], body: chars.base64url, min: 35 },
	{ vendor: "Google OAuth", prefixes: ["ya29.", "GOCSPX-"], body: chars.base64url, min: 20, dotted: true },
	{
		vendor: "Azure storage and service bus",
		prefixes: ["AccountKey=", "SharedAccessKey=", "accountkey=", "sharedaccesskey="],
		body: chars.base64,
		min: 20,
		keepPrefix: true,
	},
	{ vendor: "Azure SAS signature", prefixes: ["sig="], body: chars.base64, min: 40, keepPrefix: true },
	{ vendor: "GitHub", prefixes: ["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], body: chars.alnum, min: 30 },
	{ vendor: "GitHub fine-grained", prefixes: ["github_pat_"], body: chars.base64url, min: 30 },
	{
		vendor: "GitLab",
		prefixes: ["glpat-", "gloas-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "glsoat-"],
		body: chars.base64url,
		min: 20,
		dotted: true,
	},
	{
		vendor: "Slack",
		prefixes: ["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxe.xox", "xoxc-", "xoxd-", "xapp-"],
		body: chars.base64url,
		min: 10,
	},
	{
		vendor: "Slack webhook",
		prefixes: ["hooks.slack.com/services/", "hooks.slack.com/workflows/"],
		body: chars.base64,
		min: 20,
		keepPrefix: true,
	},
	{ vendor: "Stripe", prefixes: ["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"], body: chars.alnum, min: 10 },
	{ vendor: "Anthropic", prefixes: ["sk-ant-"], body: chars.base64url, min: 20 },
	{ vendor: "OpenAI", prefixes: ["sk-proj-", "sk-svcacct-", "sk-admin-", "sk-"], body: chars.base64url, min: 20, apart: true, mixed: true },
	{ vendor: "npm", prefixes: ["npm_"], body: chars.alnum, min: 36 },
	{ vendor: "PyPI", prefixes: ["pypi-"], body: chars.base64url, min: 50 },
	{ vendor: "SendGrid", prefixes: ["SG."], body: chars.base64url, min: 16, apart: true, dotted: true, mixed: true },
	{ vendor: "Twilio", prefixes: ["SK", "AC"], body: chars.hex, min: 32, max: 32, apart: true },
	{ vendor: "HashiCorp Vault", prefixes: ["hvs.", "hvb.", "hvr."], body: chars.base64url, min: 20 },
	{ vendor: "Hugging Face", prefixes: ["hf_"], body: chars.alnum, min: 30, apart: true },
	{ vendor: "DigitalOcean", prefixes: ["dop_v1_", "doo_v1_", "dor_v1_"], body: chars.hex, min: 32 },
	{ vendor: "Shopify", prefixes: ["shpat_", "shpss_", "shpca_", "shppa_"], body: chars.hex, min: 32 },
	{ vendor: "age", prefixes: ["AGE-SECRET-KEY-1"], body: chars.digit | chars.upper, min: 40 },
];

const byPrefix = new Map(tokens.flatMap((token) => token.prefixes.map((prefix) => [prefix, token] as const)));

export const cloudTokenDetector: PrefixDetector = {
	id: "cloud-token",
	description: `Tokens with a vendor's prefix: ${tokens.map((token) => token.vendor).join(", ")}; and an AWS secret access key near its id.`,
	prefixes: [...byPrefix.keys()],
	findAt,
};

function findAt(scan: Scan, start: number, prefix: string): void {
	const token = byPrefix.get(prefix);
	if (!token) return;
	const { text } = scan;
	if (token.apart && (is(text, start - 1, chars.base64url) || text[start - 1] === ".")) return;
	const from = start + prefix.length;
	let end = scan.runEnd(from, token.body);
	const length = end - from;
	if (length < token.min || (token.max !== undefined && length > token.max)) return;
	if (token.max !== undefined && is(text, end, chars.alnum)) return;
	if (token.mixed && !isMixed(text.slice(from, Math.min(end, from + 256)))) return;
	while (token.dotted && text[end] === "." && is(text, end + 1, token.body)) end = scan.runEnd(end + 1, token.body);
	scan.add(token.keepPrefix ? from : start, end, "cloud-token", mark);
	if (token.body === (chars.digit | chars.upper) && token.max === 16) findAwsSecret(scan, start, end);
}

function isMixed(body: string): boolean {
	return /[0-9]/.test(body) && /[A-Za-z]/.test(body) && /[A-Z]|[0-9].*[0-9].*[0-9]/.test(body);
}

const nearbyChars = 200;
const awsSecretChars = 40;

/** The secret of an AWS key has no prefix: 40 characters of base64 with both cases and digits, within sight of the id. */
function findAwsSecret(scan: Scan, start: number, end: number): void {
	const from = Math.max(0, start - nearbyChars);
	const near = scan.text.slice(from, end + nearbyChars);
	scan.work += near.length;
	for (const match of near.matchAll(/[A-Za-z0-9/+]+/g)) {
		const run = match[0];
		if (run.length !== awsSecretChars || !/[a-z]/.test(run) || !/[A-Z]/.test(run) || !/[0-9]/.test(run)) continue;
		scan.add(from + match.index, from + match.index + run.length, "cloud-token", mark);
	}
}
