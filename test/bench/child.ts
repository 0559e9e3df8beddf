// The bench's own processes: each is started with a channel on which it is asked by name, so that measuring never shares an event loop with what is measured.
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";

export interface Child {
	readonly name: string;
	readonly pid: number;
	/** @throws what the process answered as its error, or that it ended. */
	ask<Answer>(verb: string, argument?: unknown): Promise<Answer>;
	kill(signal: NodeJS.Signals): void;
	stop(): Promise<void>;
}

type Question = { readonly id: number; readonly verb: string; readonly argument: unknown };
type Reply = { readonly id: number; readonly answer?: unknown; readonly error?: string };
/** What a process does when asked. */
export type Verbs = Readonly<Record<string, (argument: never) => unknown>>;

/** Starts `test/bench/<script>` and resolves when it said that it is ready. It ends when this process does. */
export async function startChild(name: string, script: string, settings: object): Promise<Child> {
	const child = fork(join(import.meta.dirname, script), [JSON.stringify(settings)], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
	const waiting = new Map<number, PromiseWithResolvers<unknown>>();
	const ready = Promise.withResolvers<unknown>();
	waiting.set(0, ready);
	let asked = 0;
	child.on("message", ({ id, answer, error }: Reply) => {
		const question = waiting.get(id);
		waiting.delete(id);
		if (error === undefined) question?.resolve(answer);
		else question?.reject(new Error(`${name}: ${error}`));
	});
	child.once("exit", (code, signal) => {
		for (const question of waiting.values()) question.reject(new Error(`the bench's process ${name} ended (${signal ?? code})`));
	});
	await ready.promise;
	return {
		name,
		pid: child.pid ?? 0,
		async ask<Answer>(verb: string, argument?: unknown) {
			if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the bench's process ${name} has ended`);
			const question = Promise.withResolvers<unknown>();
			const id = ++asked;
			waiting.set(id, question);
			child.send({ id, verb, argument } satisfies Question);
			return (await question.promise) as Answer;
		},
		kill: (signal) => void child.kill(signal),
		stop: () => ended(child),
	};
}

function ended(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
	return new Promise((resolve) => {
		child.once("exit", () => resolve());
		child.kill("SIGKILL");
	});
}

/** In the process: what it was started with. */
export function settingsOf<Settings>(): Settings {
	return JSON.parse(process.argv[2] ?? "{}") as Settings;
}

/** In the process: says that it is ready, and from then on does what it is asked. Ends when the bench does. */
export function serve(verbs: Verbs): void {
	const tell = (reply: Reply) => process.send?.(reply);
	process.on("message", ({ id, verb, argument }: Question) => {
		const act = async () => await verbs[verb]?.(argument as never);
		act().then(
			(answer) => tell({ id, answer }),
			(error: unknown) => tell({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
		);
	});
	process.on("disconnect", () => process.exit(0));
	tell({ id: 0 });
}
