// Approvals over HTTP, for approvers without Slack: what they may decide, and their vote.
import type { FastifyInstance, FastifyRequest } from "fastify";
import { type Static, type TSchema, Type } from "typebox";
import { Compile } from "typebox/compile";
import { type Caller, callIdPattern } from "#libs/contracts/call.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { authorizationOf } from "#libs/identity/authorization-header.ts";
import { isOverdue, type Waiting } from "./approval.ts";
import { type ApprovalView, mayDecide, maySee, viewOf } from "./approval-view.ts";
import { reasonCharactersMax } from "./decide-approval.ts";
import type { Voter } from "./eligibility.ts";
import { isShown, type Parts, type Shown } from "./ports.ts";
import { voteOnCall } from "./vote-on-call.ts";

export interface HttpListenerOptions {
	readonly parts: Parts;
	/** @throws {Refusal} `unauthenticated` */
	readonly authenticate: (authorization: readonly string[]) => Promise<Caller>;
}

/** One page; the oldest come first, so whoever decides them sees the next. */
const listedMax = 200;

const Vote = Type.Object(
	{
		verdict: Type.Union([Type.Literal("approve"), Type.Literal("reject")]),
		reason: Type.Optional(Type.String({ maxLength: reasonCharactersMax })),
		/** The digest that the approver saw: a vote on another call is refused. */
		digest: Type.Optional(Type.String({ pattern: "^sha256:[0-9a-f]{64}$" })),
	},
	{ additionalProperties: false },
);
const vote = Compile(Vote);
const callId = new RegExp(callIdPattern);

/** Serves `GET /v1/approvals`, `GET /v1/approvals/{call}` and `POST /v1/approvals/{call}/votes`. */
export function listenHttp(http: FastifyInstance, { parts, authenticate }: HttpListenerOptions): void {
	const voterOf = async (request: FastifyRequest): Promise<Voter> => {
		const caller = await authenticate(authorizationOf(request.raw));
		return { email: caller.email, identity: caller };
	};

	http.get("/v1/approvals", async (request) => {
		const voter = await voterOf(request);
		return listFor(parts, voter);
	});

	http.get<{ Params: { call: string } }>("/v1/approvals/:call", async (request) => {
		const voter = await voterOf(request);
		return viewOf(findFor(parts, voter, request.params.call), parts.groups());
	});

	http.post<{ Params: { call: string } }>("/v1/approvals/:call/votes", async (request) => {
		const voter = await voterOf(request);
		const { verdict, reason, digest } = parseVote(request.body);
		const { call } = request.params;
		if (!callId.test(call)) throw notFound();
		return viewOf(await voteOnCall(parts, call, { voter, verdict, reason, digest, via: "api" }), parts.groups());
	});
}

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

function parseVote(body: unknown): Static<typeof Vote> {
	if (is(vote, body)) return body;
	const [first] = vote.Errors(body);
	const pointer = first?.instancePath ?? "";
	throw new Refusal("malformed_request", {
		detail: 'expected {"verdict": "approve" or "reject", "reason"?, "digest"?}',
		errors: [{ pointer, message: first?.message ?? "is not a vote" }],
	});
}

function is<T extends TSchema>(validator: { Check(value: unknown): boolean; Type(): T }, value: unknown): value is Static<T> {
	return validator.Check(value);
}
