// Conditions on the record's own fields, as an auditor writes them: `data.voter=dana@example.com`, `data.durationMs>=1000`, `data.credential`. Pure.
import { didYouMean } from "#libs/configuration/nearest.ts";
import { type FieldKind, type Fields, kindOfField, recordFields } from "#libs/contracts/record-fields.ts";
import type { Condition } from "./ports.ts";

const shape = /^([^\s=!<>]{1,256}?)(?:(=|!=|<=|>=|<|>)(.*))?$/s;
/** A day, in UTC, or an instant with its zone (RFC 3339). */
export const instantPattern = "^\\d{4}-\\d\\d-\\d\\d(T\\d\\d:\\d\\d(:\\d\\d(\\.\\d{1,9})?)?(Z|[+-]\\d\\d:\\d\\d))?$";

/** As the record writes instants; undefined for what is none. */
export function readInstant(text: string): string | undefined {
	const at = new Date(new RegExp(instantPattern).test(text) ? text : Number.NaN);
	return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

/** The condition, or why it is none; the text is not repeated. @param fields those of events, or those of stories */
export function readCondition(text: string, fields: Fields = recordFields): Condition | { readonly fault: string } {
	const [, field = "", operator, written = ""] = shape.exec(text) ?? [];
	if (field === "") return { fault: "is no condition: expected FIELD, FIELD=VALUE, FIELD!=VALUE, or <, <=, >, >= with numbers and times" };
	const kind = kindOfField(field, fields);
	if (kind === undefined) return { fault: `names no field of the record${didYouMean(field, fields.keys())}` };
	if (operator === undefined) return { field, operator: "exists" };
	const isOrdered = kind === "number" || kind === "instant";
	if (!isOrdered && operator !== "=" && operator !== "!=") return { fault: `compares ${field} by size, which is no number and no time` };
	const value = valueFrom(kind, written);
	if (value === undefined) return { fault: `needs ${wanted[kind]} for ${field}` };
	return { field, operator: operator as "=", value };
}

const wanted: Record<FieldKind, string> = {
	keyword: "a text",
	text: "a text",
	flat: "a text",
	number: "a number",
	instant: "a day or an instant with its zone (RFC 3339)",
	boolean: "true or false",
};

function valueFrom(kind: FieldKind, written: string): string | number | boolean | undefined {
	if (written === "") return undefined;
	switch (kind) {
		case "keyword":
		case "text":
		case "flat":
			return written;
		case "number":
			return /^-?\d{1,15}(\.\d{1,15})?$/.test(written) ? Number(written) : undefined;
		case "instant":
			return readInstant(written);
		case "boolean":
			return written === "true" || written === "false" ? written === "true" : undefined;
	}
}
