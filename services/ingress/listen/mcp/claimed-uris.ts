// Which URIs of resources a connection pins: those in its list, and those that one of its templates could become.
import type { Connection } from "#libs/configuration/kinds/connection.ts";
import { mayExpandTo } from "#libs/mcp/pinned-entries.ts";

export interface Claims {
	/** Whether the URI is a resource of the connection, or could be. */
	has(uri: string): boolean;
	/** Whether the text is the URI of a listed resource, or a listed template. */
	lists(uri: string): boolean;
}

/** Made once for a connection of a configuration, which never changes. */
const made = new WeakMap<Connection, Claims>();

export function claimsOf(connection: Connection): Claims {
	const known = made.get(connection);
	if (known) return known;
	const { transport } = connection;
	const { resources, resourceTemplates } = transport.protocol === "mcp" ? transport.pinned : { resources: [], resourceTemplates: [] };
	const uris = new Set(resources.map(({ uri }) => uri));
	const templates = new Set(resourceTemplates.map(({ uriTemplate }) => uriTemplate));
	const claims = {
		has: (uri: string) => uris.has(uri) || resourceTemplates.some((template) => mayExpandTo(template, uri)),
		lists: (uri: string) => uris.has(uri) || templates.has(uri),
	};
	made.set(connection, claims);
	return claims;
}
