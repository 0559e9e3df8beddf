// `callgate call`: makes a call and waits for its answer; shows, watches and cancels calls that were made.
import type { Command } from "commander";
import { didYouMean } from "#libs/configuration/nearest.ts";
import { isJsonObject, type JsonObject } from "#libs/contracts/json.ts";
import type { Step } from "../client/steps.ts";
import { type Answer, type ApiClient, addReachOptions, callIdOf, type ReachOptions, reach } from "./api-client.ts";
import { argumentValues, twice } from "./argument-values.ts";
import { CommandFailed, exitCodes, wrongUsage } from "./command-failed.ts";
import { followCall, tellStep } from "./follow-call.ts";
import type { Io } from "./io.ts";
import { listOf, recordOf } from "./problem.ts";
import { argumentBytesMax, parseObject, readTextOrInput } from "./read-input.ts";
import { acceptedCall, showEnding, showStanding } from "./show-answer.ts";
import { safeJson, safeLine } from "./terminal-text.ts";

interface CallOptions extends ReachOptions {
	readonly arg?: readonly string[];
	readonly jsonArgs?: string;
	readonly argsFile?: string;
	readonly reason?: string;
	/** `false` for `--no-wait`. */
	readonly wait: string | false;
	readonly idempotencyKey?: string;
}

const waitSecondsDefault = 60;
/** As long as a call can wait for people. */
const waitSecondsMax = 7 * 86_400;
/** Most calls end at once: they cost one request. What takes longer is followed, so that it can be told what it waits for. */
const firstWaitSeconds = 2;

const examples = `
Arguments: --arg name=value, as often as needed. The value becomes what the function's schema says (text, number, true or
false, a list as JSON); where the schema leaves that open, say it with --json-args '{"name": value}' or --args-file FILE
(- reads standard input). \`callgate functions CONNECTION\` shows them.

A call that policy holds waits for people: it is told whom it waits for and until when, and the command goes on waiting
up to --wait seconds. Giving up, or Ctrl-C, cancels nothing: ask later with \`callgate call show CALL\`.

Examples:
  $ callgate call bank getAccount --arg id=acc-1
  $ callgate call bank createTransfer --json-args '{"amount": 250, "currency": "EUR"}' --reason "invoice 4711"
  $ callgate call bank createTransfer --args-file transfer.json --idempotency-key invoice-4711 --wait 1800
  $ callgate call bank closeAccount --arg id=acc-1 --no-wait --json
  $ callgate call watch 01890a5d-ac96-774b-bcce-b302099a8057

The function's answer goes to standard output, everything else to standard error: \`callgate call … | jq .balance\` works.
What would control a terminal is shown as \\u{…}; --json gives the answer unchanged.

Exit codes: 0 completed; 1 refused, failed, or the function itself answered with an error (4xx, 5xx); 2 wrong usage;
3 cannot be reached; 4 accepted and still waiting when --wait was over (with --no-wait: 0).
`;

export function registerCall(program: Command, io: Io): void {
	const call = program
		.command("call")
		.description("Call a function and wait for its answer; show, watch or cancel calls")
		.usage("[options] CONNECTION FUNCTION\n       callgate call show|watch|cancel [options] CALL")
		.argument("<connection>", "where the function lives")
		.argument("<function>", "its name");
	addReachOptions(call, "ingress")
		.option("--arg <name=value>", "one argument; may be repeated", (one: string, all: string[] = []) => [...all, one])
		.option("--json-args <object>", "arguments as one JSON object")
		.option("--args-file <file>", "a file with that JSON object; - reads standard input")
		.option("--reason <text>", "why; approvers and auditors read it")
		.option("--wait <seconds>", "how long to wait for the ending", String(waitSecondsDefault))
		.option("--no-wait", "do not wait; print how to ask later")
		.option("--idempotency-key <key>", "the same key makes the same call, however often it is sent (kept 24 hours)")
		.addHelpText("after", examples)
		.action((connection: string, name: string, options: CallOptions) => makeCall({ connection, name, options }, io));
	addLaterCommands(call, io);
}

function addLaterCommands(call: Command, io: Io): void {
	const sub = (name: string, description: string) =>
		addReachOptions(call.command(name).description(description).argument("<call>", "its id"), "ingress");
	sub("show", "Tell where a call of yours stands, and its result (kept 24 hours). Exit code 0 whatever that is").action(
		async (id: string, _options: ReachOptions, command: Command) => {
			const options = command.optsWithGlobals<ReachOptions>();
			const call = callIdOf(id);
			showStanding(await (await reach("ingress", options, io)).ask("GET", `/v1/calls/${call}`), options.json ?? false, io);
		},
	);
	sub("watch", "Tell each step of a call as it happens, until it ends. Exit code 0 if it completed, else 1").action(
		async (id: string, _options: ReachOptions, command: Command) => watchCall(callIdOf(id), command.optsWithGlobals(), io),
	);
	sub("cancel", "Cancel a call that still waits for people").action(async (id: string, _options: ReachOptions, command: Command) => {
		const options = command.optsWithGlobals<ReachOptions>();
		const call = callIdOf(id);
		const answer = await (await reach("ingress", options, io)).ask("DELETE", `/v1/calls/${call}`);
		if (options.json) io.print(safeJson(answer.text));
		else if (answer.status !== 202) io.print(`${safeLine(recordOf(answer.value).state)}: ${call}`);
		else io.print(`withdrawn: ${call} will be cancelled as soon as approval hears of it. ${askLater(call)}`);
	});
}

