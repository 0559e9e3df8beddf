// `callgate audit`: auditors search the record and read the story of a call.
import type { Command } from "commander";
import { endings } from "#libs/contracts/call.ts";
import { events } from "#libs/contracts/events.ts";
import { addReachOptions, callIdOf, type ReachOptions, reach } from "./api-client.ts";
import { CommandFailed, exitCodes } from "./command-failed.ts";
import type { Io } from "./io.ts";
import { registerProving } from "./prove.ts";
import { type StoryEvent, tellBriefly, tellStory } from "./story.ts";
import { safeJson, safeLine } from "./terminal-text.ts";

type SearchOptions = ReachOptions & Readonly<Record<(typeof narrowing)[number], string | undefined>>;

const narrowing = ["call", "type", "caller", "connection", "function", "ending", "from", "to", "size", "cursor"] as const;

const examples = `
Examples:
  $ callgate audit search --ending denied --from 2026-01-31
  $ callgate audit search --connection payments "invoice 4711"
  $ callgate audit search --caller dana@example.com --type approval.voted
  $ callgate audit show 01890a5d-ac96-774b-bcce-b302099a8057
  $ callgate audit export --store /var/lib/callgate/proof --output record.ndjson
  $ callgate audit verify record.ndjson --key callgate.example.com/record+0a1b2c3d+AQ…
  $ callgate audit prove 01890a5d-ac96-774b-bcce-b302099a8057 --export record.ndjson --key … --output proof.json

Words are looked for in all text that may be seen; "quoted words" stand together, -word must not be there, word* begins so.
export, verify, prove and key ask no server: they read files.
Who reads it by search and show is on the record: only members of the group auditors may, and each reading becomes an event.
`;

/** Adds `audit` with its commands to the program. Actions reject with {@link CommandFailed}. */
export function registerAudit(program: Command, io: Io): void {
	const audit = program
		.command("audit")
		.description("Search the record, read the whole story of a call, and prove it")
		.addHelpText("after", examples);
	addReachOptions(audit.command("search").description("Find events, newest first").argument("[words...]", "words to look for"), "audit")
		.option("--call <id>", "events of one call")
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
			if (options.call !== undefined) callIdOf(options.call);
			const query = new URLSearchParams();
			if (words.length > 0) query.set("q", words.join(" "));
			for (const name of narrowing) {
				const value = options[name];
				if (value !== undefined) query.set(name, value);
			}
			const answer = await ask(options, io, `/v1/audit/events?${query}`);
			for (const line of options.json ? [safeJson(answer.text)] : searchLines(answer)) io.print(line);
		});

	const [exporting, verify, prove, key] = [audit.command("export"), audit.command("verify"), audit.command("prove"), audit.command("key")];
	registerProving({ export: exporting, verify, prove, key }, io);
	addReachOptions(
		audit.command("show").description("Tell everything that happened to one call").argument("<call>", "the call's id"),
		"audit",
	).action(async (call: string, options: ReachOptions) => {
		const answer = await ask(options, io, `/v1/audit/calls/${callIdOf(call)}`);
		for (const line of options.json ? [safeJson(answer.text)] : tellStory(call, answer.events)) io.print(line);
	});
}

interface ApiAnswer {
	readonly events: readonly StoryEvent[];
	readonly next?: string;
	readonly total?: { readonly value: number; readonly exact: boolean };
}

/** What audit answers. @throws {CommandFailed} also where it is not the answer of an audit */
async function ask(options: ReachOptions, io: Io, path: string): Promise<ApiAnswer & { readonly text: string }> {
	const { text, value } = await (await reach("audit", options, io)).ask("GET", path);
	if (!Array.isArray((value as ApiAnswer).events))
		throw new CommandFailed("What answers is not Callgate's audit service. Is --audit-url or CALLGATE_AUDIT_URL right?", {
			exitCode: exitCodes.unreachable,
		});
	return { ...(value as ApiAnswer), text };
}

function searchLines({ events: found, next, total }: ApiAnswer): string[] {
	const count = total ? `${total.exact ? "" : "more than "}${total.value}` : String(found.length);
	if (found.length === 0) return ["Nothing on the record matches. What just happened may take a moment."];
	const more = next === undefined ? [] : ["", `${found.length} of ${count}. Older ones: the same search with --cursor ${safeLine(next)}`];
	return [...found.map(tellBriefly), ...more];
}
