// Writes docs/reference from the contracts: every event and every problem. `--check` says whether the pages are what the contracts say now.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { itemsOf, marksOf, propertiesOf } from "#libs/contracts/classification.ts";
import { type Service, services, type WrittenAs } from "#libs/contracts/define-event.ts";
import { type AnyDeclaration, events } from "#libs/contracts/events.ts";
import { mappingsOf, recordStream } from "#libs/contracts/index-template.ts";
import { problems } from "#libs/contracts/problems.ts";
import { readerOf as readerToken, streamName } from "#libs/contracts/subjects.ts";

type Schema = Parameters<typeof marksOf>[0];

const folder = new URL("../docs/reference/", import.meta.url);
const warning = "<!-- Generated from libs/contracts by `node infra/reference.ts`. Change the declaration, not this page. -->";

/** The pages, by file name. */
export function referencePages(): Readonly<Record<string, string>> {
	return { "events.md": eventsPage(), "problems.md": problemsPage() };
}

function eventsPage(): string {
	const intro = `# Events

${warning}

Everything that happens is an event: a [CloudEvents 1.0](https://cloudevents.io) envelope (\`specversion\`, \`id\`, \`source\`, \`type\`, \`subject\`, \`time\`,
\`datacontenttype\`, \`traceparent\`, \`data\`) on the stream \`${streamName}\`. A message is a JSON array of events of one subject. Audit reads all of
them and indexes what may be seen in the data stream \`${recordStream}\`.

A subject is \`callgate.<reader>.<pool>.<writer>.<call>.<type>\`; \`_\` stands where a token does not apply, \`{…}\` for what differs from event to event.
\`_{process}\` is the lane of one process in [the ledger](../decisions/the-ledger.md), on which it writes of calls that have no subjects of their own.

A field's class says who may see it: **public** fields may appear anywhere, **sensitive** ones (masked when they were captured) to approvers and
auditors, **secret** ones only sealed or signed to their reader; they are never logged, shown or indexed.

| event | says | published by | consumed by |
|---|---|---|---|
${events.map((one) => `| [\`${one.type}\`](#${anchorOf(one.type)}) | ${cell(one.says)} | ${writersOf(one).join(", ")} | ${readerOf(one)} |`).join("\n")}
`;
	return `${intro}${events.map(eventSection).join("")}`;
}

function eventSection(declaration: AnyDeclaration): string {
	const subjects = writersOf(declaration).flatMap((writer) => subjectPatterns(declaration, writer).map((pattern) => `\`${pattern}\``));
	const fields = fieldsOf(declaration.data, "", mappingsOf([declaration]).data);
	const rows = fields.map(({ path, type, fieldClass, indexed }) => `| \`${path}\` | ${cell(type)} | ${fieldClass} | ${indexed} |`);
	return `
## ${declaration.type}

${declaration.says}

Published by ${writersOf(declaration).join(", ")} on ${subjects.join(", ")}; consumed by ${readerOf(declaration)}.

| field | type | class | indexed as |
|---|---|---|---|
${rows.join("\n")}
`;
}

function writersOf({ writers }: AnyDeclaration): Service[] {
	return services.filter((service) => service in writers);
}

function readerOf({ reader }: AnyDeclaration): string {
	if (reader === "record") return "the record alone";
	return reader === "all" ? "every service" : reader;
}

function subjectPatterns(declaration: AnyDeclaration, writer: Service): string[] {
	const mode = (declaration.writers as Partial<Record<Service, WrittenAs>>)[writer];
	const pool = (declaration as { pooled?: boolean }).pooled === true ? "{pool}" : "_";
	const pattern = (inLedger: boolean, key: string) =>
		["callgate", readerToken(declaration, inLedger), pool, writer, key, declaration.type].join(".");
	if (mode === "ledger") return [pattern(false, "{call}"), pattern(true, "_{process}")];
	return [pattern(false, mode === "per-call" ? "{call}" : "_")];
}

interface Field {
	readonly path: string;
	readonly type: string;
	readonly fieldClass: string;
	readonly indexed: string;
}

type Mapping = { readonly type?: string; readonly properties?: Readonly<Record<string, Mapping>> } | undefined;

