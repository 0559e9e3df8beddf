// A real OpenSearch for tests of audit: the local stack's server with its users, provisioned with our template, emptied between tests.
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { indexTemplate, recordStream } from "#libs/contracts/index-template.ts";
import { storyIndex, storyTemplate } from "#libs/contracts/story.ts";
import { findFreePorts } from "../../infra/local/ports.ts";
import { provideJava } from "../../infra/local/provide-java.ts";
import { provideOpenSearch } from "../../infra/local/provide-opensearch.ts";
import { startOpenSearch } from "../../infra/local/run-opensearch.ts";
import { askOpenSearch, type OpenSearchAccess } from "../../infra/opensearch/ask-opensearch.ts";
import { provisionOpenSearch } from "../../infra/opensearch/provision.ts";
import { type OpenSearchUser, openSearchUsers } from "../../infra/opensearch/roles.ts";
import type { OpenSearchOptions } from "./connect-opensearch.ts";

export interface RealOpenSearch {
	/** How one user connects. */
	as(user: OpenSearchUser): OpenSearchOptions;
	/** One request as the administrator; throws unless it is answered with 2xx. */
	admin(method: "GET" | "PUT" | "POST" | "DELETE", path: string, body?: object): Promise<unknown>;
	/** Removes record and stories and makes their places anew. */
	empty(): Promise<void>;
	stop(): Promise<void>;
}

/** Starts one on free ports in a folder of its own; about 15 seconds once it is downloaded. */
export async function startRealOpenSearch(): Promise<RealOpenSearch> {
	const silent = (): void => undefined;
	const [java, search] = await Promise.all([provideJava(silent), provideOpenSearch(silent)]);
	const dir = await mkdtemp(join(tmpdir(), "callgate-audit-"));
	const [port = 0] = await findFreePorts(1);
	const secrets = openSearchUsers.map((user) => [user, randomBytes(24).toString("base64url")] as const);
	const passwords = Object.fromEntries(secrets) as Record<OpenSearchUser, string>;
	const server = await startOpenSearch({ ...java, ...search, dir, port, passwords, places: { stream: recordStream, stories: storyIndex } });
	const ca = await readFile(server.caFile, "utf8");
	const access = (user: OpenSearchUser): OpenSearchAccess => ({ url: server.url, ca, user, password: passwords[user] });
	const admin = async (method: "GET" | "PUT" | "POST" | "DELETE", path: string, body?: object): Promise<unknown> => {
		const answer = await askOpenSearch(access("admin"), method, path, body);
		if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body.slice(0, 500)}`);
		return JSON.parse(answer.body);
	};
	const provision = async () => {
		await provisionOpenSearch({ ...access("provisioner"), name: recordStream, template: indexTemplate({ replicas: 0 }) });
		await provisionOpenSearch({ ...access("provisioner"), name: storyIndex, template: storyTemplate({ replicas: 0 }) });
	};
	await provision();
	return {
		as: (user) => ({ url: server.url, username: user, password: passwords[user], ca, requestTimeoutMs: 30_000 }),
		admin,
		async empty() {
			await admin("DELETE", `/_data_stream/${recordStream}`);
			await admin("DELETE", `/${storyIndex}?ignore_unavailable=true`);
			await provision();
		},
		async stop() {
			await server.stop();
			await rm(dir, { recursive: true, force: true });
		},
	};
}
