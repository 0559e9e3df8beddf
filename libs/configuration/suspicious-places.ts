// Places of a document that a Connection names which say more to a model than to whoever reviews them: the folder is refused for them, or they are told.
import type { MadeFunction } from "#libs/functions/function.ts";
import { isRecord, memberOf } from "#libs/functions/schema.ts";
import { type Suspect, suspectsIn } from "#libs/mcp/suspects.ts";
import { type HttpTransport, httpMethods } from "#libs/openapi/http-transport.ts";
import type { Fault } from "./configuration-error.ts";
import type { ConnectionDocument } from "./kinds/connection.ts";

export type SuspiciousPlaces = { readonly refused: readonly Fault[]; readonly told: readonly Fault[] };

export function suspiciousPlaces({ suspicious }: Pick<ConnectionDocument, "suspicious">, suspects: readonly Suspect[]): SuspiciousPlaces {
	const { invisible = "refuse", instructions = "tell" } = suspicious ?? {};
	const faults = (what: Suspect["what"]): Fault[] =>
		suspects
			.filter((one) => one.what === what)
			.map(({ path, found }) => ({ path, message: `${foundBy[what]} (${found}), ${expectedOf[what]}` }));
	const byTerm = { refuse: [] as Fault[], tell: [] as Fault[] };
	byTerm[invisible].push(...faults("invisible"));
	byTerm[instructions].push(...faults("instruction"));
	return { refused: byTerm.refuse, told: byTerm.tell };
}

const foundBy = { invisible: "found characters that nobody sees", instruction: "found a text that gives a model orders" } as const;
const expectedOf = {
	invisible: "expected a text that is what it shows; leave the entry out (expose: false), or say suspicious: { invisible: tell }",
	instruction: "expected one that says what the entry does",
} as const;

/** Of an OpenAPI document: its operations that are functions, and what they may share. Of the rest callers are shown nothing. */
export function suspectsInOpenapi(openapi: unknown, functions: readonly MadeFunction<HttpTransport>[]): Suspect[] {
	const shown = new Set(functions.map(({ transport }) => `${transport.method} ${transport.pathTemplate}`));
	const isShown = (template: string, member: string) => {
		const method = httpMethods.find((one) => one.toLowerCase() === member);
		return method === undefined || shown.has(`${method} ${template}`);
	};
	const inPaths = membersOf(memberOf(openapi, "paths")).flatMap(([template, item]) =>
		membersOf(item).flatMap(([member, value]) => (isShown(template, member) ? suspectsIn(value, ["paths", template, member]) : [])),
	);
	return [...inPaths, ...suspectsIn(memberOf(openapi, "components"), ["components"])];
}

function membersOf(value: unknown): [string, unknown][] {
	return isRecord(value) ? Object.entries(value) : [];
}
