// What an MCP client is told that has no token: which authorization servers give one for this address (RFC 9728; MCP's authorization).
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import type { Refusal } from "#libs/contracts/problems.ts";
import { neededScopes } from "../../check-scopes.ts";

const wellKnown = "/.well-known/oauth-protected-resource";

/** Paths of the metadata: RFC 9728 section 3.1 puts its own path before the resource's. */
export const metadataPaths = { "/mcp": `${wellKnown}/mcp`, "/mcp/:connection": `${wellKnown}/mcp/:connection` } as const;

/** An address as clients name it (RFC 8707). @param publicUrl where callers reach this API, without a path */
function resourceOf(publicUrl: string, connection: string | undefined): string {
	return `${publicUrl}/mcp${connection === undefined ? "" : `/${connection}`}`;
}

/**
 * Whoever asks is told the same of every connection's name: which ones there are is for callers alone. Where Issuers name this address as their
 * `audience` they are those that give tokens for it; where none does, each may.
 */
export function resourceMetadata(publicUrl: string, issuers: readonly Issuer[], connection: string | undefined): object {
	const resource = resourceOf(publicUrl, connection);
	const named = issuers.filter(({ audience }) => audience.includes(resource));
	const asked = named.length > 0 ? named : issuers;
	// What every request needs. What single functions need beside is said to whoever calls them: a client asks for no more than it has use for.
	const scopes = neededScopes(asked);
	return {
		resource,
		authorization_servers: [...new Set(asked.map(({ issuer }) => issuer))],
		...(scopes.length > 0 && { scopes_supported: scopes }),
		bearer_methods_supported: ["header"],
		resource_name: "Callgate",
	};
}

/**
 * The challenge of a 401, or of a 403 for want of scopes (RFC 6750 section 3, RFC 9728 section 5.1). `invalid_token` only where there was a token: who sent none
 * is told no error.
 */
export function challengeOf(error: Refusal, publicUrl: string | undefined, connection: string | undefined): string {
	const parameters = ['realm="callgate"'];
	if (error instanceof NotAuthenticated && error.reason !== "no_token") parameters.push('error="invalid_token"');
	const { scopes } = error.details;
	if (scopes) parameters.push('error="insufficient_scope"', `scope="${scopes.join(" ")}"`);
	const path = `${wellKnown}/mcp${connection === undefined ? "" : `/${connection}`}`;
	if (publicUrl !== undefined) parameters.push(`resource_metadata="${publicUrl}${path}"`);
	return `Bearer ${parameters.join(", ")}`;
}
