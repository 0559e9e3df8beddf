// Passwords on command lines: options, and what some programs take without a name.
import { hint } from "../names.ts";
import { chars, is, type Scan } from "../scan.ts";
import { isExpression, isPlainWord, looksRandom } from "../values.ts";

export interface Bounds {
	readonly start: number;
	readonly end: number;
}

export const valueCharsMax = 1024;

/** A short option, the programs whose password it is, and what stands in the word before it. */
interface Option {
	readonly sign: string;
	readonly programs: RegExp;
	/** `name:password`, `name%password`. */
	readonly behind?: string;
}

const options: readonly Option[] = [
	{ sign: " -u ", programs: /\b(?:curl|wget|https?|xh)\b/, behind: ":" },
	{ sign: " --user ", programs: /\b(?:curl|wget|https?|xh)\b/, behind: ":" },
	{ sign: " -U ", programs: /\b(?:smbclient|rpcclient|curl)\b/, behind: "%" },
	{
		sign: " -p ",
		programs: /\b(?:sshpass|login|mosquitto_(?:pub|sub)|htpasswd|mongo(?:sh|dump|restore|import|export|stat)?|az|cqlsh|influx|xfreerdp)\b/,
	},
	{ sign: " -p", programs: /\b(?:mysql|mysqldump|mysqladmin|mysqlimport|mariadb|mariadb-dump|sshpass|7z|7za|rar|unrar)\b/ },
	{ sign: " -P ", programs: /\b(?:sqlcmd|bcp|isql|osql|zip|unzip|zipcloak)\b/ },
	{ sign: " -a ", programs: /\b(?:redis-cli|valkey-cli|keydb-cli)\b/ },
	{ sign: " -w ", programs: /\bldap(?:search|modify|add|delete|passwd|compare|whoami)\b/ },
	{ sign: " -N ", programs: /\bssh-keygen\b/ },
];
/** Of Java's tools and PowerShell: long, with one dash. */
const singleDashed = ["-storepass ", "-keypass ", "-srcstorepass ", "-deststorepass ", "-password ", "-Password ", "-ApiKey ", "-Token "];
/** What gives a name its value with nothing but a space between them. */
const verbs = ["ENV ", "setx ", " set ", "#define "];
/** A password that another program is told through a pipe. */
const pipes = ["| sudo -S", "| docker login", "| passwd", "| su "];
/** Words behind a command: how many, the last one being the password. */
const placed: readonly (readonly [sign: string, shape: RegExp])[] = [
	["add_user ", /[\w.@-]{1,64} /y],
	["change_password ", /[\w.@-]{1,64} /y],
	["htpasswd -b", /c? \S{1,200} [\w.@-]{1,64} /y],
	["net use ", /\S{1,200} (?:\S{1,64} ){0,2}?\/user:\S{1,64} /y],
	["-AsPlainText", /(?!)/y],
	["SecureString ", /(?:-String )?(?=["'])/y],
];

const placedSigns = placed.map(([sign]) => sign);
export const commandPrefixes: readonly string[] = [
	"--",
	...options.map(({ sign }) => sign),
	...singleDashed,
	...verbs,
	...pipes,
	...placedSigns,
];

export function boundsInCommand(scan: Scan, start: number, prefix: string): Bounds | undefined {
	const { text } = scan;
	const from = start + prefix.length;
	if (prefix === "--") return boundsAfterOption(scan, start);
	if (singleDashed.includes(prefix)) return is(text, start - 1, chars.space) ? notExpression(scan, wordBounds(scan, from)) : undefined;
	if (verbs.includes(prefix)) return prefix[0] !== " " && is(text, start - 1, chars.alnum) ? undefined : boundsAfterVerb(scan, from);
	if (pipes.includes(prefix)) return boundsBeforePipe(scan, start);
	const shape = placed.find(([sign]) => sign === prefix)?.[1];
	if (!shape) return boundsAfterShortOption(scan, start, prefix);
	const words = scan.match(shape, from);
	return words ? wordBounds(scan, from + words[0].length) : undefined;
}

const option = /--?[A-Za-z][\w.-]{1,62}(?:[ \t]{1,4}|(["'])[ \t]{0,4},\s{0,40}(?=["']))/y;

/** `--api-key hunter2`, `["--api-key", "hunter2"]`. With `=` it is read as an assignment. */
function boundsAfterOption(scan: Scan, start: number): Bounds | undefined {
	const { text } = scan;
	if (start > 0 && !is(text, start - 1, chars.space) && !`"'[,(`.includes(text.charAt(start - 1))) return undefined;
	const match = scan.match(option, start);
	if (!match) return undefined;
	const hints = scan.names.hints(match[0].replace(/^-+|[\s"',]+$/g, ""));
	if ((hints & (hint.password | hint.keyLike)) === 0) return undefined;
	const bounds = notExpression(scan, wordBounds(scan, start + match[0].length));
	if (!bounds) return undefined;
	return (hints & hint.password) !== 0 || looksRandom(writtenIn(scan, bounds)) ? bounds : undefined;
}

function writtenIn(scan: Scan, { start, end }: Bounds): string {
	return scan.text.slice(start, Math.min(end, start + valueCharsMax));
}

/** Neither the next option nor what a program puts there. */
function notExpression(scan: Scan, bounds: Bounds | undefined): Bounds | undefined {
	return !bounds || scan.text[bounds.start] === "-" || isExpression(writtenIn(scan, bounds)) ? undefined : bounds;
}

/** A word, or what stands in quotes. */
export function wordBounds(scan: Scan, from: number): Bounds | undefined {
	const { text } = scan;
	const quote = text.charAt(from);
	if (quote === '"' || quote === "'" || quote === "`") {
		const close = scan.nextUnescaped(quote, from + 1);
		if (close > from + 1 && close - from < valueCharsMax) return { start: from + 1, end: close };
	}
	let end = from;
	for (; end < text.length && !is(text, end, chars.space) && !`"'\`<>`.includes(text.charAt(end)); end++)
		if (text[end] === "\\" && scan.match(escapedQuote, end)) break;
	scan.work += end - from;
	// A sentence's end is not the word's.
	while (end > from && ".,;)".includes(text.charAt(end - 1))) end--;
	return end > from ? { start: from, end } : undefined;
}

/** Of a text in a text in a text: it ends the word. */
const escapedQuote = /\\(?:\\\\){0,7}"/y;

const commandCharsMax = 200;

/** `curl -u name:password`, `mysql -ppassword`, `sshpass -p password`, `redis-cli -a password`. */
function boundsAfterShortOption(scan: Scan, start: number, prefix: string): Bounds | undefined {
	const { text } = scan;
	scan.work += commandCharsMax;
	const before = text.slice(Math.max(0, start - commandCharsMax), start);
	const known = options.find(({ sign, programs }) => sign === prefix && programs.test(before));
	if (!known || (prefix === " -p" && is(text, start + prefix.length, chars.space))) return undefined;
	const bounds = wordBounds(scan, start + prefix.length);
	if (!bounds || known.behind === undefined) return bounds;
	const sign = text.slice(bounds.start, bounds.end).indexOf(known.behind);
	return sign >= 0 ? { start: bounds.start + sign + 1, end: bounds.end } : undefined;
}

const verbValueCharsMin = 4;
const nameAndSpace = /(?:-[a-zA-Z]{1,2} )?[A-Za-z_/][\w./:$-]{2,63}[ \t]{1,4}/y;

/** `ENV DB_PASSWORD hunter2`, `aws configure set aws_secret_access_key …`. */
function boundsAfterVerb(scan: Scan, from: number): Bounds | undefined {
	const name = scan.match(nameAndSpace, from);
	const hints = name ? scan.names.hints(name[0].trimEnd()) : 0;
	if (!name || (hints & (hint.password | hint.keyLike)) === 0) return undefined;
	const bounds = notExpression(scan, wordBounds(scan, from + name[0].length));
	if (!bounds) return undefined;
	const written = writtenIn(scan, bounds);
	if (written.length < verbValueCharsMin) return undefined;
	const isOne = (hints & hint.password) !== 0 ? !isPlainWord(written) && /[\p{N}\p{S}\p{P}]/u.test(written) : looksRandom(written);
	return isOne ? bounds : undefined;
}

/** `echo hunter2 | sudo -S …` */
function boundsBeforePipe(scan: Scan, pipe: number): Bounds | undefined {
	scan.work += commandCharsMax;
	const from = Math.max(0, pipe - commandCharsMax);
	const match = /(?:echo|printf)(?: -\w{1,2})? (["']?)([^"'\s|]+)\1 ?$/.exec(scan.text.slice(from, pipe));
	if (!match) return undefined;
	const start = from + match.index + match[0].lastIndexOf(match[2] ?? "");
	return { start, end: start + (match[2] ?? "").length };
}
