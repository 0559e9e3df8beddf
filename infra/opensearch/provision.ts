// Makes the place of the record or of the stories ready: its index template, the data stream or index itself, and its fields, each read back. Again changes nothing.
import { isDeepStrictEqual } from "node:util";
import { setupError } from "../local/setup-error.ts";
import { askOpenSearch, type OpenSearchAccess } from "./ask-opensearch.ts";

/** An index template, as `PUT /_index_template` takes it: for a data stream where it says so, else for an index. */
export interface RecordTemplate {
	readonly index_patterns: readonly string[];
	readonly data_stream?: object;
	readonly template: { readonly settings?: object; readonly mappings: { readonly properties: object; readonly dynamic?: unknown } };
}

/** What to provision, and as whom (`provisioner`, or any user who has its permissions). */
export interface ProvisionOptions extends OpenSearchAccess {
	/** Of the data stream or the index, and of the template. */
	readonly name: string;
	readonly template: RecordTemplate;
}

/**
 * Puts the template, makes the data stream or the index if it does not exist, adds fields that a newer template has, and reads all of it back.
 * Several may do it at once.
 * @throws SetupError when OpenSearch refuses a step, or what it then says it has is not what was asked for (a field's type changed).
 */
export async function provisionOpenSearch(options: ProvisionOptions): Promise<void> {
	const { name, template } = options;
	const templatePath = `/_index_template/${encodeURIComponent(name)}`;
	const mappingPath = `/${encodeURIComponent(name)}/_mapping`;
	const isStream = template.data_stream !== undefined;
	const placePath = isStream ? `/_data_stream/${encodeURIComponent(name)}` : `/${encodeURIComponent(name)}`;

	await must(options, "PUT", templatePath, template);
	const stored = await must(options, "GET", templatePath);
	expectPart(
		stored,
		{ index_templates: [{ name, index_template: { template: { mappings: template.template.mappings } } }] },
		"its index template",
	);

	const made = await askOpenSearch(options, "PUT", placePath);
	// 400 also says that it exists: reading it back tells.
	if (made.status !== 200 && made.status !== 400) throw refusal("PUT", placePath, made);
	if (isStream) expectPart(await must(options, "GET", placePath), { data_streams: [{ name }] }, "its data stream");

	// A template is for indices to come; the one that is written to now learns new fields here.
	const wanted = template.template.mappings;
	const before = await must(options, "GET", mappingPath);
	if (!indicesHave(before, wanted)) {
		await must(options, "PUT", mappingPath, wanted);
		if (!indicesHave(await must(options, "GET", mappingPath), wanted)) throw differs("the fields of its indices", wanted);
	}
}

async function must(access: OpenSearchAccess, method: "GET" | "PUT", path: string, body?: object): Promise<unknown> {
	const answer = await askOpenSearch(access, method, path, body);
	if (answer.status !== 200) throw refusal(method, path, answer);
	return JSON.parse(answer.body);
}

function refusal(method: string, path: string, answer: { status: number; body: string }): Error {
	return setupError({
		failed: `OpenSearch answered ${answer.status} to ${method} ${path}.`,
		expected: "200.",
		todo: "401 or 403: check the provisioner's password and role. 400 about a field: its type changed, which an index cannot follow; roll the data stream over or index it anew.",
		detail: answer.body.slice(0, 1000),
	});
}

function expectPart(actual: unknown, wanted: unknown, what: string): void {
	if (!has(actual, wanted)) throw differs(what, wanted);
}

function differs(what: string, wanted: unknown): Error {
	return setupError({
		failed: `OpenSearch stored ${what} differently from what was asked for.`,
		expected: "to read back what was put.",
		todo: "Look for another index template of a higher priority for this name, and for what in these settings this version of OpenSearch writes differently.",
		detail: JSON.stringify(wanted).slice(0, 1000),
	});
}

/** `GET …/_mapping` answers by index: every index of the stream must have the fields. */
function indicesHave(answer: unknown, mappings: unknown): boolean {
	if (typeof answer !== "object" || answer === null) return false;
	const indices = Object.values(answer);
	return indices.length > 0 && indices.every((index) => has(index, { mappings }));
}

/** Whether `actual` has all that `wanted` has; it may have more members, for OpenSearch adds its own. */
function has(actual: unknown, wanted: unknown): boolean {
	if (Array.isArray(wanted)) {
		return Array.isArray(actual) && actual.length === wanted.length && wanted.every((item, index) => has(actual[index], item));
	}
	if (typeof wanted !== "object" || wanted === null) return isDeepStrictEqual(actual, wanted);
	if (typeof actual !== "object" || actual === null) return false;
	const members = new Map<string, unknown>(Object.entries(actual));
	return Object.entries(wanted).every(([name, member]) => members.has(name) && has(members.get(name), member));
}
