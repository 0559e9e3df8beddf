// The files of a configuration folder → one compiled revision, or everything that is wrong with them. Pure: no I/O, no clock.

import { listed } from "#libs/mcp/definitions.ts";
import { compilePolicies } from "#libs/policy/compile-rules.ts";
import type { PolicyContext } from "#libs/policy/compiled-policy.ts";
import type { PolicyDocument } from "#libs/policy/policy-document.ts";
import { type CompiledConnection, closedArgumentNames, compileConnection } from "./compile-connection.ts";
import { compileMcpConnection } from "./compile-mcp-connection.ts";
import { type Configuration, createConfiguration } from "./configuration.ts";
import { type ConfigurationError, compareErrors, type Fault } from "./configuration-error.ts";
import type { ConnectionDocument } from "./kinds/connection.ts";
import { compileGroup, type Group, type GroupDocument } from "./kinds/group.ts";
import { compileIssuer, type Issuer, type IssuerDocument, whyNotToldApart } from "./kinds/issuer.ts";
import { alikeConnections, createLookAlikes } from "./look-alikes.ts";
import { didYouMean } from "./nearest.ts";
import { type Kind, type PlacedDocument, type ReadDocuments, readDocuments, referenceOf, resolveReference } from "./read-documents.ts";
import { revisionOf, type SourceFiles, whyNotSourceFiles } from "./source-files.ts";
import { parseYamlFile, type YamlDocument } from "./yaml-file.ts";

export type CompiledConfiguration =
	/** `told`: what is right, and what people should look at all the same. */
	| { readonly ok: true; readonly configuration: Configuration; readonly told: readonly ConfigurationError[] }
	| { readonly ok: false; readonly errors: readonly ConfigurationError[] };

/** Most errors that are told at once. */
const errorsMax = 200;

/**
 * Compiles a folder's files as a whole. The result depends on their paths and texts alone. Every error is reported at once, ordered by place;
 * what a broken document would have defined counts as defined, so that one mistake is one error.
 */
export function compileConfiguration(files: SourceFiles): CompiledConfiguration {
	return compile(files, true);
}

/**
 * Compiles files that were activated. Whether policies fit the schemas, and what an MCP server's texts hide, was looked at then: another version that looks more closely must not
 * find the revision in force unreadable, and stop every call.
 */
export function compileActivated(files: SourceFiles): CompiledConfiguration {
	return compile(files, false);
}

function compile(files: SourceFiles, looksClosely: boolean): CompiledConfiguration {
	const problem = whyNotSourceFiles(files);
	if (problem !== undefined) return { ok: false, errors: [{ file: ".", line: 1, column: 1, message: problem }] };
	return new Compiler(files, readDocuments(files), looksClosely).compile();
}

class Compiler {
	private readonly errors: ConfigurationError[];
	private readonly told: ConfigurationError[] = [];
	private readonly files: SourceFiles;
	private readonly read: ReadDocuments;
	private readonly looksClosely: boolean;
	private readonly used: Set<string>;
	/** Connections of which something could not be read: what policies say about their functions cannot be judged. */
	private readonly inPart = new Set<string>();
	private readonly vendorFiles = new Map<string, YamlDocument | undefined>();

	constructor(files: SourceFiles, read: ReadDocuments, looksClosely: boolean) {
		this.files = files;
		this.read = read;
		this.looksClosely = looksClosely;
		this.errors = [...read.errors];
		this.used = new Set(read.used);
	}

	compile(): CompiledConfiguration {
		const issuers = this.issuers();
		const groups = this.unique("Group").map((document) => this.group(document));
		const connections = this.unique("Connection").map((document) => this.connection(document));
		this.checkScopes(connections);
		const policy = this.policy(groups, connections);
		if (this.looksClosely) this.tellLookAlikes(connections);
		if (this.read.documents.length === 0 && this.errors.length === 0) {
			this.errors.push({
				file: ".",
				line: 1,
				column: 1,
				message: "found no documents, expected YAML files with Issuer, Connection, Group and Policy",
			});
		}
		if (this.errors.length > 0 || policy === undefined) return { ok: false, errors: tellable(this.errors) };
		const files = Object.fromEntries(Object.entries(this.files).filter(([path]) => this.used.has(path)));
		const parts = {
			revision: revisionOf(files),
			files,
			issuers,
			groups,
			connections: connections.map(({ connection }) => connection),
			policy,
		};
		return { ok: true, configuration: createConfiguration(parts), told: tellable(this.told) };
	}

