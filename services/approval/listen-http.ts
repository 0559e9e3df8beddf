// Approvals over HTTP, for approvers without Slack: what they may decide, and their vote.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { callIdPattern } from "#libs/contracts/call.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { authenticateFirst, type Doorkeeper } from "#libs/service/authenticate-first.ts";
import { describeApi, problemAnswers, security } from "#libs/service/describe-api.ts";
import { isOverdue, type Waiting } from "./approval.ts";
import { type ApprovalView, mayDecide, maySee, viewOf } from "./approval-view.ts";
import { reasonCharactersMax } from "./decide-approval.ts";
import type { Voter } from "./eligibility.ts";
import { isShown, type Parts, type Shown } from "./ports.ts";
import { voteOnCall } from "./vote-on-call.ts";

export interface HttpListenerOptions extends Doorkeeper {
	readonly parts: Parts;
}

/** One page; the oldest come first, so whoever decides them sees the next. */
const listedMax = 200;

const Vote = Type.Object(
	{
		verdict: Type.Enum(["approve", "reject"]),
		reason: Type.Optional(Type.String({ maxLength: reasonCharactersMax })),
		digest: Type.Optional(
			Type.String({ pattern: "^sha256:[0-9a-f]{64}$", description: "as the approver saw it: a vote on another call is refused" }),
		),
	},
	{ additionalProperties: false },
);
const CallParams = Type.Object({ call: Type.String({ description: "the call's id" }) });
const callId = new RegExp(callIdPattern);

/** Serves `GET /v1/approvals`, `GET /v1/approvals/{call}` and `POST /v1/approvals/{call}/votes`. */
export async function listenHttp(http: FastifyInstance, { parts, ...doorkeeper }: HttpListenerOptions): Promise<void> {
	const { onRequest, callerOf } = authenticateFirst(doorkeeper);
	await describeApi(http, { title: "Callgate approvals", description: "Held calls for the people who decide them." });
	const voterOf = (request: Pick<FastifyRequest, "raw">): Voter => {
		const identity = callerOf(request);
		return { email: identity.email, identity };
	};

	http.get("/v1/approvals", { schema: listSchema, onRequest }, async (request) => listFor(parts, voterOf(request)));

	http.get<{ Params: { call: string } }>("/v1/approvals/:call", { schema: showSchema, onRequest }, async (request) =>
		viewOf(findFor(parts, voterOf(request), request.params.call), parts.groups()),
	);

	const voting = { schema: voteSchema, onRequest };
	http.post<{ Params: { call: string }; Body: Static<typeof Vote> }>("/v1/approvals/:call/votes", voting, async (request) => {
		const { verdict, reason, digest } = request.body;
		const { call } = request.params;
		if (!callId.test(call)) throw notFound();
		const voter = voterOf(request);
		return viewOf(await voteOnCall(parts, call, { voter, verdict, reason, digest, via: "api" }), parts.groups());
	});
}

const described = { security, response: problemAnswers };
const listSchema = { ...described, summary: "What waits for this person's decision, the oldest first" };
const showSchema = { ...described, summary: "One approval, for whoever was asked", params: CallParams };
const voteSchema = { ...described, summary: "Approve or reject a held call", params: CallParams, body: Vote };

/** Those that wait and that this person may decide. */
function listFor({ approvals, groups, now }: Parts, voter: Voter): { approvals: ApprovalView[]; more: boolean } {
	const [at, current] = [now(), groups()];
	const found: Waiting[] = [];
	for (const [, approval] of approvals.waiting()) {
		if (isOverdue(approval.question, at) || !mayDecide(approval, voter, current)) continue;
		if (found.length === listedMax) return { approvals: found.map((one) => viewOf(one, current)), more: true };
		found.push(approval);
	}
	return { approvals: found.map((one) => viewOf(one, current)), more: false };
}

/** To people who were not asked, a call that waits and one that does not exist are the same. */
function findFor({ approvals, groups }: Parts, voter: Voter, call: string): Shown {
	const approval = approvals.get(call);
	if (!isShown(approval) || !maySee(approval, voter, groups())) throw notFound();
	return approval;
}

function notFound(): Refusal {
	return new Refusal("not_found", { detail: "no such approval, or not one that you were asked for" });
}
