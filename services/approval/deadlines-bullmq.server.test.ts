// The timetable on a real Valkey: jobs come on time and once, an emptied one is filled again, and one that may lose jobs is refused.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { findFreePorts } from "../../infra/local/ports.ts";
import { provideValkey } from "../../infra/local/provide-valkey.ts";
import { type RunningValkey, startValkey } from "../../infra/local/run-valkey.ts";
import { patience } from "../../test/support/patience.ts";
import { type Deadlines, openDeadlines, UnsafeRedis } from "./deadlines-bullmq.ts";
import { planAgain } from "./expire-calls.ts";
import { call, noCounters, otherCall, silentLog, terms, World } from "./held-call.test-support.ts";
import type { Work } from "./ports.ts";
import { ApproversUnavailable, type Job, type Log } from "./ports.ts";
import { createJobs } from "./reach-approvers.ts";
import { handle } from "./service.ts";

let server: RunningValkey;
let redis: Redis;
let dir: string;
const open: Deadlines[] = [];

beforeAll(async () => {
	dir = await mkdtemp(join(tmpdir(), "callgate-valkey-"));
	const [port = 0] = await findFreePorts(1);
	const { binary } = await provideValkey(() => undefined);
	server = await startValkey({ binary, dir, port, password: randomBytes(16).toString("hex") });
	redis = new Redis(server.url, { maxRetriesPerRequest: null });
	redis.on("error", () => undefined);
}, 15 * 60_000);
afterAll(async () => {
	redis?.disconnect();
	await server?.stop();
	await rm(dir, { recursive: true });
});
beforeEach(async () => {
	await redis.flushall();
});
afterEach(async () => {
	await Promise.all(open.splice(0).map((deadlines) => deadlines.stop()));
});

async function timetable(over: { allowUnsafe?: boolean; log?: Log; failed?: () => void } = {}): Promise<Deadlines> {
	const counters = { timetableFailed: over.failed ?? (() => undefined) };
	const deadlines = await openDeadlines({
		url: server.url,
		allowUnsafe: over.allowUnsafe ?? false,
		concurrency: 4,
		counters,
		log: over.log ?? silentLog,
	});
	open.push(deadlines);
	return deadlines;
}
const job = (over: Partial<Job> = {}): Job => ({ call, kind: "expire", nth: "1", at: Date.now(), after: 0, ...over });

/** Work that records what it did and lets tests wait for it. */
function recorder(act: Work = async () => undefined) {
	const done: string[] = [];
	const waiting = new Set<() => void>();
	const work: Work = async (one, tries) => {
		await act(one, tries);
		done.push(`${one.kind} ${one.nth}`);
		for (const wake of waiting) wake();
	};
	const until = async (count: number): Promise<void> => {
		while (done.length < count) {
			const { promise, resolve } = Promise.withResolvers<void>();
			waiting.add(resolve);
			await promise;
			waiting.delete(resolve);
		}
	};
	return { work, done, until };
}

describe("jobs", () => {
	test("are done once, however often and by however many they are planned", async () => {
		const [one, other] = [await timetable(), await timetable()];
		const seen = recorder();
		for (let again = 0; again < 3; again++) await Promise.all([one.plan([job()]), other.plan([job()])]);
		one.startWork(seen.work);
		other.startWork(seen.work);
		await one.plan([job(), job({ nth: "2" })]);
		await seen.until(2);
		await other.plan([job()]);
		await other.plan([job({ nth: "3" })]);
		await seen.until(3);
		expect(seen.done.toSorted()).toEqual(["expire 1", "expire 2", "expire 3"]);
	});

	test("come when their time comes, not before", async () => {
		const deadlines = await timetable();
		const due = Date.now() + 300;
		const doneAt = new Map<string, number>();
		const seen = recorder(async ({ nth }) => void doneAt.set(nth, Date.now()));
		deadlines.startWork(seen.work);
		await deadlines.plan([job({ nth: "late", at: due }), job({ nth: "now" })]);
		await seen.until(2);
		expect([...doneAt.keys()].toSorted()).toEqual(["late", "now"]);
		// The two processes round the one clock to milliseconds, each its own way.
		expect(doneAt.get("late")).toBeGreaterThanOrEqual(due - 5);
	});

	test("are tried again after the time that Slack asked for", async () => {
		const deadlines = await timetable();
		const tried: number[] = [];
		const seen = recorder(async (_, tries) => {
			tried.push(tries);
			if (tries < 3) throw new ApproversUnavailable("ratelimited", 500);
		});
		deadlines.startWork(seen.work);
		await deadlines.plan([job({ kind: "deliver", nth: "#finance" })]);
		await seen.until(1);
		expect(tried).toEqual([1, 2, 3]);
	});

	test("survive a kill of Valkey", async () => {
		const deadlines = await timetable();
		await deadlines.plan([job({ at: Date.now() + 1_000 })]);
		// appendfsync everysec: what was acknowledged is in the operating system's hands.
		await server.kill("SIGKILL");
		await server.restart();
		const seen = recorder();
		deadlines.startWork(seen.work);
		await seen.until(1);
		expect(seen.done).toEqual(["expire 1"]);
	}, 60_000);
});

