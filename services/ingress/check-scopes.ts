// Whether a caller's token may be used for what is asked, as its Issuer says: before policy, which knows callers and not their tokens.
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import type { TokenScopes } from "#libs/identity/token-scopes.ts";

/** What is asked for; absent: any request at all. */
interface Asked {
	readonly connection: string;
	readonly function: string;
}

/** Each once, in the order in which the Issuer names them. */
export function neededScopes(issuers: readonly Issuer[], asked?: Asked): string[] {
	const rules = issuers.flatMap(({ scopes }) => scopes);
	const applies = ({ connection, functions }: Issuer["scopes"][number]) =>
		connection === undefined || (connection === asked?.connection && (functions === undefined || functions.includes(asked.function)));
	return [...new Set(rules.filter(applies).flatMap(({ needs }) => needs))];
}

/** @throws {Refusal} `insufficient_scope`, with all that is needed */
export function checkScopes(
	configuration: Pick<Configuration, "issuersOf">,
	scopes: Pick<TokenScopes, "of">,
	caller: Caller,
	asked?: Asked,
): void {
	const vouched = scopes.of(caller);
	const issuers = configuration.issuersOf(caller.issuer);
	const named = issuers.filter(({ name }) => name === vouched?.issuer);
	// Where the document is not known any more, or the token never was, whatever any of them asks for is needed.
	const needed = neededScopes(named.length > 0 ? named : issuers, asked);
	const lacking = needed.filter((scope) => !vouched?.scopes.has(scope));
	if (lacking.length === 0) return;
	throw new Refusal("insufficient_scope", { detail: `the token lacks ${lacking.join(", ")}`, scopes: needed });
}
