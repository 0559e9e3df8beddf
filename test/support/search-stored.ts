// Looks for texts in everything that was stored or logged: every file of the data folder, and every document of the index.
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { recordStream } from "#libs/contracts/index-template.ts";
import { askOpenSearch } from "../../infra/opensearch/ask-opensearch.ts";
import { stack } from "./stack.ts";

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

/** Every document of the record, as the administrator of OpenSearch sees it. */
export async function allDocuments(): Promise<Document[]> {
	const ca = await readFile(stack.openSearch.caFile, "utf8");
	const access = { url: stack.urls.opensearch, ca, ...stack.openSearch.admin };
	await askOpenSearch(access, "POST", `/${recordStream}/_refresh`);
	await askOpenSearch(access, "POST", `/${recordStream}/_flush?wait_if_ongoing=true`);
	const documents: Document[] = [];
	for (let after: unknown[] | undefined; ; ) {
		const body = { size: 500, sort: [{ position: "asc" }, { item: "asc" }], ...(after && { search_after: after }) };
		const answer = await askOpenSearch(access, "POST", `/${recordStream}/_search`, body);
		if (answer.status !== 200) throw new Error(`OpenSearch answered ${answer.status}`);
		const { hits } = JSON.parse(answer.body).hits as { hits: (Document & { sort: unknown[] })[] };
		documents.push(...hits);
		after = hits.at(-1)?.sort;
		if (hits.length < 500) return documents;
	}
}

export async function searchDocuments(texts: Texts): Promise<Found[]> {
	const all = (await allDocuments()).map((document) => JSON.stringify(document));
	return Object.entries(texts).flatMap(([name, text]) =>
		all.some((document) => formsOf(text).some((form) => document.includes(form))) ? [{ name, place: recordStream }] : [],
	);
}