async function makeCall({ connection, name, options }: { connection: string; name: string; options: CallOptions }, io: Io): Promise<void> {
	const waitSeconds = waitOf(options.wait);
	const given = await givenArguments(options, io);
	const api = await reach("ingress", options, io);
	const args = options.arg ? merged(given, argumentValues(options.arg, await schemaOf(api, connection, name))) : given;
	const firstWait = Math.min(waitSeconds, firstWaitSeconds);
	const answer = await api.ask("POST", "/v1/calls", {
		body: { connection, function: name, arguments: args, ...(options.reason !== undefined && { reason: options.reason }) },
		headers: {
			...(firstWait > 0 && { prefer: `wait=${firstWait}` }),
			...(options.idempotencyKey !== undefined && { "idempotency-key": keyOf(options.idempotencyKey) }),
		},
	});
	const isJson = options.json ?? false;
	if (answer.status !== 202) return showEnding(answer, isJson, io);
	const call = acceptedCall(answer);
	if (options.wait === false) return showAccepted(answer, call, isJson, io);
	const ended = waitSeconds > firstWait && (await awaitEnding(api, call, (waitSeconds - firstWait) * 1_000, io));
	if (ended) return showEnding(await api.ask("GET", `/v1/calls/${call}`), isJson, io);
	if (isJson) io.print(safeJson((await api.ask("GET", `/v1/calls/${call}`)).text));
	throw new CommandFailed(`The call has not ended after ${waitSeconds} seconds. It goes on. ${askLater(call)}`, {
		exitCode: exitCodes.pending,
		shown: { call },
	});
}

function showAccepted(answer: Answer, call: string, isJson: boolean, io: Io): void {
	io.print(isJson ? safeJson(answer.text) : call);
	if (!isJson) io.tell(`accepted: the call goes on by itself. ${askLater(call)}`);
}

function askLater(call: string): string {
	return `Ask later: callgate call show ${call}`;
}

/** Tells what a call waits for while it waits. */
async function awaitEnding(api: ApiClient, call: string, waitMs: number, io: Io): Promise<boolean> {
	io.tell(`call ${call} takes longer. Stopping this command does not cancel it. ${askLater(call)}`);
	// A timer holds at most 2^31 milliseconds; seven days are fewer.
	const patience = AbortSignal.timeout(waitMs);
	const tell = (step: Step) => {
		if (step.type !== "call.received" && step.type !== "call.ended") for (const line of tellStep(step)) io.tell(line);
	};
	return (await followCall(api, call, patience, tell)) !== undefined;
}

async function watchCall(call: string, options: ReachOptions, io: Io): Promise<void> {
	const api = await reach("ingress", options, io);
	const patience = AbortSignal.timeout(waitSecondsMax * 1_000);
	const show = (step: Step) => {
		if (options.json) io.print(safeJson(JSON.stringify({ type: step.type, ...step.data })));
		else for (const line of tellStep(step)) io.print(line);
	};
	const ended = await followCall(api, call, patience, show);
	const ending = ended?.data.ending;
	if (ending === "completed") return;
	throw new CommandFailed(`The call ended: ${safeLine(ending)}. What its caller was told: callgate call show ${call}`, {
		shown: { call, ending },
	});
}

function waitOf(wait: string | false): number {
	if (wait === false) return 0;
	const seconds = /^\d{1,6}$/.test(wait) ? Number(wait) : Number.NaN;
	if (seconds <= waitSecondsMax) return seconds;
	throw wrongUsage(`--wait is not a number of seconds from 0 to ${waitSecondsMax}. Correct it, or use --no-wait.`);
}

function keyOf(key: string): string {
	if (/^[\x21-\x7e]{1,255}$/.test(key)) return key;
	throw wrongUsage("--idempotency-key is not 1 to 255 visible ASCII characters. Give another.");
}

async function givenArguments({ jsonArgs, argsFile }: CallOptions, { input }: Io): Promise<JsonObject> {
	if (jsonArgs !== undefined && argsFile !== undefined) throw wrongUsage("--json-args and --args-file are both given. Give one of them.");
	if (jsonArgs !== undefined) return parseObject("--json-args", jsonArgs);
	if (argsFile === undefined) return {};
	return parseObject("--args-file", await readTextOrInput("--args-file", argsFile, input, argumentBytesMax));
}

function merged(given: JsonObject, single: JsonObject): JsonObject {
	for (const name of Object.keys(single)) if (Object.hasOwn(given, name)) throw twice(name);
	return { ...given, ...single };
}

/** The schema of a function's arguments, from the list of what this caller may call. */
async function schemaOf(api: ApiClient, connection: string, name: string): Promise<unknown> {
	const { functions } = recordOf((await api.ask("GET", "/v1/functions")).value);
	const known = listOf(functions);
	const found = known.find((one) => one.connection === connection && one.function === name);
	if (found) return isJsonObject(found.arguments as JsonObject) ? found.arguments : {};
	const names = known.map((one) => `${safeLine(one.connection)} ${safeLine(one.function)}`);
	throw new CommandFailed(
		`${safeLine(connection)} ${safeLine(name)} is not among the ${names.length} functions that you may call${didYouMean(`${connection} ${name}`, names) || "."}
\`callgate functions\` lists them. To ask for it all the same, give the arguments with --json-args: their types are not known here.`,
	);
}
