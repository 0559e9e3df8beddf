// `callgate check`: what is wrong with a configuration and where, and how it would decide a given call and why.
import { type Command, Option } from "commander";
import { compileFolder } from "#libs/configuration/compile-folder.ts";
import type { Configuration } from "#libs/configuration/configuration.ts";
import { type ConfigurationError, formatConfigurationError, refusalLines } from "#libs/configuration/configuration-error.ts";
import { didYouMean } from "#libs/configuration/nearest.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "#libs/contracts/json.ts";
import { compileArguments } from "#libs/functions/check-arguments.ts";
import { writtenOut } from "#libs/functions/transport.ts";
import type { PolicyCall } from "#libs/policy/call-view.ts";
import { type Explanation, explain } from "#libs/policy/explain.ts";
import { CommandFailed, wrongUsage } from "./command-failed.ts";
import { explanationLines } from "./explanation.ts";
import type { Io } from "./io.ts";
import { argumentBytesMax, parseObject, readTextOrInput } from "./read-input.ts";
import { safeJson, safeLine } from "./terminal-text.ts";

interface CheckOptions {
	readonly call?: string;
	readonly expect?: "grant" | "hold" | "deny";
	readonly json?: true;
}

const examples = `
Reads the folder's YAML files and everything they refer to, and compiles them whole, as the services do. Every mistake is told
at once, as file:line:column and what was found and expected; then the exit code is 1. Nothing is activated and nothing is called.

What is right and should be looked at all the same is told too: texts of MCP servers that give a model orders or have characters
that nobody sees, and names that look like others.

With --call it also decides one call and explains the decision: each rule about the function, whether it matched, and which part
of its condition was true. The file holds (issuer, groups and receivedAt may be left out):

  { "caller": { "issuer": "https://idp.example.com", "subject": "ci", "email": "ci@example.com", "groups": ["ci"] },
    "connection": "bank", "function": "createTransfer", "arguments": { "amount": 250, "currency": "EUR" } }

Limits (sums and counts over time) need the record, so only what would be charged is told. With --expect the exit code is 1
unless the decision is that one: a test of your policy.

Examples:
  $ callgate check ./configuration
  $ callgate check ./configuration --call large-transfer.json
  $ callgate check ./configuration --call large-transfer.json --expect hold
`;

export function registerCheck(program: Command, io: Io): void {
	program
		.command("check")
		.description("Check a configuration folder, and explain how it would decide a call")
		.argument("<folder>", "the configuration's folder")
		.option("--call <file>", "explain how this call (JSON; - reads standard input) would be decided")
		.addOption(new Option("--expect <decision>", "with --call: fail unless it is decided so").choices(["grant", "hold", "deny"]))
		.option("--json", "print JSON, for other programs")
		.addHelpText("after", examples)
		.action(async (folder: string, options: CheckOptions) => {
			if (options.expect !== undefined && options.call === undefined)
				throw wrongUsage("--expect is about a call. Name it with --call FILE.");
			const { configuration, told } = await compiled(folder, options, io);
			if (options.call === undefined) showSummary(configuration, told, options, io);
			else await explainCall(configuration, options.call, options, io);
		});
}

async function compiled(folder: string, options: CheckOptions, io: Io) {
	const result = await compileFolder(folder);
	if (result.ok) return result;
	const { mistakes, verdict } = refusalLines(result.errors);
	if (options.json) io.print(safeJson(JSON.stringify({ ok: false, errors: result.errors })));
	else for (const mistake of mistakes) io.print(safeLine(mistake));
	throw new CommandFailed(verdict);
}

function showSummary(
	{ revision, issuers, connections, groups, policy }: Configuration,
	told: readonly ConfigurationError[],
	{ json }: CheckOptions,
	io: Io,
): void {
	const summary = {
		ok: true,
		revision,
		issuers: issuers.map(({ name, issuer }) => ({ name, issuer })),
		connections: connections.map(({ name, transport: { url }, functions }) => ({ name, url, functions: functions.length })),
		groups: groups.map(({ name, members }) => ({ name, members: members.size })),
		rules: policy.rules.map(({ name, effect }) => ({ name, effect })),
		lookAt: told,
	};
	if (json) {
		io.print(safeJson(JSON.stringify(summary)));
		return;
	}
	const many = (count: number, word: string) => `${count} ${word}${count === 1 ? "" : "s"}`;
	const of = (effect: string) => policy.rules.filter((rule) => rule.effect === effect).length;
	io.print("The configuration is right.");
	io.print(`revision     ${revision}`);
	for (const { name, issuer } of issuers) io.print(`issuer       ${name}: ${safeLine(issuer)}`);
	for (const { name, transport, functions } of connections)
		io.print(`connection   ${name}: ${many(functions.length, "function")} at ${safeLine(transport.url)}`);
	for (const { name, members, groups: from } of groups) {
		const also = from.size > 0 ? `${members.size > 0 ? " and " : ""}everyone in ${[...from].map(safeLine).join(", ")}` : "";
		io.print(`group        ${name}: ${members.size > 0 ? many(members.size, "member") : ""}${also}`);
	}
	io.print(
		`rules        ${policy.rules.length}: ${of("allow")} allow, ${of("hold")} hold, ${of("deny")} deny; what no rule allows is denied`,
	);
	for (const one of told) io.print(`look at      ${safeLine(formatConfigurationError(one))}`);
}

