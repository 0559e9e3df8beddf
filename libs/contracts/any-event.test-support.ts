// Random events that fit their declarations, for property tests: what the contract accepts, and nothing else.
import fc from "fast-check";
import type { TSchema } from "typebox";
import { callIdPattern } from "./call.ts";
import { itemsOf, marksOf, propertiesOf } from "./classification.ts";
import type { AnyDeclaration, CallgateEvent } from "./events.ts";

/** Any event of one declaration; every string that has no pattern may be anything. */
export function anyEventOf(declaration: AnyDeclaration): fc.Arbitrary<CallgateEvent> {
	const [writer] = Object.keys(declaration.writers);
	return fc
		.record({
			id: fc.string({ minLength: 1, maxLength: 64, unit: "grapheme" }),
			subject: fc.stringMatching(new RegExp(callIdPattern)),
			time: fc.date({ min: new Date("2000-01-01"), max: new Date("2100-01-01"), noInvalidDate: true }),
			traceparent: fc.option(fc.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/), { nil: undefined }),
			data: anyOfSchema(declaration.data),
		})
		.map(({ id: nth, subject, time, traceparent, data }) => {
			const id = `${subject}.${declaration.type}.${writer}.${nth}`;
			const about = "call" in (data as object) ? { ...(data as object), call: subject } : data;
			const attributes = { specversion: "1.0", source: `/callgate/${writer}`, type: declaration.type, datacontenttype: "application/json" };
			return {
				...attributes,
				id,
				subject,
				data: about,
				time: time.toISOString(),
				...(traceparent && { traceparent }),
			} as unknown as CallgateEvent;
		});
}

/** A value that fits one of the schemas that events are made of. */
export function anyOfSchema(schema: TSchema): fc.Arbitrary<unknown> {
	const { type, anyOf, pattern, minLength, maxLength, minItems, maxItems, minimum, maximum } = schema as Partial<Keywords>;
	const constant = (schema as { const?: unknown }).const;
	if (constant !== undefined) return fc.constant(constant);
	const values = (schema as { enum?: unknown[] }).enum;
	if (values) return fc.constantFrom(...values);
	const properties = propertiesOf(schema);
	if (properties) {
		const requiredKeys = (schema as { required?: string[] }).required ?? [];
		return fc.record(Object.fromEntries(Object.entries(properties).map(([name, member]) => [name, anyOfSchema(member)])), { requiredKeys });
	}
	const items = itemsOf(schema);
	if (items)
		return fc.array(anyOfSchema(items), { minLength: minItems ?? 0, maxLength: Math.min(maxItems ?? 4, Math.max(4, minItems ?? 0)) });
	if (anyOf) return fc.oneof(...anyOf.map(anyOfSchema));
	if (pattern) return fc.stringMatching(new RegExp(pattern));
	if (type === "string") return fc.string({ minLength: minLength ?? 0, maxLength: Math.min(maxLength ?? 200, 200), unit: "binary" });
	if (type === "integer") return fc.integer({ min: minimum ?? -1000, max: maximum ?? 1_000_000 });
	if (type === "number") return fc.double({ noNaN: true, noDefaultInfinity: true });
	if (type === "boolean") return fc.boolean();
	if (marksOf(schema).indexAs === "flat") return fc.jsonValue({ maxDepth: 5 });
	throw new Error("the generator does not know this schema: teach it");
}

interface Keywords {
	type: string;
	anyOf: TSchema[];
	pattern: string;
	minLength: number;
	maxLength: number;
	minItems: number;
	maxItems: number;
	minimum: number;
	maximum: number;
}
