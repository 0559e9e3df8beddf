// What an MCP client is told that has no token: which authorization servers give one for this address (RFC 9728; MCP's authorization).
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";
import type { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";

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
	const servers = (named.length > 0 ? named : issuers).map(({ issuer }) => issuer);
	return { resource, authorization_servers: [...new Set(servers)], bearer_methods_supported: ["header"], resource_name: "Callgate" };
}

/** The challenge of a 401 (RFC 6750 section 3, RFC 9728 section 5.1). `invalid_token` only where there was one: who sent none is told no error. */
export function challengeOf(error: NotAuthenticated, publicUrl: string | undefined, connection: string | undefined): string {
	const parameters = ['realm="callgate"'];
	if (error.reason !== "no_token") parameters.push('error="invalid_token"');
	const path = `${wellKnown}/mcp${connection === undefined ? "" : `/${connection}`}`;
	if (publicUrl !== undefined) parameters.push(`resource_metadata="${publicUrl}${path}"`);
	return `Bearer ${parameters.join(", ")}`;
}
