// The demo's Slack: speaks the real Web API and the real interactivity protocol, keeps its messages, and shows them as a page that can be clicked.
import Fastify, { type FastifyInstance } from "fastify";
import type { Channel, Person } from "./people.ts";
import { type RateLimit, serveSlackApi } from "./slack-api.ts";
import { serveControl, shownMessages } from "./slack-control.ts";
import { type Click, createInteractivity, type Interactivity, type Outcome, type Submission } from "./slack-interactivity.ts";
import { openWorkspace } from "./slack-workspace.ts";

export type SlackOptions = {
	/** 0 picks a free one. */
	readonly port: number;
	/** What the app sends as a bearer token (`xoxb-…`). */
	readonly botToken: string;
	/** What requests to the app are signed with. */
	readonly signingSecret: string;
	/** Where the app takes clicks. */
	readonly interactivityUrl: string;
	readonly people: readonly Person[];
	readonly channels: readonly Channel[];
	/** Keeps `slack.jsonl`. */
	readonly dataDir: string;
	/** How long the app has to answer a click. Default: 3,000, as in Slack. */
	readonly ackTimeoutMs?: number;
	/** Milliseconds since the epoch; tests move it. */
	readonly now?: () => number;
};

export type Slack = {
	readonly url: string;
	/** For `new WebClient(token, { slackApiUrl })`. */
	readonly apiUrl: string;
	messages(): ReturnType<typeof shownMessages>;
	click(click: Click): Promise<Outcome>;
	submitView(submission: Submission): Promise<Outcome>;
	/** Resolves when something was posted or changed after `since` (a version that `GET /_demo/messages` names), at the latest after `waitMs`. */
	waitForChange(since: number, waitMs: number): Promise<number>;
	stop(): Promise<void>;
};

const bodyBytesMax = 1024 * 1024;

/** Starts the stand-in on 127.0.0.1 with what an earlier run left in `dataDir`. Rejects when the port is taken. */
export async function startSlack(options: SlackOptions): Promise<Slack> {
	const { people, channels, dataDir, now = Date.now, ackTimeoutMs = 3_000, interactivityUrl, signingSecret, botToken } = options;
	const workspace = openWorkspace({ people, channels, dataDir, now });
	const rateLimit: RateLimit = { count: 0, retryAfterS: 1 };
	const app = Fastify({ bodyLimit: bodyBytesMax, forceCloseConnections: true });
	let url = "";
	const interactivity = createInteractivity({ workspace, interactivityUrl, signingSecret, ackTimeoutMs, ownUrl: () => url });
	readForms(app);
	serveSlackApi(app, { workspace, botToken, rateLimit });
	serveResponseUrls(app, interactivity);
	serveControl(app, { workspace, interactivity, rateLimit });
	url = await app.listen({ port: options.port, host: "127.0.0.1" });
	return {
		url,
		apiUrl: `${url}/api/`,
		messages: () => shownMessages(workspace),
		click: interactivity.click,
		submitView: interactivity.submitView,
		waitForChange: workspace.waitForChange,
		stop: async () => {
			await app.close();
			await workspace.close();
		},
	};
}

/** Slack's clients and browsers send forms; the first of a repeated field counts. */
function readForms(app: FastifyInstance): void {
	app.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, (_request, body, done) => {
		const form: Record<string, string> = {};
		for (const [name, value] of new URLSearchParams(String(body))) if (!Object.hasOwn(form, name)) form[name] = value;
		done(null, form);
	});
	app.setErrorHandler((error: { statusCode?: number; code?: string }, _request, reply) => {
		const badJson = error.code === "FST_ERR_CTP_INVALID_JSON_BODY" || error.code === "FST_ERR_CTP_EMPTY_JSON_BODY";
		// As in Slack, a body that cannot be read is an answer like any other.
		return badJson
			? reply.code(200).send({ ok: false, error: "invalid_json" })
			: reply.code(error.statusCode ?? 500).send({ ok: false, error: "fatal_error" });
	});
}

function serveResponseUrls(app: FastifyInstance, interactivity: Interactivity): void {
	app.post<{ Body: unknown }>("/actions/:team/:token", ({ url, body }, reply) => {
		const given = typeof body === "object" && body !== null ? { ...body } : {};
		const answer = interactivity.respond(url, given);
		return answer.ok ? reply.type("text/plain").send("ok") : reply.code(404).send(answer);
	});
}
