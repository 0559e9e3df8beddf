// Looks for texts in everything that was stored or logged: every file of the data folder, and every document of the index.
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { recordStream } from "#libs/contracts/index-template.ts";
import { type Story, storyIndex } from "#libs/contracts/story.ts";
import { askOpenSearch } from "../../infra/opensearch/ask-opensearch.ts";
import { storedMessages } from "./nats.ts";
import { eventually, stack } from "./stack.ts";

export interface Found {
	/** The name of the text, not the text. */
	readonly name: string;
	/** The file, relative to the data folder, or the index. */
	readonly place: string;
}

type Texts = Readonly<Record<string, string>>;

/** A secret may lie there in other clothes. */
function formsOf(text: string): string[] {
	return [text, Buffer.from(text).toString("base64").replace(/=+$/, ""), Buffer.from(text).toString("base64url"), encodeURIComponent(text)];
}

export async function searchFiles(texts: Texts): Promise<Found[]> {
	const found: Found[] = [];
	const needles = Object.entries(texts).map(
		([name, text]) => [name, [...new Set(formsOf(text))].map((form) => Buffer.from(form))] as const,
	);
	for (const folder of [stack.dataDir, stack.openSearchDataDir]) {
		for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
			if (!entry.isFile()) continue;
			const file = join(entry.parentPath, entry.name);
			// Files come and go under a running server.
			const bytes = await readFile(file).catch(() => Buffer.alloc(0));
			for (const [name, forms] of needles)
				if (forms.some((form) => bytes.includes(form))) found.push({ name, place: relative(stack.dataDir, file) });
		}
	}
	return found;
}

interface Document {
	readonly _id: string;
	readonly _source: Readonly<Record<string, unknown>>;
}

async function asAdministrator(path: string, body?: object, index = recordStream): Promise<string> {
	const ca = await readFile(stack.openSearch.caFile, "utf8");
	const answer = await askOpenSearch({ url: stack.urls.opensearch, ca, ...stack.openSearch.admin }, "POST", `/${index}/${path}`, body);
	if (answer.status !== 200) throw new Error(`OpenSearch answered ${answer.status} to ${path}`);
	return answer.body;
}

/** Every document of the record, as the administrator of OpenSearch sees it. */
export async function allDocuments(): Promise<Document[]> {
	return await allOf(recordStream, { sort: [{ position: "asc" }, { item: "asc" }] });
}

/** Every story of a call. */
export async function allStories(): Promise<Story[]> {
	const found = await allOf(storyIndex, { query: { exists: { field: "call" } }, sort: [{ call: "asc" }] });
	return found.map(({ _source }) => _source as unknown as Story);
}

async function allOf(index: string, search: { readonly query?: object; readonly sort: readonly object[] }): Promise<Document[]> {
	await asAdministrator("_refresh", undefined, index);
	const documents: Document[] = [];
	for (let after: unknown[] | undefined; ; ) {
		const body = { size: 500, ...search, ...(after && { search_after: after }) };
		const { hits } = JSON.parse(await asAdministrator("_search", body, index)).hits as { hits: (Document & { sort: unknown[] })[] };
		documents.push(...hits);
		after = hits.at(-1)?.sort;
		if (hits.length < 500) return documents;
	}
}

/** Waits until everything that the stream holds now is in the index. OpenSearch may be away meanwhile. */
export async function everythingIndexed(): Promise<void> {
	const events = (await storedMessages()).flatMap((message) => message.events);
	const ids = [...new Set<string>(events.map(({ id }) => id))];
	await eventually(async () => {
		const counted = await asAdministrator("_refresh")
			.then(() => asAdministrator("_count", { query: { ids: { values: ids } } }))
			.catch(() => '{"count":0}');
		return (JSON.parse(counted) as { count: number }).count >= ids.length ? true : undefined;
	}, 250);
}

/** Brings what is in OpenSearch's memory into its files. */
export async function flushIndex(): Promise<void> {
	await asAdministrator("_flush?wait_if_ongoing=true");
}

export async function searchDocuments(texts: Texts): Promise<Found[]> {
	const all = { [recordStream]: await allDocuments(), [storyIndex]: await allStories() };
	return Object.entries(all).flatMap(([place, documents]) => {
		const written = documents.map((document) => JSON.stringify(document));
		return Object.entries(texts).flatMap(([name, text]) =>
			written.some((document) => formsOf(text).some((form) => document.includes(form))) ? [{ name, place }] : [],
		);
	});
}