	/** Documents of a kind, the first of each name; a second one is an error. */
	private unique(kind: Kind): PlacedDocument[] {
		const first = new Map<string, PlacedDocument>();
		for (const document of this.read.documents) {
			if (document.kind !== kind) continue;
			const name = nameOf(document);
			const earlier = first.get(name);
			if (earlier === undefined) first.set(name, document);
			else {
				const { line } = earlier.yaml.locate({ path: ["name"] });
				const message = `found the ${kind} "${name}" twice, expected each name once; the first is at ${earlier.file}:${line}`;
				this.reportIn(document.file, document.yaml, [{ path: ["name"], message }]);
			}
		}
		return [...first.values()];
	}

	private issuers(): Issuer[] {
		const earlier: { readonly issuer: Issuer; readonly document: PlacedDocument }[] = [];
		for (const document of this.unique("Issuer")) {
			const issuer = this.issuer(document);
			for (const { issuer: other, document: place } of earlier) {
				const why = whyNotToldApart(issuer, other);
				if (why === undefined) continue;
				const { line } = place.yaml.locate({ path: why.path });
				this.report(document, [{ ...why, message: `${why.message} (${place.file}:${line})` }]);
			}
			earlier.push({ issuer, document });
		}
		return earlier.map(({ issuer }) => issuer);
	}

	private issuer(document: PlacedDocument): Issuer {
		const { issuer, faults } = compileIssuer(document.value as IssuerDocument, this.reference(document)?.text ?? emptyKeys);
		// Where the file itself is missing that has been said already.
		this.report(document, faults);
		return issuer;
	}

	/** A misspelt name would leave a call without the scope that somebody meant it to need. */
	private checkScopes(connections: readonly CompiledConnection[]): void {
		const isBroken = (name: string) => this.read.broken.some((broken) => broken.kind === "Connection" && broken.name === name);
		for (const document of this.unique("Issuer")) {
			for (const [index, { match }] of ((document.value as IssuerDocument).scopes ?? []).entries()) {
				if (!match || isBroken(match.connection)) continue;
				const path = ["scopes", index, "match"];
				const found = connections.find(({ connection }) => connection.name === match.connection);
				const hint = didYouMean(
					match.connection,
					connections.map(({ connection }) => connection.name),
				);
				if (!found) {
					this.report(document, [{ path: [...path, "connection"], message: `there is no connection "${match.connection}"${hint}` }]);
					continue;
				}
				if (found.faults.length + found.vendorFaults.length > 0 || this.inPart.has(match.connection)) continue;
				for (const name of [match.function ?? []].flat().filter((one) => !found.connection.function(one)))
					this.report(document, [
						{
							path: [...path, "function"],
							message: `there is no function "${name}" of ${match.connection}${didYouMean(name, found.names)}`,
						},
					]);
			}
		}
	}

	private group(document: PlacedDocument): Group {
		const { group, faults } = compileGroup(document.value as GroupDocument);
		this.report(document, faults);
		return group;
	}

	private connection(document: PlacedDocument): CompiledConnection {
		const reference = this.reference(document);
		const vendor = reference && this.vendorDocument(reference.path, reference.text);
		const written = document.value as ConnectionDocument;
		const compiled = (written.protocol === "mcp" ? compileMcpConnection : compileConnection)(written, vendor?.value);
		this.report(document, compiled.faults);
		const isUnread = referenceOf(document.value) !== undefined && vendor === undefined;
		if (isUnread || document.rest !== undefined) this.inPart.add(compiled.connection.name);
		if (!reference || !vendor) return compiled;
		this.reportIn(reference.path, vendor, compiled.vendorFaults);
		const { refused, told } = (this.looksClosely && compiled.suspicious?.()) || { refused: [], told: [] };
		this.reportIn(reference.path, vendor, refused);
		this.told.push(...placed(reference.path, vendor, told));
		return compiled;
	}

