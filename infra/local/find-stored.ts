// Looks for texts in everything a stack stored or logged: files of NATS, Valkey, OpenSearch and Slack, logs, and every document of the index.
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { recordStream } from "#libs/contracts/index-template.ts";
import { storyIndex } from "#libs/contracts/story.ts";
import { askOpenSearch } from "../opensearch/ask-opensearch.ts";
import { hasCode } from "./setup-error.ts";
import type { Stack } from "./stack.ts";

export interface Found {
	/** The name of the text, not the text. */
	readonly name: string;
	readonly place: string;
	readonly file: string;
}

/** Folders of a data folder by what they are. `keys`, the vault and the bank's and identity provider's own data are where secrets belong. */
const places: Readonly<Record<string, string>> = {
	nats: "nats",
	valkey: "valkey",
	opensearch: "opensearch files",
	services: "logs",
	"demo/slack": "slack",
	configuration: "configuration",
};
/** Pages of the index, by search_after. */
const pageSize = 200;

export async function findStored(stack: Stack, texts: Readonly<Record<string, string>>): Promise<Found[]> {
	const found: Found[] = [];
	const look = (bytes: Buffer, place: string, file: string) => {
		for (const [name, text] of Object.entries(texts)) if (bytes.includes(text)) found.push({ name, place, file });
	};
	const folders: [string, string][] = Object.entries(places).map(([folder, place]) => [join(stack.dataDir, folder), place]);
	// OpenSearch may keep its files elsewhere: it runs as another user.
	folders.push([stack.openSearch.dataDir, "opensearch files"]);
	for (const [folder, place] of folders) {
		for (const file of await filesIn(folder)) {
			const bytes = await readFile(file).catch(passGone);
			if (bytes) look(bytes, place, relative(stack.dataDir, file));
		}
	}
	for (const [index, sort] of [
		[recordStream, ["@timestamp", "id"]],
		[storyIndex, ["call"]],
	] as const)
		for await (const document of documents(stack, index, sort)) look(Buffer.from(JSON.stringify(document)), "opensearch documents", index);
	return found;
}

/** Servers that run replace their files: what took the place of one that is gone is among those that are read, or comes to the index. */
function passGone(error: unknown): undefined {
	if (!hasCode(error, "ENOENT")) throw error;
}

async function filesIn(folder: string): Promise<string[]> {
	const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
	return entries
		.filter((entry) => entry.isFile() && !/\.(conf|pem)$|^(nats|valkey)\.conf$/.test(entry.name))
		.map((entry) => join(entry.parentPath, entry.name));
}

interface Page {
	readonly hits: { readonly hits: { readonly _source: unknown; readonly sort: unknown[] }[] };
}

async function* documents({ openSearch, keys }: Stack, index: string, fields: readonly string[]): AsyncGenerator<unknown> {
	const ca = await readFile(openSearch.caFile, "utf8");
	const access = { url: openSearch.url, ca, user: "admin", password: keys.value("opensearch-admin.password") } as const;
	await askOpenSearch(access, "POST", `/${index}/_refresh`);
	let after: unknown[] | undefined;
	for (;;) {
		const query = {
			size: pageSize,
			query: { match_all: {} },
			sort: fields.map((field) => ({ [field]: "asc" })),
			...(after && { search_after: after }),
		};
		const answer = await askOpenSearch(access, "POST", `/${index}/_search`, query);
		if (answer.status !== 200) throw new Error(`OpenSearch answered ${answer.status} to a search of everything`);
		const { hits } = (JSON.parse(answer.body) as Page).hits;
		for (const hit of hits) yield hit._source;
		after = hits.at(-1)?.sort;
		if (hits.length < pageSize || !after) return;
	}
}
