// The life of a process: start, say so, run until told to stop, stop without losing anything. The one library file that touches `process`.
import { ConfigurationInvalid } from "./config.ts";
import { armCrashPoint } from "./crash-point.ts";
import { createLogger, type Logger } from "./logger.ts";

/** What a service hands back once it runs. */
export interface Running {
	/** Finishes what is in work and takes nothing new. Called once. */
	stop(): Promise<void>;
	/** Resolves with the reason once the process must not go on, not even to finish what is in work. */
	readonly broken?: Promise<Error>;
}

/** How long a graceful stop may take: longer than the slowest function call that is in work. */
const stopMsMax = 45_000;

/**
 * Runs one service to its end. A start that fails exits 1 with the reason; an error that nobody caught exits 70, because a process in an
 * unknown state must not go on deciding or dialling, and so does one that is told to be broken.
 */
export function runService(name: string, start: (log: Logger, environment: NodeJS.ProcessEnv) => Promise<Running>): void {
	const log = createLogger(name, process.env.CALLGATE_LOG_LEVEL ?? "info");
	// For fault tests alone: see crash-point.ts.
	armCrashPoint(process.env.CALLGATE_CRASH_AT);
	let stopping = false;

	const crash = (what: string) => (error: unknown) => {
		log.fatal({ error }, what);
		process.exit(70);
	};
	process.on("uncaughtException", crash("uncaught exception"));
	process.on("unhandledRejection", crash("unhandled rejection"));

	start(log, process.env).then(
		(running) => {
			log.info("running");
			running.broken?.then(crash("must not go on"));
			const stop = (signal: string) => {
				if (stopping) return;
				stopping = true;
				log.info({ signal }, "stopping");
				setTimeout(() => {
					log.error({ stopMsMax }, "stopping took too long: what was left is delivered again elsewhere");
					process.exit(1);
				}, stopMsMax).unref();
				running.stop().then(
					() => {
						log.info("stopped");
						log.flush();
						process.exit(0);
					},
					(error: unknown) => {
						log.error({ error }, "stopping failed");
						process.exit(1);
					},
				);
			};
			process.on("SIGTERM", () => stop("SIGTERM"));
			process.on("SIGINT", () => stop("SIGINT"));
		},
		(error: unknown) => {
			if (error instanceof ConfigurationInvalid) process.stderr.write(`callgate ${name}: ${error.message}\n`);
			log.fatal({ error }, "cannot start");
			process.exit(1);
		},
	);
}
