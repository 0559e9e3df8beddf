// A call that cannot run, found before it is claimed.
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import type { ProblemCode } from "#libs/contracts/problems.ts";

/** Nothing was sent, and trying again changes nothing. The detail is safe for the caller. */
export class CannotRun extends ExpectedError {
	readonly code: ProblemCode;
	constructor(code: ProblemCode, detail: string) {
		super(detail);
		this.code = code;
	}
}
