// The HTTP side of Slack's Web API: who calls, in which encoding, how often; the answers are `slack-methods.ts`.
import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { type SlackAnswer, type SlackArguments, slackMethods } from "./slack-methods.ts";
import type { Workspace } from "./slack-workspace.ts";

/** How many of the next calls are refused as too many, and what `Retry-After` they get (seconds). */
export type RateLimit = { count: number; retryAfterS: number };

export type SlackApiOptions = { readonly workspace: Workspace; readonly botToken: string; readonly rateLimit: RateLimit };

/** Serves `/api/{method}`. As in Slack everything but a rate limit is HTTP 200 and `ok` tells. */
export function serveSlackApi(app: FastifyInstance, { workspace, botToken, rateLimit }: SlackApiOptions): void {
	app.route<{ Params: { method: string } }>({
		method: ["GET", "POST"],
		url: "/api/:method",
		exposeHeadRoute: false,
		handler: async (request, reply) => {
			if (rateLimit.count > 0) {
				rateLimit.count -= 1;
				return reply.code(429).header("Retry-After", rateLimit.retryAfterS).send({ ok: false, error: "ratelimited" });
			}
			const args = argumentsOf(request);
			return "refused" in args ? args.refused : answer(workspace, botToken, request, args.given);
		},
	});
}

function answer(
	workspace: Workspace,
	botToken: string,
	request: FastifyRequest<{ Params: { method: string } }>,
	args: SlackArguments,
): SlackAnswer {
	const { method } = request.params;
	const run = Object.hasOwn(slackMethods, method) ? slackMethods[method] : undefined;
	if (!run) return { ok: false, error: "unknown_method", req_method: method };
	const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1] ?? args.token;
	if (typeof token !== "string" || token === "") return { ok: false, error: "not_authed" };
	if (!equal(token, botToken)) return { ok: false, error: "invalid_auth" };
	return run(workspace, args);
}

/** JSON bodies count only with a bearer header, as in Slack; forms and queries may carry the token. */
function argumentsOf(request: FastifyRequest): { given: SlackArguments } | { refused: SlackAnswer } {
	const { body } = request;
	if (body === undefined || body === null) return { given: { ...(request.query as object) } };
	if (typeof body !== "object" || Array.isArray(body)) return { refused: { ok: false, error: "json_not_object" } };
	return { given: { ...body } };
}

function equal(given: string, expected: string): boolean {
	const digest = (text: string) => createHash("sha256").update(text).digest();
	return timingSafeEqual(digest(given), digest(expected));
}
