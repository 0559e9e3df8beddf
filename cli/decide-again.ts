// `callgate audit replay --decide`: a recorded call decided again, by the revision that decided it and by another. Where the sealing keys are, and nowhere else.
import { compileFolder } from "#libs/configuration/compile-folder.ts";
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { CallgateEvent, Event } from "#libs/contracts/events.ts";
import { SealBroken, type SealedArguments, type SealingKeys } from "#libs/contracts/sealed.ts";
import { compileArguments } from "#libs/functions/check-arguments.ts";
import type { Decision } from "#libs/policy/decide.ts";
import { type Difference, differences, type RecordedDecision, recordedDecision } from "#libs/policy/decide-again.ts";
import { decideOpened } from "#libs/policy/decide-opened.ts";
import { ConfigurationInvalid } from "#libs/service/config.ts";
import { readSealingKeys } from "#libs/service/service-keys.ts";
import { CommandFailed, wrongUsage } from "./command-failed.ts";
import { readText } from "./read-input.ts";
import { safeLine } from "./terminal-text.ts";

export interface DecideOptions {
	readonly sealingKeys?: string;
	readonly recorded?: string;
	readonly today?: string;
}

export interface DecidedAgain {
	readonly by: "recorded" | "today";
	readonly revision: string;
	readonly effect: Decision["effect"] | "refused";
	readonly differences: readonly Difference[];
	/** The record says that a limit denied it; what it had counted is not decided again. */
	readonly isByLimit: boolean;
}

const keysBytesMax = 65_536;

/**
 * Opens the sealed arguments, holds them against the digest, and decides. They are in memory alone, and nothing of them is in what is returned.
 *
 * @throws {CommandFailed} where there is no decision to compare with, the keys do not open the seal, or a folder is not what it is said to be
 */
export async function decideAgain(events: readonly CallgateEvent[], options: DecideOptions): Promise<readonly DecidedAgain[]> {
	const { sealingKeys, recorded: then, today } = options;
	if (sealingKeys === undefined || (then === undefined && today === undefined))
		throw wrongUsage("--decide needs --sealing-keys FILE, and --recorded FOLDER, --today FOLDER or both: the configurations that decide.");
	const received = events.find((event) => event.type === "call.received");
	const recorded = recordedDecision(events);
	if (!received || !recorded) throw new CommandFailed("Policy decided nothing about this call, so there is nothing to decide again.");
	const { pool, call, sealed } = received.data;
	const text = await opening(sealingKeys, (keys) => keys.openText(pool, call, "arguments", sealed));
	const results: DecidedAgain[] = [];
	if (then !== undefined) results.push(decideBy("recorded", await recordedRevision(then, received), received, text, recorded));
	if (today !== undefined) results.push(decideBy("today", await compiled("--today", today), received, text, recorded));
	return results;
}

/** @throws {CommandFailed} where the file's keys do not open what is recorded */
export async function opening<Opened>(file: string, open: (keys: SealingKeys) => Opened | Promise<Opened>): Promise<Opened> {
	const text = await readText("--sealing-keys", file, keysBytesMax);
	try {
		return await open(readSealingKeys(text));
	} catch (error) {
		if (error instanceof SealBroken || error instanceof ConfigurationInvalid)
			throw new CommandFailed(`The record cannot be opened with --sealing-keys: ${error.message}.`);
		throw error;
	}
}

async function recordedRevision(folder: string, { data }: Event<"call.received">): Promise<Configuration> {
	const configuration = await compiled("--recorded", folder);
	if (configuration.revision === data.revision) return configuration;
	throw new CommandFailed(
		`--recorded is revision ${configuration.revision}, and the call was decided by ${data.revision}. Take the folder as it was then; to compare with another use --today.`,
	);
}

async function compiled(option: string, folder: string): Promise<Configuration> {
	const result = await compileFolder(folder);
	if (result.ok) return result.configuration;
	throw new CommandFailed(`The folder of ${option} is no configuration. \`callgate check\` says what is wrong with it.`);
}

function decideBy(
	by: DecidedAgain["by"],
	configuration: Configuration,
	received: Event<"call.received">,
	text: string,
	recorded: RecordedDecision,
): DecidedAgain {
	const { caller, connection, function: name, digest, receivedAt } = received.data;
	const decision = decideOpened(configuration, { text, caller, connection, function: name, digest, receivedAt });
	if (!decision)
		throw new CommandFailed("The sealed arguments are not those of the recorded digest: the event was not written by an ingress.");
	const { revision } = configuration;
	const isRefused = by === "today" && !areArgumentsRight(configuration, received, text);
	const again = isRefused
		? [{ what: "effect" as const, recorded: recorded.effect, again: "refused by ingress: the arguments do not fit" }]
		: differences(recorded, decision);
	return { by, revision, effect: isRefused ? "refused" : decision.effect, differences: again, isByLimit: recorded.isByLimit };
}

/** What ingress refuses never reaches policy. A function that is there no more policy denies by itself. */
function areArgumentsRight(configuration: Configuration, { data }: Event<"call.received">, text: string): boolean {
	const at = configuration.connection(data.connection);
	const fn = at?.function(data.function);
	return !at || !fn || compileArguments(fn, at.transport)((JSON.parse(text) as SealedArguments).arguments).ok;
}

/** Names of rules, groups and reasons; never a value. */
export function decidedLines(results: readonly DecidedAgain[]): string[] {
	return results.flatMap(({ by, revision, effect, differences: found, isByLimit }) => [
		`decided again by ${by === "recorded" ? "the recorded revision" : "today's revision"} ${safeLine(revision)}: ${effect}${found.length === 0 ? ", as recorded" : ""}`,
		...(isByLimit ? ["  a limit denied it then; what limits had counted is not decided again"] : []),
		...found.flatMap(({ what, recorded, again }) => [
			`  ${what.padEnd(12)} recorded: ${safeLine(recorded || "none")}`,
			`  ${"".padEnd(12)} again:    ${safeLine(again || "none")}`,
		]),
	]);
}
