// The Authorization header of a request, every value of it, as it came.
import type { IncomingMessage } from "node:http";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";

/** Of a token: some thousand groups of a large directory fit, and reading a stranger's costs well under a millisecond. */
export const tokenCharactersMax = 49_152;

/** Node keeps only the first of several; whoever sends two must be refused, not read in one of two ways. */
export function authorizationOf({ rawHeaders }: Pick<IncomingMessage, "rawHeaders">): string[] {
	return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === "authorization");
}

/** RFC 6750 section 2.1: exactly one header, exactly one token. Tokens in the query or the body are not accepted. */
export function bearerToken(authorization: readonly string[]): string {
	if (authorization.length === 0) throw new NotAuthenticated("no_token");
	if (authorization.length > 1) throw new NotAuthenticated("several_tokens");
	const [header = ""] = authorization;
	if (header.length > tokenCharactersMax) {
		const detail = `the token has ${header.length} characters, at most ${tokenCharactersMax} are taken`;
		throw new NotAuthenticated("token_too_large", { detail });
	}
	const match = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i.exec(header);
	if (!match?.[1]) throw new NotAuthenticated("not_a_token");
	return match[1];
}
