// The audit page as an auditor meets it: behind a real identity provider, over a record in memory.
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import { subjectOf } from "#libs/contracts/subjects.ts";
import { createAuthenticator } from "#libs/identity/authenticate.ts";
import { issuerOf } from "#libs/identity/issuer.test-support.ts";
import { keyText, type NoteSigner, noteSigner } from "#libs/merkle/signed-note.ts";
import { digestOf, entryText } from "#libs/proof/entry.ts";
import type { ProofStore } from "#libs/proof/store.ts";
import { createFileStore } from "#libs/proof/store-files.ts";
import { createHttp } from "#libs/service/http.ts";
import { createLogger } from "#libs/service/logger.ts";
import { createMetrics } from "#libs/service/metrics.ts";
import { tellRefusals } from "#libs/service/refusal-events.ts";
import { startIdp } from "../../infra/local/demo/idp.ts";
import { findFreePorts } from "../../infra/local/ports.ts";
import { createAuditors } from "./auditors.ts";
import { delivered } from "./index-contract.ts";
import { MemoryIndex } from "./index-memory.ts";
import { addAuditPage } from "./listen-page.ts";
import { createSignIn } from "./page/sign-in.ts";
import { RecordTree } from "./proof/record-tree.ts";
import { recorded } from "./stories-contract.ts";
import { MemoryStories } from "./stories-memory.ts";
import { storiesOf } from "./tell-story.ts";

export interface PageForTests {
	readonly url: string;
	/** Of everyone at the identity provider. */
	readonly password: string;
	readonly stream: MemoryStream;
	readonly index: MemoryIndex;
	/** Replaces all that is on the record and in its tree, which may have signed something else; positions follow from the order. */
	record(events: readonly CallgateEvent[], signed?: readonly CallgateEvent[]): Promise<void>;
	stop(): Promise<void>;
}

export async function startPage(): Promise<PageForTests> {
	const dataDir = await mkdtemp(join(tmpdir(), "callgate-page-"));
	const password = "correct horse";
	const idp = await startIdp({ port: 0, dataDir, password, clientSecrets: { ci: "ci-secret", "ai-agent": "agent-secret" } });
	const [port = 0] = await findFreePorts(1);
	const url = `http://127.0.0.1:${port}`;
	const stream = new MemoryStream();
	const bus = createMemoryBus(stream, "audit");
	const [index, stories] = [new MemoryIndex(), new MemoryStories()];
	const log = createLogger("audit", "silent");
	const signer = noteSigner("callgate.test/record", generateKeyPairSync("ed25519").privateKey);
	let tree = createFileStore(join(dataDir, "proof"));
	const authenticator = createAuthenticator([issuerOf(idp.issuer, { algorithms: ["RS256"] })]);
	const http: FastifyInstance = createHttp({ log, metrics: createMetrics("audit"), ready: {}, bodyBytesMax: 1_024 });
	await addAuditPage(http, {
		...{ reader: index, storyReader: stories, now: () => new Date(), say: bus.publish, maskText: (text: string) => text },
		strangers: tellRefusals("control.authentication.failed", "audit", { bus, log }),
		refused: tellRefusals("control.record.refused", "audit", { bus, log }),
		auditors: createAuditors(() => ({ members: new Set(["alice@example.com"]), groups: new Set() })),
		authenticate: (authorization) => authenticator.authenticate(authorization),
		...{ keys: [keyText(signer)], store: { get: (name: string) => tree.get(name) } },
		signIn: createSignIn({ url, issuer: idp.issuer, client: "callgate-audit", scope: "openid", sessionKey: new Uint8Array(32).fill(7) }),
	});
	await http.listen({ host: "127.0.0.1", port });
	return {
		...{ url, password, stream, index },
		async record(events, signed = events) {
			index.generations.splice(0, Number.POSITIVE_INFINITY, new Map());
			stories.told.clear();
			await index.create(events.map((event, at) => delivered(event, at + 1)));
			await stories.merge(storiesOf(events.map((event, at) => recorded(event, at + 1))));
			tree = createFileStore(await mkdtemp(join(dataDir, "proof-")));
			await sign(tree, signer, signed);
		},
		async stop() {
			await http.close();
			await idp.stop();
			await bus.close();
			await rm(dataDir, { recursive: true, force: true });
		},
	};
}

/** Signs a checkpoint after every third event: a call's steps lie in several segments. */
async function sign(store: ProofStore, signer: NoteSigner, events: readonly CallgateEvent[]): Promise<void> {
	const era = { identity: "stream-of-test" };
	const tree = await RecordTree.open({ store, origin: signer.name, signers: [signer] });
	for (const [at, event] of events.entries()) {
		const bytes = Buffer.from(JSON.stringify(event));
		tree.add({
			entry: entryText({ kind: "event", position: at + 1, item: 0, subject: subjectOf(event), digest: digestOf(bytes) }),
			event: bytes,
		});
		if (at % 3 !== 2 && at < events.length - 1) continue;
		await tree.checkpoint(new Date("2026-01-01T00:00:00.000Z"), at + 1, era);
		await tree.derive();
	}
}

/** A browser without a screen: keeps cookies by host, follows redirections, tells where it ended. */
export class PlainBrowser {
	readonly cookies = new Map<string, string>();
	/** Every `Set-Cookie` that it was given. */
	readonly set: string[] = [];

	async go(
		url: string,
		init: RequestInit = {},
	): Promise<{ readonly url: string; readonly status: number; readonly headers: Headers; readonly text: string }> {
		let at = url;
		let how = init;
		for (let hops = 0; hops < 12; hops++) {
			const headers = new Headers(how.headers);
			if (this.cookies.size > 0) headers.set("cookie", [...this.cookies].map((pair) => pair.join("=")).join("; "));
			const answer = await fetch(at, { ...how, headers, redirect: "manual" });
			for (const cookie of answer.headers.getSetCookie()) this.keep(cookie);
			const location = answer.headers.get("location");
			if (location === null || answer.status < 300 || answer.status > 399)
				return { url: at, status: answer.status, headers: answer.headers, text: await answer.text() };
			at = new URL(location, at).href;
			how = {};
		}
		throw new Error("too many redirections");
	}

	private keep(cookie: string): void {
		this.set.push(cookie);
		const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
		if (value === "" || /max-age=0|expires=Thu, 01 Jan 1970/i.test(cookie)) this.cookies.delete(name);
		else this.cookies.set(name, value);
	}

	/** Through the page's own link and the identity provider's form. */
	async signIn({ url, password }: Pick<PageForTests, "url" | "password">, name: string, to = "/audit") {
		const login = await this.go(`${url}/audit/sign-in?${new URLSearchParams({ to })}`);
		return this.go(login.url, { method: "POST", body: new URLSearchParams({ name, password }) });
	}
}
