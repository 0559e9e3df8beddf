// Names of functions that one takes for another's: at /mcp and in tool lists a model sees those of every connection at once.
import { lookOf } from "#libs/mcp/suspects.ts";

interface Named {
	readonly connection: string;
	readonly name: string;
}

/** Connections whose names look alike, each with the earlier one. */
export function alikeConnections(names: readonly string[]): { readonly name: string; readonly earlier: string }[] {
	const first = new Map<string, string>();
	return names.flatMap((name) => {
		const look = lookOf(name);
		const earlier = first.get(look);
		if (earlier === undefined) first.set(look, name);
		return earlier === undefined ? [] : [{ name, earlier }];
	});
}

/** The functions of other connections, and others of its own, that a function of one looks like. */
export function createLookAlikes(all: readonly Named[]): (of: Named) => Named | undefined {
	const byLook = Map.groupBy(all, ({ name }) => lookOf(name));
	return ({ connection, name }) => byLook.get(lookOf(name))?.find((other) => other.connection !== connection || other.name !== name);
}
