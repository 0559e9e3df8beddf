// `callgate audit`: auditors search the record and read the story of a call.
import type { Command } from "commander";
import { addReachOptions, callIdOf, type ReachOptions, reach } from "./api-client.ts";
import { registerForward } from "./forward/forward-record.ts";
import type { Io } from "./io.ts";
import { registerProving } from "./prove.ts";
import { registerRemask } from "./remask.ts";
import { registerReplay } from "./replay.ts";
import { registerReport } from "./report/report-record.ts";
import { eventsOf, registerSearch } from "./search-record.ts";
import { tellStory } from "./story.ts";
import { safeJson } from "./terminal-text.ts";

const examples = `
Examples:
  $ callgate audit search --ending denied --from 2026-01-31 --zone Europe/Berlin
  $ callgate audit search --connection payments "invoice 4711"
  $ callgate audit search --where data.voter=dana@example.com --where data.verdict=reject --from 30d
  $ callgate audit search --type call.ended --from 24h --limit 100000 --csv > yesterday.csv
  $ callgate audit search --follow --ending denied
  $ callgate audit show 01890a5d-ac96-774b-bcce-b302099a8057
  $ callgate audit replay 01890a5d-ac96-774b-bcce-b302099a8057
  $ callgate audit forward --as ocsf --to file:///var/log/callgate/ocsf.ndjson --state ocsf-state.json
  $ callgate audit report access --since 90d --html > access.html
  $ callgate audit export --store /var/lib/callgate/proof --output record.ndjson
  $ callgate audit verify record.ndjson --key callgate.example.com/record+0a1b2c3d+AQ…
  $ callgate audit prove 01890a5d-ac96-774b-bcce-b302099a8057 --export record.ndjson --key … --output proof.json

Words are looked for in all text that may be seen; "quoted words" stand together, -word must not be there, word* begins so.
--where names a field as --json shows it: FIELD=VALUE, FIELD!=VALUE, FIELD (it is there), and <, <=, >, >= with numbers and times.
export, verify, prove and key ask no service of Callgate: they read files, and export the bucket where the record's tree lies in one.
Who reads it by search, show, replay, remask, forward and report is on the record: only members of the group auditors may, and each reading becomes an event.
`;

/** Adds `audit` with its commands to the program. Actions reject with {@link CommandFailed}. */
export function registerAudit(program: Command, io: Io): void {
	const audit = program
		.command("audit")
		.description("Search the record, read the whole story of a call, and prove it")
		.helpCommand(false)
		.addHelpText("after", examples);
	registerSearch(audit.command("search"), io);
	registerReplay(audit.command("replay"), io);
	registerRemask(audit.command("remask"), io);
	registerForward(audit.command("forward"), io);
	registerReport(audit.command("report"), io);
	const [exporting, verify, prove, key] = [audit.command("export"), audit.command("verify"), audit.command("prove"), audit.command("key")];
	registerProving({ export: exporting, verify, prove, key }, io);
	addReachOptions(
		audit.command("show").description("Tell everything that happened to one call").argument("<call>", "the call's id"),
		"audit",
	).action(async (call: string, options: ReachOptions) => {
		const answer = await (await reach("audit", options, io)).ask("GET", `/v1/audit/calls/${callIdOf(call)}`);
		const found = eventsOf(answer);
		for (const line of options.json ? [safeJson(answer.text)] : tellStory(call, found)) io.print(line);
	});
}
