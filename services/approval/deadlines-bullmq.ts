// The timetable on BullMQ and Redis: it asks, reminds, escalates and expires on time and tries again. It owns nothing: emptied, it is filled again.
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type JobsOptions, Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import { showOutcomeForMs } from "./plan-jobs.ts";
import { ApproversUnavailable, type Counters, type Job, type Log, type Work, type WorkingTimetable } from "./ports.ts";

export interface DeadlinesOptions {
	/** `redis://` or `rediss://`, with user and password. */
	readonly url: string;
	/** Go on with a Redis that may throw jobs away: the stream still has everything, but jobs may come late. */
	readonly allowUnsafe: boolean;
	/** Jobs in work at once. */
	readonly concurrency: number;
	readonly counters: Pick<Counters, "timetableFailed">;
	readonly log: Log;
}

export interface Deadlines extends WorkingTimetable {
	/** Whether Redis is there and fit to be used. */
	isUp(): boolean;
	/** How Redis keeps what it acknowledges, as it said when it was connected last. */
	durability(): RedisDurability;
}

/** Redis' own words for its settings; `unknown` where it has not been asked yet or does not say. */
export type RedisDurability = Readonly<Record<(typeof redisSettings)[number], string>>;
const redisSettings = ["appendonly", "appendfsync", "maxmemory-policy"] as const;
const unknown: RedisDurability = { appendonly: "unknown", appendfsync: "unknown", "maxmemory-policy": "unknown" };

/** Redis is configured so that it may lose what it acknowledged. */
export class UnsafeRedis extends ExpectedError {
	constructor(faults: readonly string[]) {
		super(`Redis may lose jobs: ${faults.join("; ")}. Configure it, or set CALLGATE_REDIS_ALLOW_UNSAFE=true`);
	}
}

const queueName = "approvals";
const prefix = "callgate";
/** Done jobs are remembered for longer than they may be planned again. */
const doneForSeconds = (4 * showOutcomeForMs) / 1_000;
/** About a quarter of an hour of tries; after that the job is planned anew if it is still needed. */
const triesMax = 20;
const retryMsMin = 500;
const retryMsMax = 60_000;
const answerWithinMs = 5_000;
const plannedMax = 200_000;
const planEverythingAgainMs = 5 * 60_000;

/**
 * Connects. Resolves after the first look at Redis' configuration, or without it when Redis is away: votes do not need it.
 *
 * @throws {UnsafeRedis}
 */
export async function openDeadlines(options: DeadlinesOptions): Promise<Deadlines> {
	const { log } = options;
	const redis = new Redis(options.url, { maxRetriesPerRequest: null, retryStrategy: (times) => Math.min(times * 200, 2_000) });
	redis.on("error", logSometimes(log, "the timetable's Redis cannot be reached"));
	const planner = new Planner(redis, options);
	let worker: Worker | undefined;
	const startWorker = () => {
		if (worker && planner.open && !worker.isRunning()) void worker.run();
	};
	const firstCheck = Promise.withResolvers<void>();
	let durability = unknown;
	// Each time: whoever restarted it may have configured it anew, and it may have lost what it knew.
	const check = async () => {
		planner.forget();
		durability = await durabilityOf(redis, log);
		refuseUnsafe(durability, options);
		planner.open = true;
		startWorker();
	};
	redis.on("ready", () => {
		check().then(firstCheck.resolve, (error: unknown) => {
			planner.open = false;
			log.error({ error }, "the timetable cannot be used");
			firstCheck.reject(error);
		});
	});
	const within = (work: Promise<unknown>) => Promise.race([work, delay(answerWithinMs, undefined, { ref: false })]);
	const stop = async () => {
		planner.open = false;
		await within(worker?.close() ?? Promise.resolve());
		await within(planner.close());
		redis.disconnect();
	};
	await within(firstCheck.promise).catch(async (error: unknown) => {
		await stop();
		throw error;
	});
	firstCheck.promise.catch(() => undefined);
	return {
		plan: (jobs) => planner.plan(jobs),
		isUp: () => planner.open && redis.status === "ready",
		durability: () => durability,
		startWork: (work) => {
			worker = createWorker(redis, options, work, (id) => planner.failed(id));
			startWorker();
		},
		stop,
	};
}

/** @throws {UnsafeRedis} unless that is allowed; then it is said loudly. */
function refuseUnsafe(durability: RedisDurability, { allowUnsafe, log }: DeadlinesOptions): void {
	const faults = faultsOf(durability);
	if (faults.length === 0) return;
	if (!allowUnsafe) throw new UnsafeRedis(faults);
	log.warn({ faults }, "REDIS MAY LOSE JOBS: the stream still has everything, but people may be asked late");
}

/** Equal jobs have equal ids, on every replica, whatever their planner had read. BullMQ's own ids must not contain a colon, and a channel's name may contain anything. */
export function jobIdOf({ call, kind, nth }: Pick<Job, "call" | "kind" | "nth">): string {
	return `${call}-${kind}-${createHash("sha256").update(nth).digest("hex").slice(0, 16)}`;
}

/** Milliseconds until the next try: what the other side asked for, else longer each time, never in step with other jobs. */
export function retryDelayMs(tries: number, error: unknown, random: () => number = Math.random): number {
	const asked = error instanceof ApproversUnavailable ? error.retryAfterMs : undefined;
	if (asked !== undefined) return Math.min(Math.max(asked, retryMsMin), 10 * retryMsMax) + Math.floor(random() * retryMsMin);
	return Math.floor(Math.min(retryMsMin * 2 ** Math.min(tries - 1, 16), retryMsMax) * (0.75 + random() * 0.5));
}

