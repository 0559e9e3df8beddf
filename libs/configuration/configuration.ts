// A compiled configuration: what the services work with, and nothing they would have to look up in files.
import type { CompiledPolicy } from "#libs/policy/compiled-policy.ts";
import type { Connection } from "./kinds/connection.ts";
import type { Group } from "./kinds/group.ts";
import type { Issuer } from "./kinds/issuer.ts";
import type { SourceFiles } from "./source-files.ts";

/** One revision. Never changed after it was compiled; two with equal `revision` are equal. */
export type Configuration = {
	/** `sha256:` of the files that it was compiled from. */
	readonly revision: string;
	/** The files that were used; pack them to hand the revision on. */
	readonly files: SourceFiles;
	/** In the order of their names, like the two below. */
	readonly issuers: readonly Issuer[];
	readonly connections: readonly Connection[];
	readonly groups: readonly Group[];
	readonly policy: CompiledPolicy;
	/** By the exact `iss` of a token; several documents may name one issuer (for several audiences). */
	issuersOf(iss: string): readonly Issuer[];
	connection(name: string): Connection | undefined;
	group(name: string): Group | undefined;
};

export type Parts = Pick<Configuration, "revision" | "files" | "issuers" | "connections" | "groups" | "policy">;

export function createConfiguration(parts: Parts): Configuration {
	const byName = <T extends { readonly name: string }>(items: readonly T[]): T[] =>
		items.toSorted((one, other) => (one.name < other.name ? -1 : 1));
	const connections = new Map(parts.connections.map((connection) => [connection.name, connection]));
	const groups = new Map(parts.groups.map((group) => [group.name, group]));
	const issuers = Map.groupBy(byName(parts.issuers), ({ issuer }) => issuer);
	return {
		...parts,
		issuers: byName(parts.issuers),
		connections: byName(parts.connections),
		groups: byName(parts.groups),
		issuersOf: (iss) => issuers.get(iss) ?? [],
		connection: (name) => connections.get(name),
		group: (name) => groups.get(name),
	};
}
