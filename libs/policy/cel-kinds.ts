// The types of the CEL library's functions as the kinds of our values.
import type { CelFunc, CelType } from "@bufbuild/cel";
import { anything, type Kind, type ValueType } from "./value-type.ts";

/** Whether values of these types may be given to a function, its target first. */
export function fits(one: CelFunc, types: readonly ValueType[]): boolean {
	const wanted = [...(one.target === undefined ? [] : [one.target]), ...one.arguments].map(kindsOf);
	return wanted.length === types.length && wanted.every((kinds, at) => kinds.some((kind) => types[at]?.kinds.has(kind)));
}

/** The library's type as ours; those that no condition can produce (bytes, unsigned) are of no kind. */
export function kindsOf(type: CelType): readonly Kind[] {
	switch (type.kind) {
		case "list":
		case "map":
			return [type.kind];
		case "object":
			return [type.name === "google.protobuf.Duration" ? "duration" : "timestamp"];
		default:
			return kindsByName[type.name] ?? [];
	}
}

const kindsByName: Readonly<Record<string, readonly Kind[]>> = {
	...{ bool: ["bool"], int: ["int"], double: ["double"], string: ["string"], null_type: ["null"], dyn: [...anything.kinds] },
};
