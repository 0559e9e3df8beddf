// What another thread runs: a pure function of a configuration and an input, and how its outcome comes back.
import { compileActivated } from "#libs/configuration/compile-configuration.ts";
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { SourceFiles } from "#libs/configuration/source-files.ts";
import { type ProblemCode, type ProblemDetails, Refusal } from "#libs/contracts/problems.ts";

export interface Job<Input> {
	readonly revision: string;
	/** Absent where the thread may know the revision already. */
	readonly files?: SourceFiles;
	readonly input: Input;
}

/** Classes do not survive the way between threads, so what is refused is told as what it says. */
export type Outcome<Output> =
	| { readonly kind: "done"; readonly output: Output }
	| { readonly kind: "refused"; readonly code: ProblemCode; readonly details: ProblemDetails }
	| { readonly kind: "revision unknown" };

/** Revisions a thread keeps compiled, the last used last. It holds no keys: what it reads is open already, and what it makes is not sealed yet. */
const known = new Map<string, Configuration>();
const knownMax = 4;

/** A job as the pool runs it. */
export function job<Input, Output>(work: (configuration: Configuration, input: Input) => Output): (task: Job<Input>) => Outcome<Output> {
	return ({ revision, files, input }) => {
		const configuration = known.get(revision) ?? (files && compiled(files));
		if (configuration?.revision !== revision) return { kind: "revision unknown" };
		known.delete(revision);
		known.set(revision, configuration);
		for (const oldest of known.keys()) {
			if (known.size <= knownMax) break;
			known.delete(oldest);
		}
		try {
			return { kind: "done", output: work(configuration, input) };
		} catch (error) {
			if (error instanceof Refusal) return { kind: "refused", code: error.code, details: error.details };
			throw error;
		}
	};
}

/** A job that needs no configuration, and refuses nothing. */
export function plainJob<Input, Output>(work: (input: Input) => Output): (task: Job<Input>) => Outcome<Output> {
	return ({ input }) => ({ kind: "done", output: work(input) });
}

function compiled(files: SourceFiles): Configuration | undefined {
	const result = compileActivated(files);
	return result.ok ? result.configuration : undefined;
}
