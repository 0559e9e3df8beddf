// How people and scripts use the stand-in: the page's forms, and a JSON API that tests and the tour click with.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { RateLimit } from "./slack-api.ts";
import type { Click, Interactivity, Submission } from "./slack-interactivity.ts";
import { pagePolicy, pageScript, pageStyle, renderPage } from "./slack-page.ts";
import { viewAnswer } from "./slack-views.ts";
import type { Workspace } from "./slack-workspace.ts";

export type ControlOptions = { readonly workspace: Workspace; readonly interactivity: Interactivity; readonly rateLimit: RateLimit };

const waitMaxMs = 25_000;
type Form = Readonly<Record<string, string>>;

/**
 * The page at `/`, and for scripts:
 * `GET /_demo/messages`, `GET /_demo/wait?since=N` (answers when something changed, or after 25 s), `GET /_demo/view?user=dana`,
 * `POST /_demo/click {user, channel, ts, action_id, block_id?}`, `POST /_demo/submit-view {user, values}`, `POST /_demo/close-view {user}`,
 * `POST /_demo/rate-limit {count, retryAfter?}`. Users and channels are named by id or name.
 */
export function serveControl(app: FastifyInstance, options: ControlOptions): void {
	app.register(async (scope) => {
		scope.addHook("onRequest", refuseOtherSites);
		servePage(scope, options);
		serveScripts(scope, options);
	});
}

/** Another web page must not be able to click here, nor to read what was posted by pointing its own name at this address. */
async function refuseOtherSites(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
	const site = request.headers["sec-fetch-site"] ?? "none";
	const own = ["127.0.0.1", "localhost", "[::1]"].includes(request.hostname);
	return own && (site === "none" || site === "same-origin") ? undefined : reply.code(403).send({ ok: false, error: "other_site" });
}

function servePage(app: FastifyInstance, { workspace, interactivity }: ControlOptions): void {
	app.get<{ Querystring: Form }>("/", (request, reply) => {
		const person = workspace.person(request.query.as ?? "") ?? workspace.people[0];
		const asked = workspace.channel(request.query.channel ?? "");
		const othersDirect = asked?.id.startsWith("D") && asked.id !== workspace.channel(person?.slackId ?? "")?.id;
		const channel = asked && !othersDirect ? asked : workspace.channels[0];
		if (!person || !channel) return reply.code(404).send("This workspace is empty.");
		reply.header("Content-Security-Policy", pagePolicy).header("Cache-Control", "no-store").header("X-Content-Type-Options", "nosniff");
		return reply.type("text/html").send(renderPage(workspace, person, channel));
	});
	app.get("/slack-page.css", (_request, reply) => reply.type("text/css").send(pageStyle));
	app.get("/slack-page.js", (_request, reply) => reply.type("text/javascript").send(pageScript));
	app.get("/favicon.ico", (_request, reply) => reply.code(204).send());

	// Each form leads back to the page it was on, which shows what came of it.
	const back = (reply: FastifyReply, form: Form) =>
		reply.redirect(`/?${new URLSearchParams({ as: form.as ?? "", channel: form.channel ?? "" })}`, 303);
	app.post<{ Body: Form }>("/click", async ({ body }, reply) => {
		await interactivity.click(clickOf({ ...body, user: body.as }));
		return back(reply, body);
	});
	app.post<{ Body: Form }>("/submit-view", async ({ body }, reply) => {
		const values = Object.entries(body).filter(([name]) => name.startsWith("value."));
		await interactivity.submitView({
			user: body.as ?? "",
			values: Object.fromEntries(values.map(([name, value]) => [name.slice(6), value])),
		});
		return back(reply, body);
	});
	app.post<{ Body: Form }>("/close-view", async ({ body }, reply) => {
		await interactivity.closeView(body.as ?? "");
		return back(reply, body);
	});
}

function serveScripts(app: FastifyInstance, { workspace, interactivity, rateLimit }: ControlOptions): void {
	app.get("/_demo/messages", () => ({ version: workspace.version(), messages: shownMessages(workspace) }));
	app.get<{ Querystring: { since?: string } }>("/_demo/wait", async ({ query }) => ({
		version: await workspace.waitForChange(Number(query.since ?? 0), waitMaxMs),
	}));
	app.get<{ Querystring: { user?: string } }>("/_demo/view", ({ query }) => {
		const open = workspace.viewOf(workspace.person(query.user ?? "")?.slackId ?? "");
		return open ? { ok: true, view: viewAnswer(open), errors: open.errors } : { ok: false, error: "no_open_view" };
	});
	app.post<{ Body: Record<string, unknown> }>("/_demo/click", ({ body }) => interactivity.click(clickOf(body)));
	app.post<{ Body: Submission }>("/_demo/submit-view", ({ body }) =>
		interactivity.submitView({ user: String(body.user), values: body.values ?? {} }),
	);
	app.post<{ Body: { user?: string } }>("/_demo/close-view", ({ body }) => interactivity.closeView(String(body.user)));
	app.post<{ Body: { count?: number; retryAfter?: number } }>("/_demo/rate-limit", ({ body }) => {
		rateLimit.count = Math.max(0, Number(body.count) || 0);
		rateLimit.retryAfterS = Math.max(0, Number(body.retryAfter ?? 1));
		return { ok: true };
	});
}

function clickOf(body: Readonly<Record<string, unknown>>): Click {
	const { user, channel, ts, action_id, block_id } = body;
	const block = block_id === undefined ? {} : { block_id: String(block_id) };
	return { user: String(user), channel: String(channel), ts: String(ts), action_id: String(action_id), ...block };
}

/** Everything in the workspace in the shape of Slack's messages, with the channel's name and who alone sees it. */
export function shownMessages(workspace: Workspace) {
	return workspace.messages().map((message) => ({ ...message, channelName: workspace.channel(message.channel)?.name ?? "" }));
}
