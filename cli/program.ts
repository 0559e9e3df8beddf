// The program with all its commands, and what each way to end means for whoever reads it.
import { Command, CommanderError } from "commander";
import { serviceUrl } from "#libs/service/port-plan.ts";
import manifest from "../package.json" with { type: "json" };
import { registerApprovals } from "./approvals.ts";
import { registerAudit } from "./audit.ts";
import { registerCall } from "./call.ts";
import { registerCheck } from "./check.ts";
import { CommandFailed, exitCodes } from "./command-failed.ts";
import { registerDoctor } from "./doctor.ts";
import { registerFunctions } from "./functions.ts";
import type { Io } from "./io.ts";
import { registerMcp } from "./mcp.ts";
import { registerPull } from "./pull.ts";
import { registerSecret } from "./secret.ts";
import { ProgramEnded, registerStart } from "./start.ts";
import { safeJson, safeLines } from "./terminal-text.ts";

const introduction = `
Callgate is the only way to functions that can move money, delete data or leak it. It knows who calls, decides by policy,
asks people where the policy says so, makes the call with a credential the caller never sees, and records everything.

Where to begin:
  callgate functions                          what you may call, with its arguments
  callgate call bank getAccount --arg id=1    make a call and wait for its answer
  callgate mcp config --client claude-code    let an MCP client call them, under policy
  callgate approvals                          what waits for your decision
  callgate audit show CALL                    the whole story of one call
  callgate check ./configuration              what is wrong with a configuration, and where
  callgate pull ./configuration tools         pin what an MCP server says that it has
  callgate doctor                             whether an installation is well, and what it would survive
  callgate COMMAND --help                     everything about one command, with examples

Who you are: a token of your identity provider, in a file (--token-file) or in CALLGATE_TOKEN. It cannot be given as an
argument: other users of the machine could read it in \`ps\`, and the shell would keep it in its history.

Where Callgate is (an option wins over the variable):
  --url           CALLGATE_URL            calls and functions   default ${serviceUrl("ingress")}
  --approval-url  CALLGATE_APPROVAL_URL   approvals             default ${serviceUrl("approval")}
  --audit-url     CALLGATE_AUDIT_URL      the record            default ${serviceUrl("audit")}

Results go to standard output, everything else to standard error. --json prints what the API answers, for other programs;
an error is then one line of JSON on standard error.

Exit codes:
  0  done                    1  refused, or it failed      2  wrong usage
  3  cannot be reached       4  the call is accepted and still waits (callgate call)
`;

/** Runs one command line, without the program's name; resolves with what the process exits with. */
export async function runCommand(args: readonly string[], io: Io): Promise<number> {
	let isJson = false;
	const program = createProgram(io).hook("preAction", (_program, command) => {
		isJson = command.optsWithGlobals<{ json?: true }>().json ?? false;
	});
	try {
		await program.parseAsync(args, { from: "user" });
		return exitCodes.ok;
	} catch (error) {
		if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.wrongUsage;
		if (error instanceof ProgramEnded) return error.exitCode;
		const failed = error instanceof CommandFailed ? error : unexpected(error);
		tellFailure(failed, isJson, io);
		return failed.exitCode;
	}
}

function createProgram(io: Io): Command {
	const program = new Command("callgate")
		.version(manifest.version, "-V, --version", "print which version this is")
		.description("Governed function calls: decided by policy, approved by people, recorded.")
		// `call` and `call show` have options of one name; each belongs to the command that it follows.
		.enablePositionalOptions()
		.exitOverride()
		.showHelpAfterError("(add --help for an explanation and examples)")
		.configureOutput({
			writeOut: (text) => io.print(text.trimEnd()),
			writeErr: (text) => io.tell(text.trimEnd()),
			outputError: (text, write) => write(`callgate: ${withoutValues(text)}`),
		})
		.helpCommand(false)
		.addHelpText("after", introduction);
	for (const register of [
		registerCall,
		registerFunctions,
		registerMcp,
		registerApprovals,
		registerAudit,
		registerSecret,
		registerPull,
		registerCheck,
		registerDoctor,
		registerStart,
	]) {
		register(program, io);
	}
	return program;
}

/** An option that nobody knows may hold what nobody should see: `--password=…`. */
function withoutValues(text: string): string {
	return text.replace(/'(-[^'=\s]*)=[^']*'/gs, "'$1=…'");
}

function tellFailure({ message, exitCode, shown }: CommandFailed, isJson: boolean, io: Io): void {
	if (isJson) io.tell(safeJson(JSON.stringify({ exitCode, message, ...shown })));
	else for (const line of safeLines(`callgate: ${message}`)) io.tell(line);
}

/** A mistake of ours. Its message may hold anything, so only its kind and place are told. */
function unexpected(error: unknown): CommandFailed {
	const place = error instanceof Error ? (/\((?:file:\/\/)?[^()]*\/(\w[\w/.-]*:\d+):\d+\)/.exec(error.stack ?? "")?.[1] ?? "") : "";
	const kind = error instanceof Error ? error.name : typeof error;
	return new CommandFailed(
		`The command failed in a way that nobody expected (${kind}${place && ` at ${place}`}). Please report this with the command you typed, without its secrets.`,
	);
}
