// How large a condition may be, also in parts that are never evaluated: they are read and compiled all the same.
import { Notes } from "./condition-notes.ts";
import { childrenOf, type Expr, type Parsed, recordOf } from "./condition-tree.ts";

/** Bounds that no sensible condition meets; they keep what reads it part by part, and into each part, small. */
const partsMax = 1_000;
const depthMax = 64;

/** @throws {ConditionRefused} */
export function checkSize(parsed: Parsed): void {
	const notes = new Notes(parsed);
	const open: { readonly expr: Expr; readonly depth: number }[] = [{ expr: parsed.expr, depth: 1 }];
	let parts = 0;
	for (let next = open.pop(); next !== undefined; next = open.pop()) {
		const { expr, depth } = next;
		if (++parts > partsMax) notes.refuse(expr, `the condition has more than ${partsMax} parts`);
		if (depth > depthMax) notes.refuse(expr, `the condition nests deeper than ${depthMax} levels`);
		// `args.x` is one part.
		for (const child of childrenOf(expr)) if (child && recordOf(child) === undefined) open.push({ expr: child, depth: depth + 1 });
	}
}
