// How OpenSearch says that it keeps the record, as it says it: settings, defaults, several backing indices, nothing.
import { expect, test } from "vitest";
import { readIndexDurability } from "./opensearch-durability.ts";

const name = "index.number_of_replicas";
const log = "index.translog.durability";
const cases: [note: string, answer: unknown, found: object][] = [
	[
		"a default is told in capitals",
		{ a: { settings: { [name]: "1" }, defaults: { [log]: "REQUEST" } } },
		{ replicas: 1, translog: "request" },
	],
	[
		"a setting wins over its default",
		{ a: { settings: { [name]: "1", [log]: "async" }, defaults: { [log]: "REQUEST" } } },
		{ replicas: 1, translog: "async" },
	],
	[
		"of several backing indices the weakest counts",
		{
			a: { settings: { [name]: "2", [log]: "request" } },
			b: { settings: { [name]: "0", [log]: "async" } },
			c: { settings: { [name]: "1", [log]: "request" } },
		},
		{ replicas: 0, translog: "async" },
	],
	["what is not said is not known", { a: { settings: {} } }, { replicas: "unknown", translog: "unknown" }],
	["there is no index", {}, { replicas: "unknown", translog: "unknown" }],
];

test.each(cases)("%s", async (_note, answer, found) => {
	expect(await readIndexDurability({ request: async () => answer })).toEqual(found);
});
