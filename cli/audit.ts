// `callgate audit`: auditors search the record and read the story of a call.
import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import { callIdPattern, endings } from "#libs/contracts/call.ts";
import { events } from "#libs/contracts/events.ts";
import { CommandFailed } from "./command-failed.ts";
import { type StoryEvent, tellBriefly, tellStory, text } from "./story.ts";

/** What a command touches of the world. */
export interface AuditCommandPorts {
	readonly environment: Readonly<Record<string, string | undefined>>;
	/** One line for standard output, without a line end. */
	readonly print: (line: string) => void;
}

interface Access {
	readonly auditUrl: string;
	readonly token: string;
}

interface Common {
	readonly auditUrl?: string;
	readonly tokenFile?: string;
	readonly json?: true;
}

type SearchOptions = Common & Readonly<Record<(typeof narrowing)[number], string | undefined>>;

const auditUrlDefault = "http://127.0.0.1:7305";
const timeoutMs = 30_000;
const narrowing = ["call", "type", "caller", "connection", "function", "ending", "from", "to", "size", "cursor"] as const;

const examples = `
Examples:
  $ callgate audit search --ending denied --from 2026-01-31
  $ callgate audit search --connection payments "invoice 4711"
  $ callgate audit search --caller dana@example.com --type approval.voted
  $ callgate audit show 01890a5d-ac96-774b-bcce-b302099a8057

Words are looked for in all text that may be seen; "quoted words" stand together, -word must not be there, word* begins so.
Who reads the record is on the record: only members of the group auditors may, and each reading becomes an event.
`;

/** Adds `audit search` and `audit show` to the program. Actions reject with {@link CommandFailed}. */
export function registerAudit(program: Command, { environment, print }: AuditCommandPorts): void {
	const audit = program
		.command("audit")
		.description("Search the record, and read the whole story of a call")
		.addHelpText("after", examples);
	const addCommon = (command: Command) =>
		command
			.option("--json", "print what the API answers, for other programs")
			.option("--audit-url <url>", `where audit listens (or CALLGATE_AUDIT_URL; default ${auditUrlDefault})`)
			.option("--token-file <file>", "file with your token (or CALLGATE_TOKEN)");

	addCommon(audit.command("search").description("Find events, newest first").argument("[words...]", "words to look for"))
		.option("--call <id>", "events of one call", parseCall)
		.option("--type <type>", `one kind of event: ${events.map(({ type }) => type).join(", ")}`)
		.option("--caller <who>", "subject or e-mail of the caller")
		.option("--connection <name>", "calls of one connection")
		.option("--function <name>", "calls of one function")
		.option("--ending <ending>", `how calls ended: ${endings.join(", ")}`)
		.option("--from <time>", "at or after this day or instant (RFC 3339)")
		.option("--to <time>", "before this day or instant")
		.option("--size <n>", "events a page, at most 500")
		.option("--cursor <cursor>", "read on where a page ended")
		.action(async (words: string[], options: SearchOptions) => {
			const query = new URLSearchParams();
			if (words.length > 0) query.set("q", words.join(" "));
			for (const name of narrowing) {
				const value = options[name];
				if (value !== undefined) query.set(name, value);
			}
			const answer = await ask(accessOf(options, environment), `/v1/audit/events?${query}`);
			for (const line of options.json ? [JSON.stringify(answer)] : searchLines(answer)) print(line);
		});

	addCommon(
		audit.command("show").description("Tell everything that happened to one call").argument("<call>", "the call's id", parseCall),
	).action(async (call: string, options: Common) => {
		const answer = await ask(accessOf(options, environment), `/v1/audit/calls/${call}`);
		for (const line of options.json ? [JSON.stringify(answer)] : tellStory(call, answer.events)) print(line);
	});
}

function parseCall(value: string): string {
	if (!new RegExp(callIdPattern).test(value))
		throw new InvalidArgumentError("Expected a call's id, such as the header Callgate-Call shows it.");
	return value;
}

/** @throws {CommandFailed} if there is no token, or it would cross a network in the clear. */
function accessOf({ auditUrl, tokenFile }: Common, environment: AuditCommandPorts["environment"]): Access {
	const url = auditUrl ?? environment.CALLGATE_AUDIT_URL ?? auditUrlDefault;
	if (!URL.canParse(url)) throw new CommandFailed(`The audit URL ${text(url)} is no URL. Give --audit-url or CALLGATE_AUDIT_URL.`);
	const { protocol, hostname } = new URL(url);
	const isHere = ["127.0.0.1", "[::1]", "localhost"].includes(hostname);
	if (protocol !== "https:" && !(protocol === "http:" && isHere)) {
		throw new CommandFailed(`The audit URL ${text(url)} would send your token in the clear. Use https.`);
	}
	return { auditUrl: url.replace(/\/$/, ""), token: tokenOf(tokenFile, environment) };
}

function tokenOf(tokenFile: string | undefined, environment: AuditCommandPorts["environment"]): string {
	const token = tokenFile === undefined ? environment.CALLGATE_TOKEN : readToken(tokenFile);
	if (token === undefined || token.trim() === "") {
		throw new CommandFailed("No token. Put a token of your identity provider into CALLGATE_TOKEN, or name a file with --token-file.");
	}
	return token.trim();
}

function readToken(file: string): string {
	try {
		return readFileSync(file, "utf8");
	} catch (error) {
		const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
		throw new CommandFailed(`The token file ${text(file)} cannot be read${code}.`);
	}
}

interface ApiAnswer {
	readonly events: readonly StoryEvent[];
	readonly next?: string;
	readonly total?: { readonly value: number; readonly exact: boolean };
}

/** @throws {CommandFailed} saying what the API refused and what to do, or that it cannot be reached. */
async function ask({ auditUrl, token }: Access, path: string): Promise<ApiAnswer> {
	const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
	const response = await fetch(`${auditUrl}${path}`, { headers, redirect: "error", signal: AbortSignal.timeout(timeoutMs) }).catch(() => {
		throw new CommandFailed(
			`Audit cannot be reached at ${text(auditUrl)}. Is it running? Another address: --audit-url or CALLGATE_AUDIT_URL.`,
		);
	});
	const body = (await response.json().catch(() => undefined)) as unknown;
	if (!response.ok) throw new CommandFailed(refusalText(response.status, body));
	if (!Array.isArray((body as ApiAnswer | undefined)?.events))
		throw new CommandFailed(`${text(auditUrl)} does not answer like Callgate's audit.`);
	return body as ApiAnswer;
}

function refusalText(status: number, body: unknown): string {
	const problem = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
	if (typeof problem.code !== "string") return `Audit answered ${status}, and not as Callgate's audit would.`;
	const faults = Array.isArray(problem.errors) ? (problem.errors as { pointer?: unknown; message?: unknown }[]) : [];
	const detail = typeof problem.detail === "string" ? `: ${text(problem.detail)}` : "";
	return [
		`${text(problem.title)}${detail} (${status} ${text(problem.code)}).`,
		...faults.map(({ pointer, message }) => `  ${text(pointer)} ${text(message)}`),
		...(typeof problem.advice === "string" ? [text(problem.advice)] : []),
	].join("\n");
}

function searchLines({ events: found, next, total }: ApiAnswer): string[] {
	const count = total ? `${total.exact ? "" : "more than "}${total.value}` : String(found.length);
	if (found.length === 0) return ["Nothing on the record matches. What just happened may take a moment."];
	const more = next === undefined ? [] : ["", `${found.length} of ${count}. Older ones: the same search with --cursor ${text(next)}`];
	return [...found.map(tellBriefly), ...more];
}
