// The people of a fault run: whoever is asked votes as planned, in Slack or through the API, and again where nobody answered.
import { setTimeout as delay } from "node:timers/promises";
import type { StreamEvent } from "./evidence.ts";
import type { PlannedCall, PlannedVote } from "./plan-calls.ts";

export interface ApproverParts {
	/** One URL a replica. */
	readonly approval: readonly string[];
	readonly slack: string;
	readonly token: (who: string) => Promise<string>;
	readonly planOf: (reference: string) => PlannedCall | undefined;
}

export interface ScriptedApprover {
	/** Tells it what happened: it acts on questions and leaves what is settled. */
	hear(event: StreamEvent): void;
	/** Calls that wait for a vote that is still to be given, and what came of it when it was last tried. */
	waiting(): { readonly call: string; readonly tried: string }[];
	stop(): Promise<void>;
}

interface Question {
	readonly call: string;
	readonly votes: { readonly vote: PlannedVote; done: boolean; nextAt: number; tries: number; outcome: string }[];
	message: { readonly channel: string; readonly ts: string } | undefined;
	readonly askedAt: number;
}

let turn = 0;
const lookEveryMs = 100;
const againAfterMs = 2_500;
/** A person whom no message reached uses the API. */
const slackWithinMs = 8_000;
const answerWithinMs = 15_000;

export function createApprover(parts: ApproverParts): ScriptedApprover {
	const open = new Map<string, Question>();
	const inWork = new Set<Promise<void>>();
	let stopped = false;

	const act = async (question: Question, one: Question["votes"][number]): Promise<void> => {
		const { vote } = one;
		one.nextAt = Date.now() + againAfterMs;
		if (vote.via === "slack" && question.message !== undefined) {
			one.tries++;
			one.outcome = await click(parts, question.message, vote);
			return;
		}
		if (vote.via === "slack" && Date.now() - question.askedAt < slackWithinMs) {
			one.nextAt = 0;
			return;
		}
		one.tries++;
		const status = await voteThroughApi(parts, question.call, vote);
		one.outcome = `${status}`;
		one.done = finalStatuses.includes(status);
	};

	const loop = (async () => {
		while (!stopped) {
			const now = Date.now();
			for (const question of open.values()) {
				for (const one of question.votes) {
					if (one.done || one.nextAt > now) continue;
					const work = act(question, one).catch((error: unknown) => {
						one.outcome = error instanceof Error ? error.name : "failed";
					});
					inWork.add(work);
					void work.finally(() => inWork.delete(work));
				}
			}
			await delay(lookEveryMs);
		}
	})();

	return {
		hear({ type, data, at }) {
			const call = String(data.call);
			if (type === "approval.asked") {
				const reference = (data.arguments as { reference?: unknown } | undefined)?.reference;
				const votes = votesOf(parts.planOf(String(reference)), data.terms, at);
				open.set(call, {
					call,
					votes: votes.map((vote) => ({ vote, done: false, nextAt: at + (vote.afterMs ?? 0), tries: 0, outcome: "no answer" })),
					message: undefined,
					askedAt: at,
				});
			}
			const question = open.get(call);
			if (question && type === "approval.delivered") {
				question.message = { channel: String(data.channelId), ts: String(data.messageTs) };
			}
			if (type === "call.granted" || type === "call.ended") open.delete(call);
		},
		waiting: () =>
			[...open.values()]
				.filter(({ votes }) => votes.some(({ done }) => !done))
				.map(({ call, votes }) => ({ call, tried: votes.map(describeVote).join("; ") })),
		stop: async () => {
			stopped = true;
			await loop;
			await Promise.all(inWork);
		},
	};
}

/** More than any rule leaves that is meant to run out. */
const patienceMs = 120_000;

/** As planned; where a policy with a wrong clock left so much time that the run would be over first, someone rejects. */
function votesOf(plan: PlannedCall | undefined, terms: unknown, at: number): readonly PlannedVote[] {
	const { expiresAt = "" } = (terms ?? {}) as { expiresAt?: string };
	const tooLong = plan?.path === "expire" && Date.parse(expiresAt) - at > patienceMs;
	return [...(plan?.votes ?? []), ...(tooLong ? [{ person: "frank", verdict: "reject", via: "api" } as const] : [])];
}

function describeVote({ vote: { person, verdict, via }, tries, outcome }: Question["votes"][number]): string {
	return `${person} ${verdict}s through ${via}, ${tries} times, ${outcome}`;
}

/** Counted, or refused for good. 404: this replica has not heard of the call yet. */
const finalStatuses: readonly number[] = [200, 403, 409, 422];

async function voteThroughApi({ approval, token }: ApproverParts, call: string, { person, verdict }: PlannedVote): Promise<number> {
	const at = approval[turn++ % approval.length] ?? "";
	const answer = await fetch(`${at}/v1/approvals/${call}/votes`, {
		method: "POST",
		headers: { authorization: `Bearer ${await token(person)}`, "content-type": "application/json" },
		body: JSON.stringify({ verdict, reason: "as the script says" }),
		signal: AbortSignal.timeout(answerWithinMs),
	});
	await answer.arrayBuffer();
	return answer.status;
}

/** What Slack's stand-in says of the click. */
async function click(
	{ slack }: ApproverParts,
	message: { channel: string; ts: string },
	{ person, verdict }: PlannedVote,
): Promise<string> {
	const answer = await fetch(`${slack}/_demo/click`, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body: JSON.stringify({ user: person, ...message, action_id: verdict }),
		signal: AbortSignal.timeout(answerWithinMs),
	});
	const { error = "taken", reply } = (await answer.json()) as { error?: string; reply?: { status: number } };
	return reply ? `${error} ${reply.status}` : error;
}
