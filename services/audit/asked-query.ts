// What an auditor asks, as it stands in an address: its form, and what it means. For the API and for the page.
import { type Static, Type } from "typebox";
import { callIdPattern, endings } from "#libs/contracts/call.ts";
import { events } from "#libs/contracts/events.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { type Fields, recordFields } from "#libs/contracts/record-fields.ts";
import { storyStates } from "#libs/contracts/story.ts";
import { instantPattern, readCondition, readInstant } from "./conditions.ts";
import type { Condition, RecordQuery, StoryQuery } from "./ports.ts";

const sizeDefault = 50;
const sizeMax = 500;
/** No control characters: what is asked goes onto the record and from there to terminals. */
const writtenPattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$";
const words = (maxLength: number) => Type.Optional(Type.String({ minLength: 1, maxLength, pattern: writtenPattern }));
const instant = Type.Optional(Type.String({ pattern: instantPattern }));
const condition = Type.String({ minLength: 1, maxLength: 512, pattern: writtenPattern });

const narrowing = {
	q: words(256),
	call: Type.Optional(Type.String({ pattern: callIdPattern })),
	caller: words(256),
	connection: words(63),
	function: words(128),
	ending: Type.Optional(Type.Enum([...endings])),
	from: instant,
	to: instant,
	/** One, or several that all hold. */
	where: Type.Optional(Type.Union([condition, Type.Array(condition, { minItems: 1, maxItems: 8 })])),
	size: Type.Optional(Type.String({ pattern: "^[0-9]{1,3}$" })),
};
export const narrowingEvents = {
	...narrowing,
	type: Type.Optional(Type.Enum(events.map(({ type }) => type))),
	cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 256, pattern: "^[A-Za-z0-9_-]+$" })),
};
export const SearchParameters = Type.Object(narrowingEvents, { additionalProperties: false });
export const CallsParameters = Type.Object(
	{ ...narrowing, state: Type.Optional(Type.Enum([...storyStates])), cursor: Type.Optional(Type.String({ pattern: callIdPattern })) },
	{ additionalProperties: false },
);

type SearchQuery = Static<typeof SearchParameters>;
type CallsQuery = Static<typeof CallsParameters>;
type Asked = Omit<SearchQuery & CallsQuery, "size" | "cursor">;

/** @param fields that conditions may name */
export function queryOf({ from, to, where, ...rest }: Asked, fields: Fields = recordFields): RecordQuery & StoryQuery {
	return {
		...(rest as Pick<RecordQuery, "type">),
		...(from !== undefined && { from: instantOf(from, "/from") }),
		...(to !== undefined && { to: instantOf(to, "/to") }),
		...(where !== undefined && { where: [where].flat().map((text) => conditionOf(text, fields)) }),
	};
}

export function sizeOf(size: string | undefined): number {
	const value = size === undefined ? sizeDefault : Number(size);
	if (value >= 1 && value <= sizeMax) return value;
	throw malformed("the size is out of bounds", "/size", `is 1 to ${sizeMax}`);
}

function instantOf(text: string, pointer: string): string {
	const instant = readInstant(text);
	if (instant !== undefined) return instant;
	throw malformed("a time cannot be read", pointer, "is no day or instant (RFC 3339)");
}

function conditionOf(text: string, fields: Fields): Condition {
	const condition = readCondition(text, fields);
	if ("fault" in condition) throw malformed("a condition cannot be read", "/where", condition.fault);
	return condition;
}

function malformed(detail: string, pointer: string, message: string): Refusal {
	return new Refusal("malformed_request", { detail, errors: [{ pointer, message }] });
}