	/** Whoever wrote the names of an MCP server's tools knew, or could guess, what they stand beside. */
	private tellLookAlikes(compiled: readonly CompiledConnection[]): void {
		const connections = compiled.map(({ connection }) => connection);
		for (const { name, earlier } of alikeConnections(connections.map((one) => one.name))) {
			const document = this.unique("Connection").find((one) => nameOf(one) === name);
			const message = `found the connection "${name}" beside "${earlier}", expected names that can be told apart`;
			if (document) this.told.push(...placed(document.file, document.yaml, [{ path: ["name"], message }]));
		}
		const alike = createLookAlikes(
			connections.flatMap(({ name: connection, functions }) => functions.map(({ name }) => ({ connection, name }))),
		);
		for (const document of this.unique("Connection")) {
			const connection = connections.find(({ name }) => name === nameOf(document));
			const path = this.mcpFileOf(document);
			const vendor = path === undefined ? undefined : this.vendorFiles.get(path);
			if (!connection || path === undefined || !vendor) continue;
			const faults = listed(vendor.value, "tools").flatMap((tool, index): Fault[] => {
				const name = String(tool.name);
				const other = connection.function(name) && alike({ connection: connection.name, name });
				const message = `found the tool "${name}", which looks like ${other?.name} of ${other?.connection}: rules and models may mean the other`;
				return other ? [{ path: ["tools", index, "name"], message }] : [];
			});
			this.told.push(...placed(path, vendor, faults));
		}
	}

	private mcpFileOf({ file, value }: PlacedDocument): string | undefined {
		const { mcp } = value as ConnectionDocument;
		return mcp === undefined ? undefined : resolveReference(file, mcp);
	}

	private policy(groups: readonly Group[], connections: readonly CompiledConnection[]) {
		const documents = this.unique("Policy");
		const byName = new Map(documents.map((document) => [nameOf(document), document]));
		const compiled = compilePolicies(
			documents.map((document) => ({ name: nameOf(document), file: document.file, document: document.value as PolicyDocument })),
			this.policyContext(groups, connections),
		);
		if (compiled.ok) {
			for (const { document: name, ...place } of this.looksClosely ? compiled.told : []) {
				const document = byName.get(name);
				if (document) this.told.push(...placed(document.file, document.yaml, [place]));
			}
			return compiled.policy;
		}
		for (const { document: name, message, ...place } of compiled.errors) {
			const document = byName.get(name);
			const fault = { ...place, message: message + this.hint(message, groups, connections) };
			if (document) this.report(document, [fault]);
		}
		return undefined;
	}

	private policyContext(groups: readonly Group[], connections: readonly CompiledConnection[]): PolicyContext {
		const brokenNames = (kind: Kind): string[] => this.read.broken.flatMap((broken) => (broken.kind === kind ? [broken.name] : []));
		// A connection with faults has lost functions; what policies say about them cannot be judged.
		const functionNames = ({ connection, faults, vendorFaults, names }: CompiledConnection): ReadonlySet<string> =>
			faults.length + vendorFaults.length > 0 || this.inPart.has(connection.name)
				? new AnyName(names)
				: new Set(connection.functions.map(({ name }) => name));
		const whole = connections.filter(({ connection }) => !this.inPart.has(connection.name));
		return {
			groups: new Set([...groups.map(({ name }) => name), ...brokenNames("Group")]),
			connections: new Map<string, ReadonlySet<string>>([
				...brokenNames("Connection").map((name): [string, ReadonlySet<string>] => [name, new AnyName()]),
				...connections.map((compiled): [string, ReadonlySet<string>] => [compiled.connection.name, functionNames(compiled)]),
			]),
			argumentNames: new Map(whole.map(({ connection }) => [connection.name, argumentNames(connection.functions)])),
			typesOf: this.looksClosely ? typesIn(whole) : undefined,
		};
	}