/** The leaves of a schema. What the index has for each comes from the mapping itself, so the page cannot promise another. */
function fieldsOf(schema: Schema, prefix: string, mapping: Mapping): Field[] {
	const required = new Set((schema as { required?: string[] }).required ?? []);
	return Object.entries(propertiesOf(schema) ?? {}).flatMap(([name, member]): Field[] => {
		const inner = mapping?.properties?.[name];
		const items = itemsOf(member);
		const isList = items !== undefined && propertiesOf(items) !== undefined;
		const path = `${prefix}${name}${isList ? "[]" : ""}`;
		if (isList) return fieldsOf(items, `${path}.`, inner);
		if (propertiesOf(member)) return fieldsOf(member, `${path}.`, inner);
		const type = `${typeOf(member)}${required.has(name) ? "" : ", optional"}`;
		return [{ path, type, fieldClass: marksOf(member).class, indexed: inner?.type ?? "–" }];
	});
}

function typeOf(schema: Schema): string {
	const { type, anyOf, enum: values, maxLength, pattern, minimum, maximum, maxItems } = schema as Partial<Keywords>;
	const constant = (schema as { const?: unknown }).const;
	if (constant !== undefined) return JSON.stringify(constant);
	if (values) return values.map((value) => JSON.stringify(value)).join(" or ");
	if (anyOf) return anyOf.map(typeOf).join(" or ");
	const items = itemsOf(schema);
	if (items) return `list of ${typeOf(items)}${maxItems === undefined ? "" : `, at most ${maxItems}`}`;
	if (type === "string")
		return pattern ? `string like \`${pattern}\`` : `string${maxLength === undefined ? "" : ` of at most ${maxLength}`}`;
	if (type === "integer" || type === "number")
		return `${type}${minimum === undefined ? "" : ` from ${minimum}`}${maximum === undefined ? "" : ` to ${maximum}`}`;
	return type ?? "any JSON";
}

interface Keywords {
	type: string;
	anyOf: Schema[];
	enum: unknown[];
	maxLength: number;
	pattern: string;
	minimum: number;
	maximum: number;
	maxItems: number;
}

function problemsPage(): string {
	const rows = Object.entries(problems).map(
		([code, { status, grpc, jsonRpc, title, advice }]) =>
			`| \`${code}\` | ${status} | ${grpc} | ${jsonRpc} | ${cell(title)} | ${cell(advice)} |`,
	);
	return `# Problems

${warning}

Every refusal and failure is an \`application/problem+json\` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with a \`code\` from this list: its
\`type\` is \`urn:callgate:problem:{code}\`, and the same code goes with the gRPC status and the JSON-RPC error. Programs compare codes, never titles.

| code | HTTP | gRPC | JSON-RPC | title | what to do |
|---|---|---|---|---|---|
${rows.join("\n")}
`;
}

/** Text within a table: a bar would end the cell. */
function cell(content: string): string {
	return content.replaceAll("|", "\\|");
}

/** As GitHub makes an anchor of a heading. */
function anchorOf(heading: string): string {
	return heading
		.toLowerCase()
		.replace(/[^a-z0-9 _-]/g, "")
		.replaceAll(" ", "-");
}

/** The names of pages in a folder that differ from what the contracts say, or are missing. */
export async function stalePages(dir: URL = folder): Promise<string[]> {
	const stale: string[] = [];
	for (const [name, page] of Object.entries(referencePages())) {
		const written = await readFile(new URL(name, dir), "utf8").catch(() => undefined);
		if (written !== page) stale.push(name);
	}
	return stale;
}

async function run(isCheck: boolean): Promise<void> {
	if (isCheck) {
		const stale = await stalePages();
		for (const name of stale)
			process.stderr.write(`docs/reference/${name} is not what the contracts say: run \`node infra/reference.ts\`\n`);
		process.exitCode = stale.length > 0 ? 1 : 0;
		return;
	}
	await mkdir(folder, { recursive: true });
	for (const [name, page] of Object.entries(referencePages())) {
		await writeFile(new URL(name, folder), page);
		process.stdout.write(`${join("docs", "reference", name)}\n`);
	}
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await run(process.argv.includes("--check"));
