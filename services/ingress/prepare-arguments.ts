// A call's arguments checked and brought into every form that is made of them: as text, canonical, and masked for people. Pure, and the dear part of a call.
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { Connection } from "#libs/configuration/kinds/connection.ts";
import { canonicalJson } from "#libs/contracts/digest.ts";
import type { JsonObject, JsonValue } from "#libs/contracts/json.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { type ArgumentsCheck, compileArguments, patternWork } from "#libs/functions/check-arguments.ts";
import type { ConnectionFunction } from "#libs/functions/function.ts";
import { writtenOut } from "#libs/functions/transport.ts";
import type { Finding } from "#libs/masking/findings.ts";
import type { Mask } from "#libs/masking/mask.ts";
import { MaskingError } from "#libs/masking/masking-error.ts";
import { compileView, maskedView } from "#libs/masking/view.ts";
import { maskFor } from "#libs/policy/mask-for.ts";

interface Forms {
	/** The revision they were checked under. */
	readonly revision: string;
	/** JSON, in the order in which they were sent. */
	readonly text: string;
	/** RFC 8785. */
	readonly canonical: string;
	readonly view: JsonValue;
	readonly findings: Finding[];
}

/** A class, so that it cannot be taken for arguments that nobody has looked at. */
export class PreparedArguments implements Forms {
	readonly revision: string;
	readonly text: string;
	readonly canonical: string;
	readonly view: JsonValue;
	readonly findings: Finding[];

	constructor({ revision, text, canonical, view, findings }: Forms) {
		this.revision = revision;
		this.text = text;
		this.canonical = canonical;
		this.view = view;
		this.findings = findings;
	}
}

/** @throws {Refusal} `function_unknown` */
export function functionOf(configuration: Configuration, asked: Named) {
	const connection = configuration.connection(asked.connection);
	const fn = connection?.function(asked.function);
	if (!connection || !fn) {
		throw new Refusal("function_unknown", { detail: connection ? "the connection has no such function" : "there is no such connection" });
	}
	return { connection, fn };
}

/**
 * @param patternWorkMax see `compileArguments`
 * @returns undefined where the patterns would cost more than that
 * @throws {Refusal} `invalid_arguments`, `body_too_large`
 */
export function prepareArguments(
	configuration: Configuration,
	connection: Connection,
	fn: ConnectionFunction,
	asked: JsonObject,
	patternWorkMax?: number,
): PreparedArguments | undefined {
	const { check, view } = toolsOf(configuration, connection, fn);
	const args = writtenOut(fn.transport, asked);
	const text = JSON.stringify(args);
	const checked = check(args, patternWorkMax, text.length);
	if (!checked.ok && checked.tooDear && patternWorkMax === undefined) return undefined;
	if (!checked.ok) {
		const detail = checked.tooLarge ? "the function would not be sent that much" : "the arguments do not fit the function";
		throw new Refusal(checked.tooLarge ?? "invalid_arguments", { detail, errors: checked.errors });
	}
	const { revision } = configuration;
	return new PreparedArguments({ revision, text, canonical: canonicalJson(args), ...viewOf(args, view) });
}

export interface Named {
	readonly connection: string;
	readonly function: string;
}

/** As {@link prepareArguments}, in another thread, where patterns may cost more. */
export function prepareNamed(configuration: Configuration, named: Named, args: JsonObject): PreparedArguments {
	const { connection, fn } = functionOf(configuration, named);
	const done = prepareArguments(configuration, connection, fn, args, patternWork.aside);
	if (!done) throw new Error("arguments are refused or prepared");
	return done;
}

interface Tools {
	readonly check: ArgumentsCheck;
	readonly view: Mask;
}

/** Compiled once per revision and function: a revision never changes. */
const compiled = new WeakMap<ConnectionFunction, Tools>();

function toolsOf(configuration: Configuration, connection: Connection, fn: ConnectionFunction): Tools {
	const known = compiled.get(fn);
	if (known) return known;
	const { request } = maskFor(configuration.policy, connection.name, fn.name);
	const tools = { check: compileArguments(fn, connection.transport), view: compileView({ ...request, sensitivePaths: fn.sensitive }) };
	compiled.set(fn, tools);
	return tools;
}

/** What cannot be shown masked is not accepted: nobody could approve it and nobody could audit it. */
function viewOf(args: JsonObject, mask: Mask) {
	try {
		return maskedView(args, mask);
	} catch (error) {
		if (error instanceof MaskingError) throw new Refusal("invalid_arguments", { detail: "the arguments cannot be shown masked" });
		throw error;
	}
}
