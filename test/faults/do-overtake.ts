// An executor that is overtaken: stopped in the middle of a call until another has ended it, it wakes with an ending of its own. Only one may stand.
import { setTimeout as delay } from "node:timers/promises";
import type { FaultParts } from "./fault-parts.ts";
import { addressed, ordinary, type PlannedCall } from "./plan-calls.ts";
import type { Fault } from "./plan-faults.ts";

/** Other faults may keep the call from being run for a while. */
const dialledWithinMs = 15_000;
/** Its grant comes to another when nobody acknowledged it, and again when a whole lease is over; and to the stopped one in between. */
const overtakenWithinMs = 75_000;
/** Calls that are tried until one is overtaken. */
const attemptsMax = 5;
/** What it then has to say is said before the run goes on to look. */
const lookEveryMs = 10;

/**
 * The moment lies between the first byte and the answer: whoever takes over can only say `unknown`, and the one that wakes knows more. What
 * keeps both from being on the record is that an ending is written after the claim that it ends, or not at all; in the ledger, that it is not
 * written after a take-over.
 */
export async function overtakeExecutor(parts: FaultParts, { behaviour }: Extract<Fault, { kind: "overtake" }>): Promise<void> {
	const { stack, effects } = parts;
	if (stack.services.executor.length < 2) return void effects.leftOut.push("overtaking an executor takes two");
	// In the ledger, and on subjects of its own: what keeps a second ending away is another thing in each.
	for (const kind of [ordinary, addressed]) {
		for (let attempt = 0; attempt < attemptsMax; attempt++) {
			if (!(await overtakeOne(parts, { ...kind, behaviour, function: "pay", via: "calls" }))) continue;
			effects.overtaken++;
			break;
		}
	}
}

/** Whether it was: on a busy machine the answer may be faster than the stop. */
async function overtakeOne(parts: FaultParts, plan: Partial<PlannedCall>): Promise<boolean> {
	const { processes, kept, background, send, bankSaw } = parts;
	const pausedOnes = [...background].filter(([to]) => to.startsWith("executor "));
	await Promise.all(pausedOnes.map(([, until]) => until));
	const from = kept.events.length;
	const { reference } = await send("allow", plan);
	const since = () => kept.events.slice(from);
	const call = () => since().find(({ type, data }) => type === "call.received" && referenceOf(data) === reference)?.data.call;
	const said = (type: string) => since().find((event) => event.type === type && event.data.call === call());
	await until(() => bankSaw(reference) && said("call.started") !== undefined, dialledWithinMs);
	const pid = Number(/-(\d+)-[0-9a-f]{8}$/.exec(String(said("call.started")?.data.executor))?.[1]);
	const stopped = await processes.stop(pid);
	if (!stopped) return false;
	const isEnded = () => said("call.ended") !== undefined;
	const wasFaster = isEnded();
	const over = until(isEnded, overtakenWithinMs).finally(stopped.wake);
	// Nobody else wakes it meanwhile.
	background.set(`executor ${stopped.target.replica}`, over);
	await over.finally(() => background.delete(`executor ${stopped.target.replica}`));
	return isEnded() && !wasFaster;
}

function referenceOf({ arguments: shown }: Readonly<Record<string, unknown>>): unknown {
	return (shown as { reference?: unknown } | undefined)?.reference;
}

async function until(condition: () => boolean, withinMs: number): Promise<void> {
	const end = performance.now() + withinMs;
	while (!condition() && performance.now() < end) await delay(lookEveryMs);
}
