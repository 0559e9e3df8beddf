// For tests of approval with Slack: the stand-in, the real client, the real listener, and a timetable that does at once what is due.
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import type { Event } from "#libs/contracts/events.ts";
import { createHttp } from "#libs/service/http.ts";
import { createMetrics } from "#libs/service/metrics.ts";
import { tellRefusals } from "#libs/service/refusal-events.ts";
import { channels, people } from "../../infra/local/demo/people.ts";
import { startSlack } from "../../infra/local/demo/slack.ts";
import { patience } from "../../test/support/patience.ts";
import { createSlack } from "./approvers-slack.ts";
import { jobIdOf } from "./deadlines-bullmq.ts";
import { noCounters, World } from "./held-call.test-support.ts";
import { listenSlack } from "./listen-slack.ts";
import type { Job, Parts } from "./ports.ts";
import { createJobs } from "./reach-approvers.ts";
import { handle } from "./service.ts";

export const signingSecret = "signing-secret-of-the-test";
const botToken = "xoxb-test-token";

export type Workspace = Awaited<ReturnType<typeof startWorkspace>>;

export async function startWorkspace() {
	const dataDir = await mkdtemp(join(tmpdir(), "callgate-approval-"));
	// Slack is told where clicks go before there is anybody to take them: the port is held meanwhile.
	const front = createServer();
	await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
	const interactivityUrl = `http://127.0.0.1:${(front.address() as AddressInfo).port}/slack/interactions`;
	const world = new World();
	const now = () => world.now.getTime();
	const slack = await startSlack({ port: 0, botToken, signingSecret, interactivityUrl, people, channels, dataDir, now });
	const app = createSlack({ token: botToken, apiUrl: slack.apiUrl }, noCounters);
	const replica = await world.replica(app);
	const failures: unknown[] = [];
	const parts: Parts = { ...replica, timetable: { plan: async (jobs) => await doDue(jobs) } };
	const work = createJobs(parts);
	const done = new Set<string>();
	async function doDue(jobs: readonly Job[]): Promise<void> {
		const now = world.now.getTime();
		for (const job of jobs) {
			if (job.at > now || done.has(jobIdOf(job))) continue;
			done.add(jobIdOf(job));
			await work(job, 1).catch((error: unknown) => failures.push(error));
		}
	}
	const http = createHttp({ log: pino({ level: "silent" }), metrics: createMetrics("approval"), ready: {}, bodyBytesMax: 1_024 });
	const clicks = listenSlack(http, {
		parts,
		slack: app,
		signingSecret,
		strangers: tellRefusals("control.authentication.failed", "approval", replica),
	});
	await http.ready();
	front.on("request", http.routing);

	const messages = () => slack.messages().filter((message) => message.ephemeralFor === undefined);
	/** Looks again whenever something changes in Slack. */
	async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
		for (let version = 0; ; ) {
			const seen = await look();
			if (seen !== undefined) return seen;
			version = await slack.waitForChange(version, 5_000);
		}
	}
	return {
		...{ world, slack, app, parts, work, failures, messages, until, interactivityUrl },
		/** A held call whose question is in Slack, on record. */
		async ask(over: Partial<Event<"call.held">["data"]> = {}) {
			const held = await world.held(over);
			await handle(parts, held);
			await parts.approvals.until(() => world.said().includes("approval.delivered"), patience.timeout);
			return await until(() => messages().at(-1));
		},
		/** What the app whispered to this person last. */
		async whispered(user: string, before = 0): Promise<string> {
			const person = people.find(({ name }) => name === user);
			return await until(() => slack.messages().filter(({ ephemeralFor }) => ephemeralFor === person?.slackId)[before]?.text);
		},
		/** Resolves when every click that was acknowledged is done with. */
		idle: clicks.idle,
		/** The modal in front of this person, once there is one. */
		async modal(user: string): Promise<unknown> {
			return await until(async () => {
				const answer = (await (await fetch(`${slack.url}/_demo/view?user=${user}`)).json()) as { view?: unknown };
				return answer.view;
			});
		},
		async [Symbol.asyncDispose]() {
			front.closeAllConnections();
			front.close();
			await http.close();
			await clicks.idle();
			await slack.stop();
			await rm(dataDir, { recursive: true });
		},
	};
}