const jobOptions: JobsOptions = {
	attempts: triesMax,
	backoff: { type: "custom" },
	removeOnComplete: { age: doneForSeconds, count: 50_000 },
	removeOnFail: true,
	stackTraceLimit: 0,
};

class Planner {
	/** Whether Redis has been looked at and may be used. */
	open = false;
	private readonly redis: Redis;
	private readonly queue: Queue;
	private readonly options: DeadlinesOptions;
	/** What this replica added already, so that looking again every few seconds costs nothing. */
	private readonly planned = new Set<string>();
	/** By a clock that nobody sets. */
	private forgotAtMs = performance.now();
	/** Gone when Redis was emptied: then everything is added again. */
	private readonly marker = `${prefix}:${queueName}-planner:${randomUUID()}`;
	private readonly failure: (error: unknown) => void;

	constructor(redis: Redis, options: DeadlinesOptions) {
		this.redis = redis;
		this.options = options;
		this.queue = new Queue(queueName, { connection: redis, prefix, defaultJobOptions: jobOptions });
		this.failure = logSometimes(options.log, "jobs cannot be put on the timetable now; they are planned again");
		this.queue.on("error", () => undefined);
	}

	async plan(jobs: readonly Job[]): Promise<void> {
		if (!this.open || this.redis.status !== "ready") {
			if (jobs.length > 0) this.options.counters.timetableFailed();
			return;
		}
		const late = delay(answerWithinMs, undefined, { ref: false }).then(() => Promise.reject(new Error("Redis did not answer in time")));
		try {
			await Promise.race([this.add(jobs), late]);
		} catch (error) {
			this.forget();
			this.options.counters.timetableFailed();
			this.failure(error);
		}
	}

	private async add(jobs: readonly Job[]): Promise<void> {
		const marked = await this.redis.set(this.marker, "1", "EX", 86_400, "GET");
		if (marked === null || this.planned.size > plannedMax || performance.now() - this.forgotAtMs > planEverythingAgainMs) this.forget();
		const fresh = jobs.filter((job) => !this.planned.has(jobIdOf(job)));
		for (let start = 0; start < fresh.length; start += 500) {
			const some = fresh.slice(start, start + 500);
			await this.queue.addBulk(
				some.map(({ call, kind, nth, at, after }) => ({
					name: kind,
					data: { call, kind, nth, after },
					opts: { jobId: jobIdOf({ call, kind, nth }), delay: Math.max(0, at - Date.now()) },
				})),
			);
			for (const job of some) this.planned.add(jobIdOf(job));
		}
	}

	failed(id: string): void {
		this.planned.delete(id);
	}

	forget(): void {
		this.planned.clear();
		this.forgotAtMs = performance.now();
	}

	async close(): Promise<void> {
		await this.queue.close();
	}
}

function createWorker(redis: Redis, { concurrency, log }: DeadlinesOptions, work: Work, onFailed: (id: string) => void): Worker {
	const worker = new Worker(
		queueName,
		async ({ data, attemptsMade }) => {
			const { call, kind, nth, after } = data as Omit<Job, "at">;
			await work({ call, kind, nth, after, at: Date.now() }, attemptsMade + 1);
		},
		{
			...{ connection: redis, prefix, concurrency, autorun: false },
			settings: { backoffStrategy: (tries: number, _type: string | undefined, error: Error | undefined) => retryDelayMs(tries, error) },
		},
	);
	worker.on("error", logSometimes(log, "the timetable's worker met an error"));
	worker.on("failed", (job, error) => {
		if (!job) return;
		const { call, kind } = job.data as Omit<Job, "at">;
		log.warn({ call, kind, tries: job.attemptsMade, error }, "a job failed; it is tried again while it is needed");
		if (job.id && job.attemptsMade >= triesMax) onFailed(job.id);
	});
	return worker;
}

/** Asks Redis how it keeps what it acknowledges. Managed ones may not say; then that is said. */
async function durabilityOf(redis: Redis, log: Log): Promise<RedisDurability> {
	const told: Record<(typeof redisSettings)[number], string> = { ...unknown };
	try {
		for (const name of redisSettings) {
			const [, value] = (await redis.config("GET", name)) as string[];
			told[name] = value ?? "not set";
		}
	} catch (error) {
		// Only a refusal to tell is forgiven; an error of the connection comes back with the next `ready`.
		if (!(error instanceof Error) || error.name !== "ReplyError") throw error;
		log.warn({ error }, "REDIS DOES NOT SAY how it keeps data: make sure of maxmemory-policy noeviction and appendonly yes yourself");
	}
	return told;
}

function faultsOf({ appendonly, "maxmemory-policy": policy }: RedisDurability): string[] {
	const fault = (name: string, found: string, expected: string) =>
		found === expected || found === "unknown" ? [] : [`${name} is ${found}, expected ${expected}`];
	return [...fault("maxmemory-policy", policy, "noeviction"), ...fault("appendonly", appendonly, "yes")];
}

/** The same trouble is worth a line every ten seconds, not one a retry. */
function logSometimes(log: Log, message: string): (error: unknown) => void {
	let lastMs = Number.NEGATIVE_INFINITY;
	return (error) => {
		if (performance.now() - lastMs < 10_000) return;
		lastMs = performance.now();
		log.warn({ error }, message);
	};
}
