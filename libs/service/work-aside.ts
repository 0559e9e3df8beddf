// Work that would keep everybody waiting, done in another thread: where a text is longer than some kilobytes, or has to be held against dear patterns.
import { availableParallelism } from "node:os";
import { Tinypool } from "tinypool";
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import type { Job, Outcome } from "./aside-job.ts";

/**
 * Texts up to this are worked on where they arrive: the dearest that the slowness search found takes some 20 ms then, an ordinary one half of
 * one. A trip to another thread costs a millisecond, and a call that waits behind others' large ones more.
 */
export const hereCharsMax = 32 * 1024;
/** The same where what is found becomes what only keys can make: it is longer than what was found, and read again. */
export const hereKeyedCharsMax = hereCharsMax / 4;

export interface Aside {
	/**
	 * Runs a job by its name in the module of jobs. Callers take turns: one who brings many large texts waits behind the others, not they.
	 *
	 * @throws what the job refuses, {@link AsideTooSlow}, and why nobody waits for it any more
	 */
	run<Input, Output>(name: string, about: About, input: Input): Promise<Output>;
	close(): Promise<void>;
}

export interface About {
	/** Whose turn it takes. */
	readonly turn: string;
	/** Absent for a job that needs none. */
	readonly configuration?: Configuration;
	/** Aborted, with the reason, when nobody waits for it any more: it is dropped unless it has begun. */
	readonly gone?: AbortSignal | undefined;
}

/** A caller's turn, under the revision that its call is about. */
export function turnOf(configuration: Configuration, caller: Pick<Caller, "issuer" | "subject">, gone?: AbortSignal): About {
	return { configuration, turn: oneCaller(caller), gone };
}

/** Whoever has this in common is one caller, where callers share something. */
export function oneCaller({ issuer, subject }: Pick<Caller, "issuer" | "subject">): string {
	return `${issuer} ${subject}`;
}

/** The job was ended unfinished: a thread that starts and compiles a configuration has ten times the time that it takes. */
export class AsideTooSlow extends ExpectedError {
	constructor(name: string, timeMsMax: number) {
		super(`${name} took longer than ${timeMsMax} ms and was ended`);
	}
}

const jobMsMax = 30_000;
/** One core is left to those who are not large. */
const threadsMax = Math.max(1, Math.min(4, availableParallelism() - 1));

/** @param module that exports the jobs, each made by `job` of aside-job.ts. Threads are started when there is a first job for them. */
export function createAside(module: URL, threads = threadsMax, timeMsMax = jobMsMax): Aside {
	const pool = new Tinypool({
		filename: module.href,
		minThreads: 0,
		maxThreads: threads,
		idleTimeout: 600_000,
		resourceLimits: { maxOldGenerationSizeMb: 1_024 },
	});
	const turns = new Turns(threads);
	const runOnce = async <Input, Output>(name: string, task: Job<Input>): Promise<Outcome<Output>> => {
		const signal = AbortSignal.timeout(timeMsMax);
		try {
			return (await pool.run(task, { name, signal })) as Outcome<Output>;
		} catch (error) {
			throw signal.aborted ? new AsideTooSlow(name, timeMsMax) : error;
		}
	};
	return {
		run: (name, { turn, configuration, gone }, input) =>
			turns.take(turn, gone, async () => {
				const revision = configuration?.revision ?? "";
				let outcome = await runOnce(name, { revision, input });
				// A thread compiles a revision itself, once; the files are large and are sent only to one that lacks them.
				if (outcome.kind === "revision unknown" && configuration)
					outcome = await runOnce(name, { revision, files: configuration.files, input });
				if (outcome.kind === "refused") throw new Refusal(outcome.code, outcome.details);
				if (outcome.kind === "revision unknown") throw new Error(`a thread could not compile revision ${revision}`);
				return outcome.output as never;
			}),
		close: () => pool.destroy(),
	};
}

/** Who may run next: each one in turn, and nobody in all places at once while there is more than one. */
class Turns {
	private readonly places: number;
	/** In the order in which they came; whoever leaves must not cost a walk along the others. */
	private readonly waiting = new Map<string, Set<() => void>>();
	private readonly running = new Map<string, number>();
	private taken = 0;

	constructor(places: number) {
		this.places = places;
	}

	/** @throws the reason of `gone` if that is aborted first. */
	async take<Output>(who: string, gone: AbortSignal | undefined, work: () => Promise<Output>): Promise<Output> {
		await this.turn(who, gone);
		try {
			return await work();
		} finally {
			this.taken--;
			this.count(who, -1);
			this.startNext();
		}
	}

	private async turn(who: string, gone: AbortSignal | undefined): Promise<void> {
		gone?.throwIfAborted();
		const { promise, resolve: start, reject } = Promise.withResolvers<void>();
		const leave = () => {
			this.leaveLine(who, start);
			reject(gone?.reason);
		};
		gone?.addEventListener("abort", leave);
		this.waiting.set(who, (this.waiting.get(who) ?? new Set()).add(start));
		this.startNext();
		await promise.finally(() => gone?.removeEventListener("abort", leave));
	}

	private startNext(): void {
		if (this.taken >= this.places) return;
		const own = Math.max(1, this.places - 1);
		for (const [who, line] of this.waiting) {
			const [start] = line;
			if ((this.running.get(who) ?? 0) >= own || !start) continue;
			this.leaveLine(who, start);
			// To the end of those who wait.
			if (this.waiting.delete(who)) this.waiting.set(who, line);
			this.taken++;
			this.count(who, 1);
			start();
			return;
		}
	}

	private leaveLine(who: string, start: () => void): void {
		const line = this.waiting.get(who);
		line?.delete(start);
		if (line?.size === 0) this.waiting.delete(who);
	}

	private count(who: string, change: number): void {
		const running = (this.running.get(who) ?? 0) + change;
		if (running > 0) this.running.set(who, running);
		else this.running.delete(who);
	}
}
