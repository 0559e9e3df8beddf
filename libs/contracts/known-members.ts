// What this version knows of a value that a newer one may have written: members that no schema declares are left out, everything else stays as it is.
import type { TSchema } from "typebox";
import { itemsOf, propertiesOf } from "./classification.ts";

/**
 * A copy of `value` with only the members that `schema` declares, at every depth; where a schema says nothing of members, nothing is
 * looked into. What is left out has no class, so it is a secret: nobody downstream may see it, and nobody does.
 *
 * It makes nothing valid that was not: the result is still to be checked.
 */
export function knownMembers(schema: TSchema, value: unknown): unknown {
	const properties = propertiesOf(schema);
	if (properties && typeof value === "object" && value !== null && !Array.isArray(value)) {
		const known: Record<string, unknown> = {};
		for (const [name, member] of Object.entries(properties)) {
			if (Object.hasOwn(value, name)) known[name] = knownMembers(member, (value as Record<string, unknown>)[name]);
		}
		return known;
	}
	const items = itemsOf(schema);
	if (items && Array.isArray(value)) return value.map((item) => knownMembers(items, item));
	return value;
}
