// Watches one call through server-sent events until it ended: connects again where the stream breaks, and tells each step once.
import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiClient } from "./api-client.ts";
import { CommandFailed, exitCodes } from "./command-failed.ts";
import { listOf, reasonText, recordOf, wordsOf } from "./problem.ts";
import { safeLine } from "./terminal-text.ts";

/** A step of a call as the API streams it. */
export interface Step {
	readonly type: string;
	readonly data: Readonly<Record<string, unknown>>;
	/** As it came. */
	readonly json: string;
}

/** One event of one call; the largest lists 64 reasons of 1,000 characters. */
const eventCharactersMax = 1_048_576;
/** The API sends something every 15 seconds. */
const silenceMsMax = 45_000;
/** A stream that broke this often without a word between is not coming back. */
const failuresMax = 5;
const pauseMs = 1_000;

/**
 * Resolves with the step that ended the call, or undefined if `patience` ran out before.
 *
 * @param onStep hears each step once, the ending too
 * @throws {CommandFailed} a problem of the API at once; `unreachable` after several attempts
 */
export async function followCall(
	api: ApiClient,
	call: string,
	patience: AbortSignal,
	onStep: (step: Step) => void,
): Promise<Step | undefined> {
	const told = new Set<string>();
	let failures = 0;
	while (!patience.aborted) {
		try {
			const stream = await api.stream(`/v1/calls/${call}/events`, patience);
			for await (const step of readSteps(stream, patience)) {
				failures = 0;
				const key = `${step.type} ${step.json}`;
				// A new connection begins with the first step again.
				if (told.has(key)) continue;
				told.add(key);
				onStep(step);
				if (step.type === "call.ended") return step;
			}
		} catch (error) {
			if (patience.aborted) return undefined;
			if (error instanceof CommandFailed && error.exitCode !== exitCodes.unreachable) throw error;
			if (++failures >= failuresMax) throw error instanceof CommandFailed ? error : lost(call);
		}
		// The API ends a stream after an hour; whoever still waits asks again, in no hurry.
		await sleep(pauseMs, undefined, { signal: patience }).catch(() => undefined);
	}
	return undefined;
}

function lost(call: string): CommandFailed {
	return new CommandFailed(`The steps of the call can no longer be followed; the call goes on. Ask later: callgate call show ${call}`, {
		exitCode: exitCodes.unreachable,
		shown: { call },
	});
}

/** Server-sent events (WHATWG HTML, 9.2) as the API writes them: `event` and one `data` line each. */
export async function* readSteps(stream: IncomingMessage, patience: AbortSignal): AsyncGenerator<Step> {
	const silence = setTimeout(() => stream.destroy(new Error("silent")), silenceMsMax);
	const stop = () => stream.destroy();
	patience.addEventListener("abort", stop, { once: true });
	let buffer = "";
	try {
		stream.setEncoding("utf8");
		for await (const chunk of stream as AsyncIterable<string>) {
			silence.refresh();
			buffer += chunk;
			const blocks = buffer.split(/\r?\n\r?\n/);
			buffer = blocks.pop() ?? "";
			if (buffer.length > eventCharactersMax) throw new Error("an event is too large");
			for (const block of blocks) {
				const step = stepIn(block);
				if (step) yield step;
			}
		}
	} finally {
		clearTimeout(silence);
		patience.removeEventListener("abort", stop);
		stream.destroy();
	}
}

function stepIn(block: string): Step | undefined {
	const fields = new Map<string, string>();
	for (const line of block.split(/\r?\n/)) {
		const [, name = "", value = ""] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
		if (name !== "") fields.set(name, fields.has(name) ? `${fields.get(name)}\n${value}` : value);
	}
	const [type, json] = [fields.get("event"), fields.get("data")];
	if (type === undefined || json === undefined) return undefined;
	try {
		return { type, data: recordOf(JSON.parse(json)), json };
	} catch {
		return undefined;
	}
}

/** A step in lines for its caller. */
export function tellStep({ type, data }: Step): string[] {
	const time = typeof data.time === "string" ? `${safeLine(data.time).replace("T", " ")}  ` : "";
	const [first = "", ...others] = stepWords(type, data);
	return [`${time}${first}`, ...others.map((line) => `${" ".repeat(time.length)}${line}`)];
}

function stepWords(type: string, data: Step["data"]): string[] {
	const rules = wordsOf(data.rules);
	const byRules = rules.length > 0 ? ` (${rules.join(", ")})` : "";
	switch (type) {
		case "call.received":
			return [`received: ${safeLine(data.connection)}.${safeLine(data.function)}`];
		case "approval.asked":
			return [waitsFor(data), ...listOf(data.reasons).map(reasonText)];
		case "approval.voted":
			return [data.verdict === "approve" ? "someone approved it" : `someone voted: ${safeLine(data.verdict)}`];
		case "approval.escalated":
			return [`${wordsOf(data.to).join(", ")} may decide as well`];
		case "call.granted":
			return [`granted${byRules}`];
		case "call.started":
			return [`started${data.attempt === undefined || data.attempt === 1 ? "" : ` again (attempt ${safeLine(data.attempt)})`}`];
		case "call.ended":
			return endingWords(data, byRules);
		default:
			return [safeLine(type)];
	}
}

/** For whom a held call waits and until when. */
export function waitsFor({ groups, expiresAt }: Step["data"]): string {
	const asked = Array.isArray(groups) ? groups.map((any) => wordsOf(any).join(" or ")).filter((any) => any !== "") : [];
	const whom = asked.length > 0 ? asked.join(", and for ") : "people";
	const until = typeof expiresAt === "string" ? `, until ${safeLine(expiresAt).replace("T", " ")}` : "";
	return `held: waits for ${whom} to approve it${until}`;
}

function endingWords(data: Step["data"], byRules: string): string[] {
	const { ending, code, detail, status, reasons, findings } = data;
	const because = typeof code === "string" ? ` (${safeLine(code)})` : "";
	const answered = typeof status === "number" ? `: the function answered ${status}` : "";
	const by = wordsOf(data.by);
	return [
		`${safeLine(ending)}${because}${answered}${byRules}`,
		...(typeof detail === "string" ? [safeLine(detail)] : []),
		...listOf(reasons).map(reasonText),
		...(by.length > 0 ? [`by ${by.join(", ")}`] : []),
		...findingLines(findings),
	];
}

/** What was masked, one line each. */
export function findingLines(findings: unknown): string[] {
	return listOf(findings).map(({ detector, path, count }) => {
		const times = typeof count === "number" && count > 1 ? ` (${count} times)` : "";
		return `masked: ${safeLine(detector)} at ${safeLine(path || "/")}${times}`;
	});
}
