// `callgate audit replay`: one call as it happened, step by step, from the API or from a record that proves itself; decided again, or played back. Nothing is called.
import { type Command, InvalidArgumentError } from "commander";
import type { NoteKey } from "#libs/merkle/signed-note.ts";
import { addReachOptions, callIdOf, type ReachOptions, reach } from "./api-client.ts";
import { CommandFailed, wrongUsage } from "./command-failed.ts";
import { type DecideOptions, decideAgain, decidedLines, opening } from "./decide-again.ts";
import type { Io } from "./io.ts";
import { playBack } from "./play-back.ts";
import { gatherKeys, provenLeaves } from "./prove.ts";
import { type Placed, readLeaf } from "./read-leaf.ts";
import { eventsOf } from "./search-record.ts";
import { safeJson } from "./terminal-text.ts";
import { type Timeline, timelineOf } from "./timeline.ts";

interface ReplayOptions extends ReachOptions, DecideOptions {
	readonly record?: string;
	readonly key?: readonly NoteKey[];
	readonly decide?: true;
	readonly serve?: number;
}

const explained = `
Steps stand in the order of the record, each at its place between the first and the last. On a terminal each waits for a key:
Enter or space goes on, b back, a shows all the rest, q ends.

--decide runs the recorded arguments through a policy again. They are sealed, and audit holds no key to open them: so it is done where the
sealing keys are, by who has them, from a record that is verified first (\`callgate audit export\` or \`prove\`). Nothing of them is shown.

--serve plays the recorded answer back to a client under test, on this machine: POST /v1/calls with the recorded connection, function and arguments is
answered as ingress answered it. The client sends the token that is printed. Ctrl-C ends it.

Examples:
  $ callgate audit replay 01890a5d-ac96-774b-bcce-b302099a8057
  $ callgate audit replay 01890a5d-ac96-774b-bcce-b302099a8057 --record proof.json --key … \\
      --decide --sealing-keys sealing-keys.json --recorded ./configuration-of-then --today ./configuration
  $ callgate audit replay 01890a5d-ac96-774b-bcce-b302099a8057 --record proof.json --key … --serve 8080 --sealing-keys sealing-keys.json
`;

export function registerReplay(command: Command, io: Io): void {
	addReachOptions(command.description("Show one call as it happened, in order and to scale").argument("<call>", "the call's id"), "audit")
		.option("--record <file>", "an export or the call's proof, instead of the audit service; it is verified first")
		.option("--key <key>", "with --record: a public key of the record, as `callgate audit key` prints it (repeatable)", gatherKeys)
		.option("--decide", "decide it again; exits with 1 if the recorded revision does not decide as recorded")
		.option("--serve <port>", "play the answer back to a client under test, on this port of 127.0.0.1 (0: a free one)", portNumber)
		.option("--sealing-keys <file>", "with --decide or --serve: the file of CALLGATE_SEALING_KEYS")
		.option("--recorded <folder>", "with --decide: the configuration that decided it, as it was then")
		.option("--today <folder>", "with --decide: another configuration, such as today's")
		.addHelpText("after", explained)
		.action(async (id: string, options: ReplayOptions) => {
			const call = callIdOf(id);
			refuseContradictions(options);
			if (options.record === undefined) await replayFromApi(call, options, io);
			else await replayFromRecord(call, options.record, options, io);
		});
}

function portNumber(text: string): number {
	if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
	throw new InvalidArgumentError("expected a port: 0 to 65535");
}

function refuseContradictions({ record, key, decide, serve, sealingKeys, recorded, today }: ReplayOptions): void {
	if (decide && serve !== undefined) throw wrongUsage("--decide and --serve are two things to do with a record. Give one of them.");
	if ((decide || serve !== undefined) && record === undefined)
		throw wrongUsage(
			`${decide ? "--decide" : "--serve"} needs --record FILE, an export or a proof: it is verified first, and the audit service holds no key to open it.`,
		);
	if (serve !== undefined && sealingKeys === undefined)
		throw wrongUsage("--serve needs --sealing-keys FILE: the answer is sealed for its caller.");
	if (serve === undefined && !decide && sealingKeys !== undefined)
		throw wrongUsage("--sealing-keys is for --decide or --serve. Add one, or leave it out.");
	if (!decide && (recorded ?? today) !== undefined) throw wrongUsage("--recorded and --today are for --decide. Add it, or leave them out.");
	if ((record === undefined) !== (key === undefined))
		throw wrongUsage("--record and --key belong together: what nobody signed proves nothing.");
}

async function replayFromApi(call: string, options: ReplayOptions, io: Io): Promise<void> {
	const answer = await (await reach("audit", options, io)).ask("GET", `/v1/audit/calls/${call}`);
	const found = eventsOf(answer);
	if (options.json) io.print(safeJson(answer.text));
	else await play(timelineOf(call, found), io);
}

async function replayFromRecord(call: string, file: string, options: ReplayOptions, io: Io): Promise<void> {
	const { key = [], decide, json, serve, sealingKeys } = options;
	const events = placed((await provenLeaves(call, file, key)).map(readLeaf));
	if (serve !== undefined && sealingKeys !== undefined) {
		const { url, token } = await opening(sealingKeys, (keys) => playBack(events, keys, serve));
		io.print(json ? JSON.stringify({ url, token }) : `CALLGATE_URL=${url} CALLGATE_TOKEN=${token}`);
		io.tell("The recorded answer is played back there until Ctrl-C.");
		return;
	}
	const results = decide ? await decideAgain(events, options) : [];
	if (json) io.print(safeJson(JSON.stringify({ call, decided: results })));
	else {
		if (!decide) await play(timelineOf(call, events), io);
		for (const line of decidedLines(results)) io.print(line);
	}
	const differs = results.find(({ by, differences }) => by === "recorded" && differences.length > 0);
	if (differs)
		throw new CommandFailed("The recorded revision does not decide as recorded.", { shown: { differences: differs.differences } });
}

/** What was said again is one event, at its first place. */
function placed(events: readonly Placed[]): Placed[] {
	const known = new Set<string>();
	return events.filter(({ id }) => !known.has(id) && known.add(id));
}

async function play({ head, steps }: Timeline, io: Io): Promise<void> {
	for (const line of [...head, ""]) io.print(line);
	const show = (at: number) => {
		for (const line of steps[at] ?? []) io.print(line);
	};
	if (!io.isTerminal || !io.input.isTTY) {
		for (const at of steps.keys()) show(at);
		return;
	}
	let at = 0;
	show(at);
	for await (const key of keysOf(io)) {
		if (key === "q") return;
		if (key === "b") at = Math.max(0, at - 1);
		else at++;
		show(at);
		while (key === "a" && at < steps.length - 1) show(++at);
		if (at >= steps.length - 1) return;
	}
}

/** Keys that mean something, one by one, until Ctrl-C, Ctrl-D or the end. */
async function* keysOf({ input, tell }: Io): AsyncGenerator<"next" | "b" | "a" | "q"> {
	tell("(Enter: on, b: back, a: all, q: end)");
	input.setRawMode?.(true);
	try {
		for await (const chunk of input) {
			for (const character of chunk.toString()) {
				if (character === "\u0003" || character === "\u0004") return;
				if (character === "\r" || character === "\n" || character === " ") yield "next";
				else if (character === "b" || character === "a" || character === "q") yield character;
			}
		}
	} finally {
		input.setRawMode?.(false);
	}
}
