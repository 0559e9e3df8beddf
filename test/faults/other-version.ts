// Another version of the services, made from this checkout: its events have members that this one does not know, in the envelope, in the data and deep inside.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { recordStream } from "#libs/contracts/index-template.ts";
import type { Stack } from "../../infra/local/stack.ts";
import { provisionOpenSearch, type RecordTemplate } from "../../infra/opensearch/provision.ts";
import { type Change, makeChangedCopy } from "./changed-copy.ts";

/** What the other version writes and this one has never heard of. */
export const otherRelease = "other";

const changes: readonly Change[] = [
	{
		file: "libs/contracts/events.ts",
		from: "\tcall: CallId,\n\tconnection: Name,",
		to: "\trelease: Type.Optional(pub(Type.String({ maxLength: 32 }))),\n\tcall: CallId,\n\tconnection: Name,",
	},
	{
		file: "libs/contracts/events.ts",
		from: "\t\t\tcode: pub(Type.String({ maxLength: 64 })),",
		to: "\t\t\tweight: Type.Optional(pub(Type.Integer())),\n\t\t\tcode: pub(Type.String({ maxLength: 64 })),",
	},
	{
		file: "libs/contracts/envelope.ts",
		from: "\t\tdata: Type.Unknown(),",
		to: "\t\trelease: Type.Optional(Type.String()),\n\t\tdata: Type.Unknown(),",
	},
	{
		file: "libs/contracts/envelope.ts",
		from: "\t\tdata,\n\t} as unknown as Event<Kind>;",
		to: `\t\trelease: "${otherRelease}",\n\t\tdata: newer(type, data),\n\t} as unknown as Event<Kind>;`,
	},
	{
		file: "libs/contracts/envelope.ts",
		from: "/** The bytes of one message",
		to: `function newer(type: string, data: object): object {
	const release = "release" in (declarationOf(type)?.data.properties ?? {}) && { release: "${otherRelease}" };
	const reasons = "reasons" in data && { reasons: (data.reasons as object[]).map((reason) => ({ ...reason, weight: 1 })) };
	return { ...data, ...release, ...reasons };
}

/** The bytes of one message`,
	},
];

/** Makes the other version in `dir`, once. */
export async function makeOtherVersion(dir: string): Promise<void> {
	await makeChangedCopy(dir, ["libs", "services"], changes);
}

/** What an operator does before the first process of the new version is started: the index learns its fields. */
export async function provisionOther(dir: string, { openSearch, keys }: Pick<Stack, "openSearch" | "keys">): Promise<void> {
	const { indexTemplate } = (await import(pathToFileURL(join(dir, "libs/contracts/index-template.ts")).href)) as {
		indexTemplate: (options: { replicas: 0 }) => RecordTemplate;
	};
	const login = { url: openSearch.url, ca: await readFile(openSearch.caFile, "utf8"), user: "provisioner" };
	const password = keys.openSearchPasswords.provisioner;
	await provisionOpenSearch({ ...login, password, name: recordStream, template: indexTemplate({ replicas: 0 }) });
}
