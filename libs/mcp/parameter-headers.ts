// Revision 2026-07-28 lets a tool ask for some of its arguments again in headers (`x-mcp-header`), so that what stands before it can route by them.
import { isRecord, memberOf } from "#libs/functions/schema.ts";

type Parameters = readonly { readonly header: string; readonly path: readonly string[] }[];

const headerMember = "x-mcp-header";
const depthMax = 16;
const parametersMax = 32;

/**
 * Where a tool's schema asks for which header. MCP allows it on properties that are reached through properties alone, of a text, a whole number
 * or a truth value; a schema that asks elsewhere is not valid.
 */
export function parameterHeaders(schema: unknown): { readonly parameters: Parameters } | { readonly fault: string } {
	const parameters: { header: string; path: readonly string[] }[] = [];
	const visit = (node: unknown, path: readonly string[]): void => {
		if (path.length > depthMax) return;
		const properties = memberOf(node, "properties");
		if (!isRecord(properties)) return;
		for (const [name, property] of Object.entries(properties)) {
			const header = memberOf(property, headerMember);
			if (typeof header === "string" && ["string", "integer", "boolean"].includes(String(memberOf(property, "type"))))
				parameters.push({ header, path: [...path, name] });
			visit(property, [...path, name]);
		}
	};
	visit(schema, []);
	const names = new Set(parameters.map(({ header }) => header.toLowerCase()));
	const isRight = parameters.every(({ header }) => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/.test(header));
	if (!isRight || names.size < parameters.length || parameters.length > parametersMax || parameters.length < countOf(schema))
		return {
			fault: `found ${headerMember} where it has no meaning, expected it on a property of type string, integer or boolean, each name once`,
		};
	return { parameters };
}

/** How often the member stands anywhere in a schema. */
function countOf(schema: unknown): number {
	let count = 0;
	const pending: unknown[] = [schema];
	for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
		if (Array.isArray(next)) pending.push(...next);
		if (!isRecord(next)) continue;
		if (Object.hasOwn(next, headerMember)) count++;
		pending.push(...Object.values(next));
	}
	return count;
}

/** Headers for these arguments. One that is left out, or no number that can be written exactly, has none. */
export function parameterFields(parameters: Parameters, args: Readonly<Record<string, unknown>>): [name: string, value: string][] {
	return parameters.flatMap(({ header, path }): [string, string][] => {
		const value = path.reduce<unknown>((at, name) => memberOf(at, name), args);
		const isWritable = typeof value === "string" || typeof value === "boolean" || Number.isSafeInteger(value);
		return isWritable ? [[`mcp-param-${header}`, headerText(String(value))]] : [];
	});
}

/** As MCP writes a text in a header: as it is where a header can carry it, else its UTF-8 in base64 between marks. */
export function headerText(text: string): string {
	const isPlain = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !/^=\?base64\?.*\?=$/.test(text);
	return isPlain ? text : `=?base64?${Buffer.from(text).toString("base64")}?=`;
}
