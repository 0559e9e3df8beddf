// The YAML files of a folder → documents by kind, each with its place; and which other files they refer to.
import { posix } from "node:path";
import type { TSchema } from "typebox";
import { PolicyDocument } from "#libs/policy/policy-document.ts";
import { checkShape } from "./check-shape.ts";
import type { ConfigurationError, Fault } from "./configuration-error.ts";
import { ConnectionDocument } from "./kinds/connection.ts";
import { GroupDocument } from "./kinds/group.ts";
import { IssuerDocument, jwksFileOf } from "./kinds/issuer.ts";
import { didYouMean } from "./nearest.ts";
import { type Salvaged, salvage } from "./salvage.ts";
import { isSourcePath, type SourceFiles } from "./source-files.ts";
import { parseYamlFile, type YamlDocument } from "./yaml-file.ts";

/** The kinds of documents and their schemas: everything that may stand in a configuration. */
export const kinds = {
	Issuer: IssuerDocument,
	Connection: ConnectionDocument,
	Group: GroupDocument,
	Policy: PolicyDocument,
} as const satisfies Record<string, TSchema>;
export type Kind = keyof typeof kinds;

/** A document of a known kind that fits its schema, and where it is. */
export type PlacedDocument = {
	readonly kind: Kind;
	readonly file: string;
	readonly value: unknown;
	readonly yaml: YamlDocument;
	/** Where `value` is only what could be judged of a document with mistakes. */
	readonly rest?: Salvaged;
};

/** What is known of a document that does not fit its schema: enough that others may refer to it. */
export type BrokenDocument = { readonly kind: Kind; readonly name: string };

export type ReadDocuments = {
	readonly documents: readonly PlacedDocument[];
	readonly broken: readonly BrokenDocument[];
	readonly errors: readonly ConfigurationError[];
	/** YAML files that hold documents of the configuration. */
	readonly used: ReadonlySet<string>;
};

const isYaml = (path: string): boolean => /\.ya?ml$/.test(path);

/** The member of a document that names another file, if it has one. */
export function referenceOf(value: unknown): { readonly member: "openapi" | "mcp" | "jwks"; readonly path: string } | undefined {
	if (!isMapping(value)) return undefined;
	const { kind, protocol, openapi, mcp, jwks } = value;
	if (kind === "Connection" && protocol === "mcp") return typeof mcp === "string" ? { member: "mcp", path: mcp } : undefined;
	if (kind === "Connection" && typeof openapi === "string") return { member: "openapi", path: openapi };
	const file = kind === "Issuer" && typeof jwks === "string" ? jwksFileOf({ jwks }) : undefined;
	return file === undefined ? undefined : { member: "jwks", path: file };
}

/** A reference as a path in the folder: relative to the file it stands in. Undefined if it leads out of the folder. */
export function resolveReference(from: string, reference: string): string | undefined {
	if (reference.startsWith("/") || reference.split("/").includes("..")) return undefined;
	const path = posix.join(posix.dirname(from), reference);
	return isSourcePath(path) ? path : undefined;
}

/** The files that the documents in `files` name and that are inside the folder, whether they are in `files` or not. */
export function referencedFiles(files: SourceFiles): Set<string> {
	const found = new Set<string>();
	for (const [file, text] of Object.entries(files)) {
		// Vendors' documents can be large and say no kind: the cheap look saves parsing them here.
		if (!isYaml(file) || !/kind["']?\s*:/.test(text)) continue;
		for (const { value } of parseYamlFile(file, text, { aliases: true }).documents) {
			const reference = referenceOf(value);
			const path = reference && resolveReference(file, reference.path);
			if (path !== undefined) found.add(path);
		}
	}
	return found;
}

/** Reads every document of the folder's YAML files but of those that are OpenAPI documents, referred to or not. */
export function readDocuments(files: SourceFiles): ReadDocuments {
	const references = referencedFiles(files);
	const documents: PlacedDocument[] = [];
	const broken: BrokenDocument[] = [];
	const errors: ConfigurationError[] = [];
	const used = new Set<string>();
	for (const file of Object.keys(files).sort()) {
		if (!isYaml(file) || references.has(file)) continue;
		const parsed = parseYamlFile(file, files[file] ?? "", { aliases: false });
		// A vendor's document that nobody refers to yet is not ours to judge.
		if (parsed.documents.every(({ value }) => isVendorDocument(value)) && parsed.documents.length > 0) continue;
		used.add(file);
		errors.push(...parsed.errors);
		for (const yaml of parsed.documents) {
			const kind = kindOf(yaml.value);
			const missing = typeof kind === "string" ? notBuiltYet(kind, yaml.value) : kind;
			// Of what is not built, the other members mean nothing: one clear message instead of many about them.
			const faults = missing ? [missing] : typeof kind === "string" ? checkShape(kinds[kind], yaml.value) : [];
			const rest = missing || faults.length === 0 || typeof kind !== "string" ? undefined : salvage(kinds[kind], yaml.value);
			for (const fault of [...faults, ...(rest?.faults ?? [])]) errors.push({ file, ...yaml.locate(fault), message: fault.message });
			if (typeof kind !== "string") continue;
			if (faults.length === 0) documents.push({ kind, file, value: yaml.value, yaml });
			else if (rest) documents.push({ kind, file, value: rest.value, yaml, rest });
			else if (isMapping(yaml.value) && typeof yaml.value.name === "string") broken.push({ kind, name: yaml.value.name });
		}
	}
	return { documents, broken, errors, used };
}

function isVendorDocument(value: unknown): boolean {
	return isMapping(value) && value.kind === undefined && (value.openapi !== undefined || value.swagger !== undefined);
}

function kindOf(value: unknown): Kind | Fault {
	const known = Object.keys(kinds);
	if (!isMapping(value)) return { path: [], message: `found no mapping, expected a document with kind: ${known.join(", ")}` };
	const { kind } = value;
	if (kind === undefined) return { path: [], message: `found no "kind", expected one of ${known.join(", ")}` };
	if (typeof kind === "string" && Object.hasOwn(kinds, kind)) return kind as Kind;
	const hint = typeof kind === "string" ? didYouMean(kind, known) : "";
	return { path: ["kind"], message: `found ${JSON.stringify(kind)?.slice(0, 60)}, expected one of ${known.join(", ")}${hint}` };
}

/** What other people's configurations would like and Callgate cannot do yet: said plainly, not as an unknown member. */
function notBuiltYet(kind: Kind, value: unknown): Fault | undefined {
	if (!isMapping(value)) return undefined;
	if (kind === "Connection" && value.protocol === "grpc") {
		return { path: ["protocol"], message: "found grpc, expected http or mcp: Connections by grpc are not built yet" };
	}
	if (kind === "Issuer" && value.saml !== undefined) {
		return { path: ["saml"], atKey: true, message: "found saml, expected an OpenID Connect issuer: SAML issuers are not built yet" };
	}
	return undefined;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
