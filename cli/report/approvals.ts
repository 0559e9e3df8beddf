// Who decided held calls in a period, how long they took, and how often they may not have looked. Pure.
import { emailKey } from "#libs/contracts/email.ts";
import type { StoryEvent } from "../story.ts";
import type { Table } from "./report.ts";

export const approvalEvents = ["approval.asked", "approval.voted"] as const;
/** A vote may answer a question from before the period: no approval waits for longer (`expires`, 7 days at most). */
export const askedBeforeMs = 7 * 86_400_000;
/** Nobody reads a call's arguments in less. */
const quickMs = 10_000;
/** Within this, one more approval for the same caller and function is one more of a row. */
const rowMs = 60_000;

interface Asked {
	readonly at: number;
	readonly caller: string;
	readonly called: readonly [connection: string, name: string];
}
interface Vote {
	readonly voter: string;
	readonly call: string;
	readonly at: number;
	readonly isApproval: boolean;
	readonly hasReason: boolean;
}
interface Judged extends Vote {
	readonly asked: Asked | undefined;
	readonly isAlike: boolean;
}

export class ApprovalsReview {
	private readonly asked = new Map<string, Asked>();
	private readonly votes: Vote[] = [];
	private readonly sinceMs: number;

	/** @param since what was voted before is not counted */
	constructor(since: string) {
		this.sinceMs = Date.parse(since);
	}

	add({ type, time, data }: Pick<StoryEvent, "type" | "time" | "data">): void {
		const [call, at] = [String(data.call), Date.parse(time)];
		if (type === "approval.asked") {
			const { issuer, subject } = (data.caller ?? {}) as Readonly<Record<string, unknown>>;
			this.asked.set(call, { at, caller: JSON.stringify([issuer, subject]), called: [String(data.connection), String(data.function)] });
		} else if (at >= this.sinceMs) {
			const { voter, verdict, reason } = data;
			this.votes.push({
				voter: emailKey(String(voter)),
				call,
				at,
				isApproval: verdict === "approve",
				hasReason: typeof reason === "string",
			});
		}
	}

	tables(): [Table, ...Table[]] {
		const judged = this.judge();
		const counted = ["votes", "approved", "rejected", "median seconds", "fastest seconds", "within 10 s", "in a row", "without reason"];
		const byApprover = Map.groupBy(judged, ({ voter }) => JSON.stringify([voter]));
		const byFunction = Map.groupBy(judged, ({ voter, asked }) => JSON.stringify([voter, ...(asked?.called ?? ["", ""])]));
		return [
			{ title: "By approver", columns: ["approver", ...counted], rows: rowsOf(byApprover) },
			{ title: "By approver and function", columns: ["approver", "connection", "function", ...counted], rows: rowsOf(byFunction) },
		];
	}

	/** In the order of time: whether one is like the approver's last. */
	private judge(): Judged[] {
		const last = new Map<string, number>();
		return [...this.votes]
			.sort((one, other) => one.at - other.at)
			.map((vote) => {
				const asked = this.asked.get(vote.call);
				const kind = JSON.stringify([vote.voter, asked?.caller, asked?.called]);
				const isAlike = vote.isApproval && asked !== undefined && vote.at - (last.get(kind) ?? Number.NEGATIVE_INFINITY) <= rowMs;
				if (vote.isApproval) last.set(kind, vote.at);
				return { ...vote, asked, isAlike };
			});
	}
}

function rowsOf(groups: Map<string, Judged[]>): (string | number | undefined)[][] {
	return [...groups]
		.sort(([one], [other]) => one.localeCompare(other, "en"))
		.map(([names, votes]) => {
			const taken = votes.flatMap(({ at, asked }) => (asked ? [Math.max(0, at - asked.at)] : [])).sort((one, other) => one - other);
			const approved = votes.filter(({ isApproval }) => isApproval);
			return [
				...(JSON.parse(names) as string[]),
				...[votes.length, approved.length, votes.length - approved.length],
				...[secondsOf(medianOf(taken)), secondsOf(taken[0])],
				approved.filter(({ at, asked }) => asked && at - asked.at <= quickMs).length,
				approved.filter(({ isAlike }) => isAlike).length,
				approved.filter(({ hasReason }) => !hasReason).length,
			];
		});
}

function medianOf(sorted: readonly number[]): number | undefined {
	const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
	return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

function secondsOf(ms: number | undefined): number | undefined {
	return ms === undefined ? undefined : Math.round(ms / 100) / 10;
}
