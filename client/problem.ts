// What Callgate answers where there is no answer of a function: one problem with a stable code (RFC 9457).

/** The codes, and what to do about each, are in Callgate's docs/reference/problems.md. */
export interface Problem {
	readonly status: number;
	/** Stable: `denied`, `expired`, `outcome_unknown`, … */
	readonly code: string;
	readonly title: string;
	readonly detail?: string;
	/** What whoever reads it can do. */
	readonly advice?: string;
	/** The call's id, where there is a call. */
	readonly call?: string;
	/** The rules that decided, and why. */
	readonly rules?: readonly string[];
	readonly reasons?: readonly { readonly code: string; readonly rule?: string; readonly message?: string }[];
	/** Of arguments that do not fit: a JSON pointer (RFC 6901) and what is wrong there. */
	readonly errors?: readonly { readonly pointer: string; readonly message: string }[];
}

/** A call was denied, rejected, expired, cancelled, failed, or never begun; `problem.code` says which. */
export class ProblemError extends Error {
	readonly problem: Problem;
	/** Seconds after which the same may be asked again, where the answer said so. */
	readonly retryAfterSeconds: number | undefined;

	constructor(problem: Problem, retryAfterSeconds?: number) {
		super(`${problem.title}${problem.detail === undefined ? "" : `: ${problem.detail}`} (${problem.code})`);
		this.name = "ProblemError";
		this.problem = problem;
		this.retryAfterSeconds = retryAfterSeconds;
	}
}

/** Something else answered: a proxy on the way, or another server at this address. */
export class NotCallgate extends Error {
	readonly status: number;

	constructor(host: string, status: number) {
		super(`what answers at ${host} with ${status} is not Callgate: expected JSON, or a problem with a code`);
		this.name = "NotCallgate";
		this.status = status;
	}
}

/** The problem in the body of an answer, or undefined where it holds none. */
export function readProblem(body: unknown, status: number): Problem | undefined {
	if (typeof body !== "object" || body === null) return undefined;
	const problem = body as Partial<Problem>;
	if (typeof problem.code !== "string" || typeof problem.title !== "string") return undefined;
	return { ...(problem as Problem), status };
}
