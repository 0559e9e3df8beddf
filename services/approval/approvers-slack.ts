// Slack as the place where approvers are asked, and as the one who says whose click it was.
import { WebAPIHTTPError, WebAPIPlatformError, WebAPIRateLimitedError, WebAPIRequestError, WebClient } from "@slack/web-api";
import { isEmail } from "#libs/contracts/email.ts";
import type { Delivered, Waiting } from "./approval.ts";
import { type Approvers, ApproversUnavailable, type Counters, type Groups, type Shown } from "./ports.ts";
import { cardOf, type ReasonAsked, reasonView } from "./slack-card.ts";
import { escapeMrkdwn, fitted, slackTime } from "./slack-text.ts";

export interface SlackOptions {
	/** `xoxb-…`, with the scopes chat:write, users:read and users:read.email. */
	readonly token: string;
	/** `https://slack.com/api/`, or a stand-in's. */
	readonly apiUrl: string;
}

/** One try must leave time for the three seconds in which a modal can be opened. */
const timeoutMs = 10_000;
/** Slack cuts texts of more than 4,000 characters into several messages. */
const whisperMax = 3_000;

/** Whose click it was, or why it counts for nobody. */
export type SlackPerson =
	| { readonly email: string }
	| { readonly refused: "unknown" | "deleted" | "bot" | "guest" | "foreign" | "unconfirmed" };

export interface SlackApp extends Approvers {
	/** Says something to one person in a channel. */
	whisper(channelId: string, user: string, text: string): Promise<void>;
	/** Asks the person who clicked for a reason; within three seconds of the click. */
	askReason(triggerId: string, asked: ReasonAsked, what: string): Promise<void>;
	/** Full, living members of our own workspace have an e-mail address here; nobody else does. Answers at most a minute old. */
	personOf(user: string): Promise<SlackPerson>;
}

/** Where there is no Slack, nobody is asked there: approvers use the API. */
export function openSlack(options: SlackOptions | undefined, counters: Pick<Counters, "slackFailed">): SlackApp | undefined {
	return options && createSlack(options, counters);
}

export function createSlack({ token, apiUrl }: SlackOptions, counters: Pick<Counters, "slackFailed">): SlackApp {
	const client = new WebClient(token, {
		slackApiUrl: apiUrl,
		// The timetable tries again, with Slack's own Retry-After and without blocking other messages.
		retryConfig: { retries: 0 },
		rejectRateLimitedCalls: true,
		timeout: timeoutMs,
		maxRequestConcurrency: 10,
		allowAbsoluteUrls: false,
		// Its log lines repeat arguments; what matters is thrown, counted and logged by us.
		logger: silentLogger,
	});
	const once = async <T>(call: () => Promise<T>): Promise<T> => {
		try {
			return await call();
		} catch (error) {
			const unavailable = unavailableOf(error);
			counters.slackFailed(unavailable.code);
			throw unavailable;
		}
	};
	let team: string | undefined;
	const ownTeam = async (): Promise<string | undefined> => {
		team ??= (await client.auth.test()).team_id;
		return team;
	};
	const people = createPeopleCache((user) => once(() => lookUp(client, user, ownTeam)));

	return {
		async ask(channel: string, approval: Waiting, groups: Groups): Promise<Delivered> {
			const { text, blocks } = cardOf(approval, groups);
			const posted = await once(() => client.chat.postMessage({ channel, text, blocks, ...quiet }));
			if (!posted.channel || !posted.ts) throw new ApproversUnavailable("no_message");
			return { channel, channelId: posted.channel, messageTs: posted.ts };
		},
		async show({ channelId, messageTs }: Delivered, approval: Shown, groups: Groups): Promise<void> {
			const { text, blocks } = cardOf(approval, groups);
			await once(() => client.chat.update({ channel: channelId, ts: messageTs, text, blocks }));
		},
		async remind({ channelId, messageTs }: Delivered, { question: { asked } }: Waiting): Promise<void> {
			const text = `Still waiting: ${escapeMrkdwn(`${asked.connection}/${asked.function}`)}, until ${slackTime(new Date(asked.terms.expiresAt))}.`;
			await once(() => client.chat.postMessage({ channel: channelId, thread_ts: messageTs, reply_broadcast: true, text, ...quiet }));
		},
		async whisper(channel, user, text) {
			await once(() => client.chat.postEphemeral({ channel, user, text: escapeMrkdwn(fitted(text, whisperMax).text) }));
		},
		async askReason(triggerId, asked, what) {
			await once(() => client.views.open({ trigger_id: triggerId, view: reasonView(asked, what) }));
		},
		personOf: people,
	};
}

/** Nothing that a caller wrote is fetched, previewed or turned into a link. */
const quiet = { unfurl_links: false, unfurl_media: false, link_names: false } as const;

async function lookUp(client: WebClient, user: string, ownTeam: () => Promise<string | undefined>): Promise<SlackPerson> {
	let found: Awaited<ReturnType<typeof client.users.info>>["user"];
	let team: string | undefined;
	try {
		// Side by side: a modal must be open three seconds after the click.
		[team, found] = await Promise.all([ownTeam(), client.users.info({ user }).then((answer) => answer.user)]);
	} catch (error) {
		if (error instanceof WebAPIPlatformError && (error.data.error === "user_not_found" || error.data.error === "user_not_visible")) {
			return { refused: "unknown" };
		}
		throw error;
	}
	if (!found || found.id !== user) return { refused: "unknown" };
	if (found.deleted !== false) return { refused: "deleted" };
	if (found.is_bot !== false || found.is_app_user === true) return { refused: "bot" };
	if (found.is_restricted || found.is_ultra_restricted || ("is_stranger" in found && found.is_stranger)) return { refused: "guest" };
	// A member of a connected workspace could carry any e-mail address that their own administrators let them have.
	if (team === undefined || found.team_id !== team) return { refused: "foreign" };
	if (found.is_email_confirmed === false) return { refused: "unconfirmed" };
	const email = found.profile?.email;
	return email && isEmail(email) ? { email } : { refused: "unknown" };
}

const cacheForMs = 60_000;
const cachedMax = 1_000;

/** Keeps who has which address for a minute, by a clock that nobody sets back; refusals are asked anew each time. */
function createPeopleCache(load: (user: string) => Promise<SlackPerson>): (user: string) => Promise<SlackPerson> {
	const known = new Map<string, { person: SlackPerson; untilMs: number }>();
	return async (user) => {
		const cached = known.get(user);
		if (cached && cached.untilMs > performance.now()) return cached.person;
		known.delete(user);
		const person = await load(user);
		if ("email" in person) known.set(user, { person, untilMs: performance.now() + cacheForMs });
		for (const oldest of known.keys()) {
			if (known.size <= cachedMax) break;
			known.delete(oldest);
		}
		return person;
	};
}

function unavailableOf(error: unknown): ApproversUnavailable {
	if (error instanceof ApproversUnavailable) return error;
	if (error instanceof WebAPIRateLimitedError) return new ApproversUnavailable("ratelimited", error.retryAfter * 1000);
	if (error instanceof WebAPIPlatformError) return new ApproversUnavailable(error.data.error);
	if (error instanceof WebAPIHTTPError) return new ApproversUnavailable(`http_${error.statusCode}`);
	return new ApproversUnavailable(error instanceof WebAPIRequestError ? "unreachable" : "failed");
}

const ignore = () => undefined;
const silentLogger = {
	debug: ignore,
	info: ignore,
	warn: ignore,
	error: ignore,
	setLevel: ignore,
	setName: ignore,
	getLevel: () => "error" as never,
};
