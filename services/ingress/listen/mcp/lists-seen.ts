// What a caller sees of a list, as a digest: whoever kept an older one knows whether the list changed for this caller, and learns of no other change.
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { Configuration } from "#libs/configuration/configuration.ts";
import { listEntries } from "./list-entries.ts";
import { listTools } from "./list-tools.ts";
import type { Asking } from "./meant.ts";

/** Lists that may change while a client listens, and the requests that are answered with them. */
const requestsOf = {
	tools: ["tools/list"],
	prompts: ["prompts/list"],
	resources: ["resources/list", "resources/templates/list"],
} as const;
export type ChangeableList = keyof typeof requestsOf;
export const changeableLists = Object.keys(requestsOf) as ChangeableList[];

export function isChangeable(capability: string): capability is ChangeableList {
	return Object.hasOwn(requestsOf, capability);
}

/** Of every page, as a client of 2026-07-28 would be answered. Between two pages other people's requests have their turn. */
export async function digestOfList(configuration: Configuration, asking: Asking, list: ChangeableList, now: Date): Promise<string> {
	const { caller, only } = asking;
	const hash = createHash("sha256");
	for (const method of requestsOf[list]) {
		let cursor: unknown;
		do {
			await setImmediate();
			const page: Readonly<Record<string, unknown>> | undefined =
				method === "tools/list"
					? { ...listTools(configuration, { caller, only, cursor, isModern: true }) }
					: (await listEntries(configuration, { caller, only, method, cursor, now }))?.page;
			hash.update(JSON.stringify(page ?? null));
			cursor = page?.nextCursor;
		} while (cursor !== undefined);
	}
	return hash.digest("base64");
}
