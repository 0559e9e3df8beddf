// A token that is refused: the reason, and in words what is wrong with it. Never a value.
import { type AuthenticationFailure, NotAuthenticated } from "#libs/contracts/not-authenticated.ts";

export function refused(reason: AuthenticationFailure, why: string): NotAuthenticated {
	return new NotAuthenticated(reason, { detail: `the token is refused: ${why}` });
}