describe("an emptied Redis", () => {
	test("loses nothing: what the stream says is to be done is planned again", async () => {
		const world = new World();
		const replica = await world.replica();
		const deadlines = await timetable();
		const parts = { ...replica, timetable: deadlines };
		world.now = new Date();
		const expiresAt = new Date(Date.now() + 1_200).toISOString();
		await handle(parts, await world.held({ terms: terms({ expiresAt }) }));
		await planAgain(parts);
		await redis.flushall();
		await planAgain(parts);
		const seen = recorder(async (one, tries) => {
			world.now = new Date();
			await createJobs(parts)(one, tries);
		});
		deadlines.startWork(seen.work);
		await parts.approvals.until(() => parts.approvals.get(call).state === "ended", patience.timeout);
		expect(world.settled()).toMatchObject([{ type: "call.ended", data: { ending: "expired" } }]);
	}, 60_000);

	test("while nothing was lost, planning again adds nothing", async () => {
		const deadlines = await timetable();
		const jobs = [job({ at: Date.now() + 60_000 }), job({ call: otherCall, at: Date.now() + 60_000 })];
		await deadlines.plan(jobs);
		const commands = async () => Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info("commandstats"))?.[1] ?? 0);
		const before = await commands();
		await deadlines.plan(jobs);
		expect(await commands()).toBe(before);
		await redis.flushall();
		await deadlines.plan(jobs);
		expect(await redis.zcard("callgate:approvals:delayed")).toBe(2);
	});
});

describe("a Redis that may lose jobs", () => {
	afterEach(async () => {
		await redis.config("SET", "maxmemory-policy", "noeviction");
		await redis.config("SET", "appendonly", "yes");
	});

	test.each([
		["maxmemory-policy", "allkeys-lru"],
		["appendonly", "no"],
	])("because %s is %s is refused at start, and allowed only loudly", async (name, value) => {
		await redis.config("SET", name, value);
		await expect(timetable()).rejects.toThrow(UnsafeRedis);
		await expect(timetable()).rejects.toThrow(`${name} is ${value}`);
		const warnings: string[] = [];
		const log = { ...silentLog, warn: (_: object, message: string) => void warnings.push(message) };
		const allowed = await timetable({ allowUnsafe: true, log });
		expect(allowed.isUp()).toBe(true);
		expect(warnings).toContainEqual(expect.stringContaining("REDIS MAY LOSE JOBS"));
	});
});

test("a Redis that is away stops nobody: planning says so, and goes on when it is back", async () => {
	let failed = 0;
	const deadlines = await timetable({ failed: () => failed++ });
	const seen = recorder();
	deadlines.startWork(seen.work);
	await server.kill("SIGKILL");
	const world = new World();
	const replica = await world.replica();
	await handle({ ...replica, timetable: deadlines, counters: noCounters }, await world.held());
	await deadlines.plan([job()]);
	expect(failed).toBeGreaterThan(0);
	expect(deadlines.isUp()).toBe(false);
	await server.restart();
	while (seen.done.length === 0) {
		await deadlines.plan([job()]);
		await Promise.race([seen.until(1), new Promise((resolve) => setTimeout(resolve, 100))]);
	}
	expect(seen.done).toContain("expire 1");
}, 60_000);
