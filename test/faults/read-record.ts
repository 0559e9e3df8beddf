// The record as the checker reads it: every document of every backing index, straight from OpenSearch.
import { readFile } from "node:fs/promises";
import { recordStream } from "#libs/contracts/index-template.ts";
import type { Stack } from "../../infra/local/stack.ts";
import { askOpenSearch, type OpenSearchAccess } from "../../infra/opensearch/ask-opensearch.ts";
import type { RecordedDocument } from "./evidence.ts";

const pageSize = 2_000;
const fields = ["type", "position", "item", "data.call", "data.digest", "data.ending"];

interface Hit {
	readonly _index: string;
	readonly _id: string;
	readonly _source: {
		readonly type: string;
		readonly position: number;
		readonly item: number;
		readonly data?: { readonly call?: string; readonly digest?: string; readonly ending?: string };
	};
	readonly sort: unknown[];
}

export async function adminAccess({ openSearch, keys }: Pick<Stack, "openSearch" | "keys">): Promise<OpenSearchAccess> {
	const ca = await readFile(openSearch.caFile, "utf8");
	return { url: openSearch.url, ca, user: "admin", password: keys.value("opensearch-admin.password") };
}

export async function readRecord(access: OpenSearchAccess): Promise<RecordedDocument[]> {
	await ask(access, "POST", `/${recordStream}/_refresh`);
	const found: RecordedDocument[] = [];
	for (let after: unknown[] | undefined; ; ) {
		const query = {
			...{ size: pageSize, query: { match_all: {} }, _source: fields },
			sort: [{ position: "asc" }, { item: "asc" }, { id: "asc" }],
			...(after && { search_after: after }),
		};
		const page = JSON.parse(await ask(access, "POST", `/${recordStream}/_search`, query)) as { hits: { hits: Hit[] } };
		for (const { _index, _id, _source } of page.hits.hits) {
			const { type, position, item, data = {} } = _source;
			found.push({ index: _index, id: _id, type, position, item, ...data });
		}
		after = page.hits.hits.at(-1)?.sort;
		if (!after || page.hits.hits.length < pageSize) return found;
	}
}

/** How many documents there are. */
export async function countRecord(access: OpenSearchAccess): Promise<number> {
	await ask(access, "POST", `/${recordStream}/_refresh`);
	return (JSON.parse(await ask(access, "GET", `/${recordStream}/_count`)) as { count: number }).count;
}

/** The flood stage's own block: nothing can be written, only deleted. */
export async function setReadOnly(access: OpenSearchAccess, readOnly: boolean): Promise<void> {
	await ask(access, "PUT", `/${recordStream}/_settings`, { "index.blocks.read_only_allow_delete": readOnly ? true : null });
}

async function ask(access: OpenSearchAccess, method: "GET" | "POST" | "PUT", path: string, body?: object): Promise<string> {
	const answer = await askOpenSearch(access, method, path, body);
	if (answer.status !== 200) throw new Error(`OpenSearch answered ${answer.status} to ${method} ${path}`);
	return answer.body;
}