async function explainCall(configuration: Configuration, file: string, options: CheckOptions, io: Io): Promise<void> {
	const read = readCall(parseObject("--call", await readTextOrInput("--call", file, io.input, argumentBytesMax)));
	const call = checkArguments(configuration, read);
	const explanation: Explanation = explain(configuration.policy, call);
	if (options.json) io.print(safeJson(JSON.stringify({ revision: configuration.revision, ...explanation })));
	else for (const line of explanationLines(call, explanation)) io.print(line);
	const { effect } = explanation.decision;
	if (options.expect !== undefined && options.expect !== effect)
		throw new CommandFailed(`The decision is ${effect}, expected ${options.expect}.`, {
			shown: { found: effect, expected: options.expect },
		});
}

/** The call as policy sees it. What ingress refuses never reaches policy. */
function checkArguments({ connections, connection }: Configuration, call: PolicyCall): PolicyCall {
	const at = connection(call.connection);
	if (!at) {
		const names = connections.map(({ name }) => name);
		throw new CommandFailed(`There is no connection ${safeLine(call.connection)}${didYouMean(call.connection, names) || "."}`);
	}
	const fn = at.function(call.function);
	if (!fn) {
		const names = at.functions.map(({ name }) => name);
		throw new CommandFailed(`${at.name} has no function ${safeLine(call.function)}${didYouMean(call.function, names) || "."}`);
	}
	const args = writtenOut(fn.transport, call.arguments);
	const checked = compileArguments(fn, at.transport)(args);
	if (checked.ok) return { ...call, arguments: args };
	const faults = checked.errors.map(({ pointer, message }) => `  ${safeLine(pointer === "" ? "/" : pointer)} ${safeLine(message)}`);
	const message = [
		`The arguments do not fit the function, so the call is refused (${checked.tooLarge ?? "invalid_arguments"}) before policy sees it:`,
		...faults,
	];
	throw new CommandFailed(message.join("\n"), { shown: { code: checked.tooLarge ?? "invalid_arguments", errors: checked.errors } });
}

const callMembers = ["caller", "connection", "function", "arguments", "receivedAt"];
const callerMembers = ["issuer", "subject", "email", "groups"];

function readCall(value: JsonObject): PolicyCall {
	refuseUnknown("the call", value, callMembers);
	const { arguments: args, receivedAt = new Date().toISOString() } = value;
	if (!isJsonObject(args)) throw expected("arguments", "an object");
	if (typeof receivedAt !== "string" || Number.isNaN(Date.parse(receivedAt))) throw expected("receivedAt", "an instant (RFC 3339)");
	return {
		caller: readCaller(value.caller),
		connection: textOf("connection", value.connection),
		function: textOf("function", value.function),
		arguments: args,
		receivedAt,
	};
}

function readCaller(value: JsonValue | undefined): Caller {
	if (!isJsonObject(value)) throw expected("caller", 'an object such as {"subject": "ci", "groups": ["ci"]}');
	refuseUnknown("caller", value, callerMembers);
	const { issuer = "https://issuer.invalid", email, groups = [] } = value;
	if (!Array.isArray(groups) || !groups.every((group) => typeof group === "string")) throw expected("caller.groups", "a list of texts");
	return {
		issuer: textOf("caller.issuer", issuer),
		subject: textOf("caller.subject", value.subject),
		...(email !== undefined && { email: textOf("caller.email", email) }),
		groups: groups as string[],
	};
}

function textOf(member: string, value: JsonValue | undefined): string {
	if (typeof value === "string" && value !== "") return value;
	throw expected(member, "a text");
}

/** A misspelt member would be left out silently, and another call explained. */
function refuseUnknown(what: string, value: JsonObject, known: readonly string[]): void {
	const stray = Object.keys(value).find((name) => !known.includes(name));
	if (stray !== undefined)
		throw wrongUsage(`--call: ${what} has a member ${safeLine(stray)}, expected only ${known.join(", ")}${didYouMean(stray, known)}`);
}

function expected(member: string, what: string): CommandFailed {
	return wrongUsage(`--call: found something else in ${member}, expected ${what}. See callgate check --help.`);
}
