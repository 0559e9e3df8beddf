// `callgate functions`: what the caller may call, with its arguments, for people or as the tool list of an AI model's API.
import { type Command, Option } from "commander";
import { didYouMean } from "#libs/configuration/nearest.ts";
import { modelFormats } from "../client/tool-calls.ts";
import { addReachOptions, type ReachOptions, reach } from "./api-client.ts";
import { CommandFailed } from "./command-failed.ts";
import type { Io } from "./io.ts";
import { listOf, recordOf } from "./problem.ts";
import { parseExactly, safeJson, safeLine, showJson } from "./terminal-text.ts";

interface FunctionsOptions extends ReachOptions {
	readonly format: string;
}

const formats = ["callgate", ...Object.values(modelFormats).map(({ tools }) => tools), "mcp"];

const examples = `
The list is your own: a function that no rule could ever let you call is not in it. What a rule asks of the arguments is
known only when you call, so a call may still be denied, or held for people.

Examples:
  $ callgate functions
  $ callgate functions bank
  $ callgate functions --format openai > tools.json
`;

export function registerFunctions(program: Command, io: Io): void {
	const command = program
		.command("functions")
		.description("List what you may call, with its arguments")
		.argument("[connection]", "only of this one");
	addReachOptions(command, "ingress")
		.addOption(
			new Option("--format <format>", "for people, or the tool list of an API (then always JSON)").choices(formats).default("callgate"),
		)
		.addHelpText("after", examples)
		.action(async (connection: string | undefined, options: FunctionsOptions) => {
			const api = await reach("ingress", options, io);
			const { text } = await api.ask("GET", `/v1/functions?format=${options.format}`);
			const list = recordOf(parseExactly(text));
			const member = options.format === "callgate" ? "functions" : "tools";
			const isGemini = options.format === "gemini";
			const all = isGemini ? listOf(list.tools).flatMap((tool) => listOf(tool.functionDeclarations)) : listOf(list[member]);
			const shown = connection === undefined ? all : all.filter((one) => isOf(connection, one));
			if (connection !== undefined && shown.length === 0) throw nothingIn(connection, all);
			const answer = { ...list, [member]: isGemini ? [{ functionDeclarations: shown }] : shown };
			if (options.json) io.print(safeJson(JSON.stringify(answer)));
			else for (const line of member === "tools" ? showJson(answer) : functionLines(shown)) io.print(line);
		});
}

/** Tool names begin with the connection and two underscores, which no connection's name holds. */
function isOf(connection: string, one: Readonly<Record<string, unknown>>): boolean {
	if (one.connection !== undefined) return one.connection === connection;
	const name = one.name ?? recordOf(one.function).name;
	return typeof name === "string" && name.startsWith(`${connection}__`);
}

function nothingIn(connection: string, all: readonly Readonly<Record<string, unknown>>[]): CommandFailed {
	const names = [...new Set(all.flatMap((one) => (typeof one.connection === "string" ? [one.connection] : [])))];
	const there = names.length > 0 ? ` There is: ${names.map(safeLine).join(", ")}.` : "";
	return new CommandFailed(`You may call nothing in ${safeLine(connection)}${didYouMean(connection, names) || "."}${there}`);
}

function functionLines(functions: readonly Readonly<Record<string, unknown>>[]): string[] {
	if (functions.length === 0) return ["There is no function that you may call. Rules of the policy allow them; ask its authors."];
	return functions.flatMap((one, at) => [...(at > 0 ? [""] : []), ...oneFunction(one)]);
}

function oneFunction({
	connection,
	function: name,
	description,
	arguments: schema,
	idempotent,
	mayNeedApproval,
}: Readonly<Record<string, unknown>>): string[] {
	const notes = [...(mayNeedApproval === true ? ["may need approval"] : []), ...(idempotent === true ? ["idempotent"] : [])];
	const { properties, required } = recordOf(schema);
	const needed: unknown[] = Array.isArray(required) ? required : [];
	const rows = Object.entries(recordOf(properties)).map(([argument, member]) => {
		const { description: says } = recordOf(member);
		return [
			safeLine(argument),
			typeText(member),
			needed.includes(argument) ? "required" : "",
			typeof says === "string" ? firstLine(says) : "",
		];
	});
	return [
		`${safeLine(connection)} ${safeLine(name)}${notes.length > 0 ? `   (${notes.join(", ")})` : ""}`,
		...(typeof description === "string" && description !== "" ? [`  ${firstLine(description)}`] : []),
		...(rows.length > 0 ? table(rows) : ["    no arguments"]),
	];
}

function firstLine(text: string): string {
	const [first = ""] = text.trim().split(/\r?\n/);
	return safeLine(first.length > 160 ? `${first.slice(0, 159)}…` : first);
}

/** A schema in a word or two: `integer`, `one of "EUR", "USD"`, `string (date)`. */
function typeText(schema: unknown): string {
	const { type, enum: values, format, const: only, items, $ref: reference } = recordOf(schema);
	if (Array.isArray(values))
		return `one of ${values
			.slice(0, 6)
			.map((value) => safeLine(JSON.stringify(value)))
			.join(", ")}${values.length > 6 ? ", …" : ""}`;
	if (only !== undefined) return safeLine(JSON.stringify(only));
	if (typeof reference === "string") return safeLine(reference.split("/").at(-1));
	if (type === "array") return `list of ${typeText(items)}`;
	const types = [type].flat().filter((one) => typeof one === "string");
	const name = types.length > 0 ? types.map(safeLine).join(" or ") : "any";
	return typeof format === "string" ? `${name} (${safeLine(format)})` : name;
}

/** Columns as wide as their widest cell, within reason. */
function table(rows: readonly (readonly string[])[]): string[] {
	const widths = [0, 1, 2].map((column) => Math.min(40, Math.max(...rows.map((row) => row[column]?.length ?? 0))));
	return rows.map((row) => `    ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd());
}
