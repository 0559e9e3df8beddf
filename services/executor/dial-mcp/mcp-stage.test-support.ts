// For the dialer's tests: a connection to a server, and calls of its tools ready to be dialled.
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import { written } from "#libs/functions/transport.ts";
import { createAside } from "#libs/service/work-aside.ts";
import { DialError } from "../dial-error.ts";
import type { Asked } from "../ports.ts";

/** Starts no thread before a server lists much. */
export const aside = createAside(new URL("../work.ts", import.meta.url));

export interface StageOptions {
	readonly url: string;
	readonly revision: string;
	readonly tools: readonly object[];
	readonly more?: string;
	readonly lists?: object;
}

/** @param more members of the connection, a line each */
export function connectionTo({ url, revision, tools, more = "", lists = {} }: StageOptions) {
	const text = `kind: Connection\nname: api\nprotocol: mcp\nurl: ${url}\nallowPrivateAddresses: true\nmcp: api.mcp.json\n${more}`;
	const pinned = JSON.stringify({ protocolVersion: revision, tools, ...lists });
	const compiled = compileConfiguration({ "a.yaml": text, "api.mcp.json": pinned });
	if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
	const connection = compiled.configuration.connection("api");
	if (!connection) throw new Error("there is no connection");
	return (
		args: Record<string, unknown>,
		{ fn: name = "say", timeoutMs = 60_000, fields = [] as readonly (readonly [string, string])[] } = {},
	): Asked => {
		const fn = connection.function(name);
		const sent = fn && written(fn.transport, args);
		if (!fn || !sent || "errors" in sent) throw new Error(`${name} cannot be called`);
		return { connection, fn: { ...fn, timeoutMs }, written: sent, fields, idempotencyKey: undefined };
	};
}

/** What a dial failed with. @throws where it did not, or with something else */
export async function failureOf(work: Promise<unknown>): Promise<DialError> {
	const error = await work.then(
		() => undefined,
		(thrown: unknown) => thrown,
	);
	if (!(error instanceof DialError)) throw new Error(`expected a DialError, saw ${String(error)}`);
	return error;
}
