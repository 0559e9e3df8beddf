// The two ways masking refuses: a specification that cannot be compiled, and a value that cannot be masked with certainty.
import { ExpectedError } from "#libs/contracts/expected-error.ts";

/** Why a value could not be masked. */
export type MaskingFault = "too_deep" | "too_many_nodes" | "too_long" | "not_json";

/**
 * A value was not masked. Whoever catches this must not release the value (fail closed); the message says which bound was met and never
 * repeats any of the value.
 */
export class MaskingError extends ExpectedError {
	readonly fault: MaskingFault;
	constructor(fault: MaskingFault, message: string) {
		super(message);
		this.fault = fault;
	}
}

/** One thing wrong in a `MaskSpec`. `offset` is in UTF-16 code units of `selector`; both are absent where the problem is not in a selector. */
export interface MaskSpecProblem {
	readonly message: string;
	readonly selector?: string;
	readonly offset?: number;
}

/** A `MaskSpec` that does not compile, with everything that is wrong in it. It is configuration, so the messages may quote it. */
export class MaskSpecError extends ExpectedError {
	readonly problems: readonly MaskSpecProblem[];
	constructor(problems: readonly MaskSpecProblem[]) {
		super(problems.map((problem) => problem.message).join("\n"));
		this.problems = problems;
	}
}
