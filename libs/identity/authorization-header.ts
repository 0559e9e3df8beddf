// The Authorization header of a request, every value of it, as it came.
import type { IncomingMessage } from "node:http";

/** Node keeps only the first of several; whoever sends two must be refused, not read in one of two ways. */
export function authorizationOf({ rawHeaders }: Pick<IncomingMessage, "rawHeaders">): string[] {
	return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === "authorization");
}
