// YAML read strictly, with the place of everything in it: what later steps report, they report with line and column.
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments, visit, type YAMLError } from "yaml";
import type { ConfigurationError, DocumentPath, Fault } from "./configuration-error.ts";
import { sourceOffset } from "./yaml-scalar.ts";

/** One document of a file: its value as plain data, and the way back from a path in it to the text. */
export type YamlDocument = {
	readonly value: unknown;
	/** Where a fault is, in the file. */
	locate(fault: Pick<Fault, "path" | "atKey" | "offset">): { readonly line: number; readonly column: number };
};

export type YamlFile = { readonly documents: readonly YamlDocument[]; readonly errors: readonly ConfigurationError[] };

/** How often aliases may be expanded in a vendor's document: the library's own measure against exponential growth. */
const aliasesMaxInVendorFiles = 100;

/**
 * Parses every document of a file. Refused: invalid YAML, duplicate keys, keys that are not text, tags beyond YAML's own, `%YAML` versions
 * other than 1.2, and (unless `aliases`) aliases, because what one place says should stand there. JSON is YAML and is read the same way.
 */
export function parseYamlFile(file: string, text: string, { aliases }: { readonly aliases: boolean }): YamlFile {
	const lineCounter = new LineCounter();
	const errors: ConfigurationError[] = [];
	const place = (offset: number): { line: number; column: number } => {
		const { line, col } = lineCounter.linePos(offset);
		return { line: Math.max(line, 1), column: Math.max(col, 1) };
	};
	const refuse = (offset: number, message: string): number => errors.push({ file, ...place(offset), message });
	const documents: YamlDocument[] = [];
	for (const document of composeAll(text, lineCounter, refuse)) {
		const before = errors.length;
		for (const error of [...document.errors, ...document.warnings]) refuse(error.pos[0], explainYaml(error));
		if (document.directives.yaml.explicit && document.directives.yaml.version !== "1.2")
			refuse(0, `found %YAML ${document.directives.yaml.version}, expected YAML 1.2`);
		if (!aliases) refuseAliases(document, refuse);
		if (errors.length > before || document.contents === null) continue;
		if (isScalar(document.contents) && document.contents.value === null) continue;
		try {
			const value: unknown = document.toJS({ maxAliasCount: aliases ? aliasesMaxInVendorFiles : 0 });
			documents.push({ value, locate: (fault) => place(offsetOf(document, text, fault)) });
		} catch {
			refuse(document.range[0], "found aliases that expand to more than can be read, expected the values written out");
		}
	}
	return { documents, errors };
}

function composeAll(text: string, lineCounter: LineCounter, refuse: (offset: number, message: string) => void): Document.Parsed[] {
	try {
		return [
			...parseAllDocuments(text, {
				lineCounter,
				strict: true,
				uniqueKeys: true,
				stringKeys: true,
				merge: false,
				version: "1.2",
				resolveKnownTags: false,
				prettyErrors: false,
				logLevel: "silent",
			}),
		];
	} catch {
		// The parser recurses: what is nested deeper than its stack ends here.
		refuse(0, "found nesting deeper than can be read, expected a shallower document");
		return [];
	}
}

function explainYaml(error: YAMLError): string {
	if (error.code === "DUPLICATE_KEY") return "found a key twice in one mapping, expected each key once";
	if (error.code === "NON_STRING_KEY") return "found a key that is not text, expected text (quote it if it looks like a number)";
	if (error.code === "TAG_RESOLVE_FAILED") return `found an unknown tag, expected none (${error.message.slice(0, 80)})`;
	return `found invalid YAML, expected YAML 1.2: ${error.message.slice(0, 200)}`;
}

function refuseAliases(document: Document.Parsed, refuse: (offset: number, message: string) => void): void {
	visit(document, {
		Alias(_key, node) {
			refuse(node.range?.[0] ?? 0, "found an alias (*), expected the value written out: a configuration says everything where it stands");
		},
	});
}

/** The offset of a fault in the text; of the nearest place that exists where the path leads on to something that is missing. */
function offsetOf(document: Document.Parsed, text: string, { path, atKey, offset }: Pick<Fault, "path" | "atKey" | "offset">): number {
	const { node, key } = walk(document, path);
	if (atKey && key?.range) return key.range[0];
	if (offset !== undefined && isScalar(node)) return sourceOffset(node, text, offset);
	return node?.range?.[0] ?? key?.range?.[0] ?? 0;
}

function walk(document: Document.Parsed, path: DocumentPath): { readonly node: Node | undefined; readonly key: Node | undefined } {
	let node: Node | undefined = document.contents ?? undefined;
	let key: Node | undefined;
	for (const step of path) {
		const target: Node | undefined = isAlias(node) ? node.resolve(document) : node;
		if (isMap(target)) {
			const pair = target.items.find((item) => isScalar(item.key) && item.key.value === String(step));
			if (!pair) break;
			key = pair.key as Node;
			node = (pair.value as Node | null) ?? key;
		} else if (isSeq(target)) {
			const item = target.items[Number(step)] as Node | undefined;
			if (!item) break;
			key = undefined;
			node = item;
		} else break;
	}
	return { node, key };
}
