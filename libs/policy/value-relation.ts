// Whether two values can ever be related as a condition asks, from what is known of them before there is a call.
import { hasNumbers, type Kind, type Scalar, spokenType, type ValueType } from "./value-type.ts";

/**
 * - `possible`: for some of the values.
 * - `vain`: never, by the values that the schema leaves; another function's schema may leave others.
 * - `impossible`: never, by their kinds.
 */
export interface Relation {
	readonly is: "possible" | "vain" | "impossible";
	readonly why: string;
}

const possible: Relation = { is: "possible", why: "" };

/** Whether they can be equal; numbers are compared whatever their kind. */
export function equality(one: ValueType, other: ValueType): Relation {
	if (!sameKind(one, other)) return { is: "impossible", why: `${spokenType(one)} and ${spokenType(other)} are never equal` };
	const meet =
		(hasNumbers(one) && hasNumbers(other) && numbersMeet(one, other)) || [...one.kinds].some((kind) => valuesMeet(kind, one, other));
	return meet ? possible : { is: "vain", why: `${spokenValues(one)} never equals ${spokenValues(other)}` };
}

const orders: Readonly<Record<string, (one: ValueType, other: ValueType) => boolean>> = {
	"_<_": (one, other) => one.min < other.max,
	"_<=_": (one, other) => one.min <= other.max,
	"_>_": (one, other) => one.max > other.min,
	"_>=_": (one, other) => one.max >= other.min,
};

/** Whether `<` and its kin can hold between two numbers, by their bounds; possible for every other operator and kind. */
export function order(operator: string, one: ValueType, other: ValueType): Relation {
	const holds = Object.hasOwn(orders, operator) ? orders[operator] : undefined;
	if (!holds || !onlyNumbers(one) || !onlyNumbers(other) || holds(one, other)) return possible;
	return { is: "vain", why: `${spokenValues(one)} is never ${operator.replaceAll("_", "")} ${spokenValues(other)}` };
}

function onlyNumbers({ kinds }: ValueType): boolean {
	return [...kinds].every((kind) => kind === "int" || kind === "double");
}

function sameKind(one: ValueType, other: ValueType): boolean {
	return (hasNumbers(one) && hasNumbers(other)) || [...one.kinds].some((kind) => other.kinds.has(kind));
}

function valuesMeet(kind: Kind, one: ValueType, other: ValueType): boolean {
	if (kind === "int" || kind === "double" || !other.kinds.has(kind)) return false;
	return setsMeet(one.values.get(kind), other.values.get(kind), one, other);
}

function numbersMeet(one: ValueType, other: ValueType): boolean {
	return one.min <= other.max && other.min <= one.max && setsMeet(numbersOf(one), numbersOf(other), one, other);
}

type Known = ReadonlySet<Scalar> | undefined;

/** Where one of both is a list of values, some value of it must fit the other; else nothing is known. */
function setsMeet(first: Known, second: Known, one: ValueType, other: ValueType): boolean {
	const known = first ?? second;
	return !known || [...known].some((value) => (second?.has(value) ?? true) && one.allows(value) && other.allows(value));
}

/** Every number it can be, if they are known. */
function numbersOf({ kinds, values }: ValueType): ReadonlySet<Scalar> | undefined {
	const sets = (["int", "double"] as const).filter((kind) => kinds.has(kind)).map((kind) => values.get(kind));
	return sets.every((set) => set !== undefined) ? new Set(sets.flatMap((set) => [...(set ?? [])])) : undefined;
}

/** Values that a message lists. */
const listedMax = 10;

/** Values that are known, or the kinds: a schema's and a condition's own texts, never a caller's. */
function spokenValues(type: ValueType): string {
	const { kinds, values, min, max } = type;
	const known = [...kinds].map((kind) => values.get(kind));
	if (kinds.size > 0 && known.every((set) => set !== undefined)) {
		const listed = known.flatMap((set) => [...(set ?? [])].map((value) => JSON.stringify(value)));
		return `${listed.slice(0, listedMax).join(" or ")}${listed.length > listedMax ? " or …" : ""}`;
	}
	const bounds = onlyNumbers(type)
		? [Number.isFinite(min) ? `at least ${min}` : [], Number.isFinite(max) ? `at most ${max}` : []].flat()
		: [];
	return bounds.length > 0 ? `a number of ${bounds.join(" and ")}` : spokenType(type);
}