	/** The nearest name, where a policy's error quotes one that does not exist. */
	private hint(message: string, groups: readonly Group[], connections: readonly CompiledConnection[]): string {
		const found = /^there is no (connection|function|group) "([^"]*)"/.exec(message);
		if (!found) return "";
		const [, what, name = ""] = found;
		if (what === "group")
			return didYouMean(
				name,
				groups.map((group) => group.name),
			);
		if (what === "connection")
			return didYouMean(
				name,
				connections.map(({ connection }) => connection.name),
			);
		return didYouMean(
			name,
			connections.flatMap(({ names }) => names),
		);
	}

	/** The file a document refers to; reports one that is not there. */
	private reference(document: PlacedDocument): { readonly path: string; readonly text: string } | undefined {
		const reference = referenceOf(document.value);
		if (!reference) return undefined;
		const path = resolveReference(document.file, reference.path);
		const text = path === undefined || !Object.hasOwn(this.files, path) ? undefined : this.files[path];
		if (path === undefined || text === undefined) {
			const message =
				path === undefined
					? "expected a file inside the configuration folder"
					: `expected a file that exists beside this one${reference.member === "mcp" ? " (callgate pull writes it)" : ""}`;
			const hint = didYouMean(
				reference.path,
				Object.keys(this.files).filter((path) => path !== document.file),
			);
			this.report(document, [{ path: [reference.member], message: `found "${reference.path.slice(0, 80)}", ${message}${hint}` }]);
			return undefined;
		}
		this.used.add(path);
		return { path, text };
	}

	private vendorDocument(path: string, text: string): YamlDocument | undefined {
		if (this.vendorFiles.has(path)) return this.vendorFiles.get(path);
		const { documents, errors } = parseYamlFile(path, text, { aliases: true });
		this.errors.push(...errors);
		if (documents.length !== 1 && errors.length === 0)
			this.errors.push({ file: path, line: 1, column: 1, message: `found ${documents.length} documents, expected one` });
		const [document] = documents.length === 1 ? documents : [];
		this.vendorFiles.set(path, document);
		return document;
	}

	private report(document: PlacedDocument, faults: readonly Fault[]): void {
		const { rest } = document;
		const moved = rest ? faults.map((fault) => ({ ...fault, path: rest.placeOf(fault.path) })) : faults;
		const known = moved.filter((fault): fault is Fault => fault.path !== undefined);
		this.reportIn(document.file, document.yaml, known);
	}

	private reportIn(file: string, yaml: YamlDocument, faults: readonly Fault[]): void {
		this.errors.push(...placed(file, yaml, faults));
	}
}

function placed(file: string, yaml: YamlDocument, faults: readonly Fault[]): ConfigurationError[] {
	return faults.map((fault) => ({ file, ...yaml.locate(fault), message: fault.message }));
}

/** Stands in for a key file that is missing, which is reported by itself. */
const emptyKeys = '{"keys":[{"kty":"EC"}]}';

/** The names of something that could not be read: it may have any. */
class AnyName extends Set<string> {
	override has(): boolean {
		return true;
	}
}

function nameOf(document: PlacedDocument): string {
	return (document.value as { readonly name: string }).name;
}

function argumentNames(functions: CompiledConnection["connection"]["functions"]): ReadonlyMap<string, ReadonlySet<string>> {
	const entries = functions.flatMap((fn): [string, ReadonlySet<string>][] => {
		const names = closedArgumentNames(fn);
		return names ? [[fn.name, names]] : [];
	});
	return new Map(entries);
}

function typesIn(connections: readonly CompiledConnection[]): PolicyContext["typesOf"] {
	const byConnection = new Map(connections.map(({ connection, types }) => [connection.name, types]));
	return (connection, fn) => byConnection.get(connection)?.(fn);
}

/** Each error once, in the order someone reads them, as many as someone reads. */
function tellable(errors: readonly ConfigurationError[]): ConfigurationError[] {
	const once = new Map(errors.map((error) => [`${error.file}\0${error.line}\0${error.column}\0${error.message}`, error]));
	const sorted = [...once.values()].sort(compareErrors);
	const [first] = sorted;
	if (sorted.length <= errorsMax || first === undefined) return sorted;
	const more = sorted.length - errorsMax;
	const last = sorted[errorsMax - 1] ?? first;
	return [...sorted.slice(0, errorsMax), { ...last, message: `found ${more} more errors, expected none` }];
}
