// Where a configured claim stands in a token: a name, or a path of names joined by dots (`realm_access.roles`).
import { refused } from "./refused.ts";

export type Members = Readonly<Record<string, unknown>>;

export interface FoundClaim {
	readonly value: unknown;
	/** The object that the claim is a member of. */
	readonly beside: Members;
}

/** An optional claim that is `null` or empty says as little as one that is missing. */
export function isAbsent(value: unknown): boolean {
	return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

export function isMembers(value: unknown): value is Members {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a value is, without the value. */
export function kindOf(value: unknown): string {
	if (value === undefined || value === null) return "missing";
	if (isAbsent(value)) return "empty";
	if (Array.isArray(value)) return "a list";
	const kinds: Readonly<Record<string, string>> = { string: "a text", number: "a number", boolean: "true or false" };
	return kinds[typeof value] ?? "an object";
}

/**
 * A dot leads into an object, or belongs to a name: `https://example.com/groups` is one name, `resource_access.my.client.roles` finds the
 * roles of the client `my.client`. The token shows which, as only what it has can be found.
 *
 * @returns undefined where the claim is absent.
 * @throws {NotAuthenticated} `claim_malformed` where the path leads into something that is no object, or can be read in two ways.
 */
export function claimAt(claims: Members, path: string): FoundClaim | undefined {
	const dead: string[] = [];
	const found = [...readings(claims, path, "", dead)].filter(({ value }) => !isAbsent(value));
	if (found.length > 1) throw refused("claim_malformed", `its claim ${path} can be read in ${found.length} ways, expected one`);
	const [blocked] = dead;
	if (found[0] === undefined && blocked !== undefined)
		throw refused("claim_malformed", `its claim ${blocked}, expected an object with ${path}`);
	return found[0];
}

/** Each object of a token is reached by one sequence of names, so this looks at none of them twice. */
function* readings(beside: Members, path: string, above: string, dead: string[]): Generator<FoundClaim> {
	if (Object.hasOwn(beside, path)) yield { value: beside[path], beside };
	for (let dot = path.indexOf("."); dot !== -1; dot = path.indexOf(".", dot + 1)) {
		const name = path.slice(0, dot);
		const inner = Object.hasOwn(beside, name) ? beside[name] : undefined;
		if (isMembers(inner)) yield* readings(inner, path.slice(dot + 1), `${above}${name}.`, dead);
		else if (!isAbsent(inner)) dead.push(`${above}${name} is ${kindOf(inner)}`);
	}
}
