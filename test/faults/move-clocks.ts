// Faults of time: one process whose clock is wrong, and approval ten minutes ahead while Valkey, its timetable, is away.
import { setTimeout as delay } from "node:timers/promises";
import type { FaultParts } from "./fault-parts.ts";
import type { Fault } from "./plan-faults.ts";

/** Starts a process with a wrong clock (or lets it run on with one), sets the clock to another wrong time while it runs, and puts it right. */
export async function moveClock(
	{ clocks, processes }: FaultParts,
	{ target, restart, startsOffMs, jumpsToMs, stayMs }: Extract<Fault, { kind: "clock" }>,
): Promise<void> {
	await clocks.set(target, startsOffMs);
	try {
		if (restart) await processes.restart(target);
		await delay(stayMs);
		await clocks.set(target, jumpsToMs);
		await delay(stayMs);
	} finally {
		await clocks.set(target, 0);
	}
}

/** Approvals that nobody will decide, so that some are sure to be overdue. */
const overdueCalls = 2;
/** What is asked while Valkey is away must be decidable. Some of these are voted on through Slack, which cannot ask without Valkey. */
const decidableCalls = 4;
const askedWithinMs = 15_000;
/** People without Slack's message use the API after a while; see scripted-approver.ts. */
const decidedWithinMs = 30_000;
const askingsMax = 6;
/** Sweeps look every second; a replica may be dead or paused meanwhile, and the machine busy. */
const settledWithinMs = 120_000;
const lookEveryMs = 100;

export async function expireWithoutValkey(parts: FaultParts, { aheadMs, awayMs }: Extract<Fault, { kind: "valkey-later" }>): Promise<void> {
	const { stack, clocks, approvals, unsettled, send } = parts;
	const replicas = stack.services.approval.keys().toArray();
	const setAll = (offMs: number) => Promise.all(replicas.map((replica) => clocks.set({ service: "approval", replica }, offMs)));
	const isAsked = () => approvals.dueBefore(Date.now() + aheadMs).length > 0;
	// Some may meet a process that another fault has just killed.
	for (let attempt = 0; attempt < askingsMax && !isAsked(); attempt++) {
		for (let nth = 0; nth < overdueCalls; nth++) await send("expire");
		await until(isAsked, askedWithinMs);
	}
	// Before the clocks are set: what is overdue by them may be settled before they all are.
	const overdue = approvals.dueBefore(Date.now() + aheadMs);
	await stack.valkey.kill("SIGKILL");
	try {
		await setAll(aheadMs);
		if (overdue.length === 0) unsettled.push("nothing was there that could expire");
		const grantedBefore = approvals.granted();
		const isOver = () => overdue.every((call) => !approvals.isWaiting(call));
		const isDecided = () => approvals.granted() > grantedBefore;
		for (let attempt = 0; attempt < askingsMax && !isDecided(); attempt++) {
			for (let nth = 0; nth < decidableCalls; nth++) await send("approve");
			await until(isDecided, decidedWithinMs);
		}
		await until(() => isOver() && isDecided(), settledWithinMs);
		for (const call of overdue.filter((one) => approvals.isWaiting(one))) unsettled.push(`${call} did not expire`);
		if (!isDecided()) unsettled.push("nothing that was asked could be decided");
		await delay(awayMs);
	} finally {
		await stack.valkey.restart();
		await setAll(0);
	}
}

async function until(condition: () => boolean, withinMs: number): Promise<void> {
	const end = performance.now() + withinMs;
	while (!condition() && performance.now() < end) await delay(lookEveryMs);
}
