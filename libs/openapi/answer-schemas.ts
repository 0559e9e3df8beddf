// The schemas of what an operation answers, as its document writes them.
import { isRecord, memberOf } from "#libs/functions/schema.ts";
import { followRefs } from "./resolve-ref.ts";

/**
 * Schemas of every JSON answer that an operation of the document declares, whatever its status; `true` for one that it does not describe.
 * Empty where it declares none. They are the document's own: `$ref`s lead into it.
 */
export function answerSchemas(document: unknown, operation: unknown): unknown[] {
	const responses = memberOf(operation, "responses");
	if (!isRecord(responses)) return [];
	return Object.values(responses).flatMap((response) => {
		const content = memberOf(followed(document, response), "content");
		if (!isRecord(content)) return [];
		const json = Object.entries(content).filter(([type]) => /^[^;]*[/+]json\b/i.test(type));
		return json.map(([, media]) => memberOf(followed(document, media), "schema") ?? true);
	});
}

function followed(document: unknown, value: unknown): unknown {
	const found = followRefs(document, value, []);
	return found.ok ? found.value : undefined;
}
