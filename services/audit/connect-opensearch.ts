// One user's connection to OpenSearch: the only file that imports its client. Every request has a total time limit and fails with one of our words.
import { Client, errors } from "@opensearch-project/opensearch";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import { IndexUnavailable } from "./ports.ts";

export interface OpenSearchOptions {
	/** `https://host:port`; plain http only where nothing crosses a network. */
	readonly url: string;
	readonly username: string;
	readonly password: string;
	/** PEM of the authority that signed the server's certificate; else the system's authorities. */
	readonly ca?: string | undefined;
	/** From the first byte sent to the last received. */
	readonly requestTimeoutMs: number;
}

export interface OpenSearchRequest {
	readonly method: "GET" | "POST";
	readonly path: string;
	readonly query?: Readonly<Record<string, string | number | boolean>>;
	/** An object is sent as JSON, lines as newline-delimited JSON. */
	readonly body?: Readonly<Record<string, unknown>> | readonly string[];
}

/** OpenSearch answered that it will never do this: the request's fault. `type` is an exception's name, no more: its text may quote a document. */
export class RequestRefused extends ExpectedError {
	readonly status: number;
	readonly type: string;
	constructor(status: number, type: string) {
		super(`OpenSearch refuses the request with ${status} ${type}`);
		this.status = status;
		this.type = type;
	}
}

export interface OpenSearchConnection {
	/**
	 * The body of a 2xx answer.
	 *
	 * @throws {IndexUnavailable} where trying again later may help
	 * @throws {RequestRefused} where it will not
	 */
	request(request: OpenSearchRequest): Promise<unknown>;
	close(): Promise<void>;
}

export function connectOpenSearch({ url, username, password, ca, requestTimeoutMs }: OpenSearchOptions): OpenSearchConnection {
	const client = new Client({
		node: url,
		auth: { username, password },
		...(ca && { ssl: { ca, rejectUnauthorized: true } }),
		// Who asks decides when to ask again: a retry in here would hide an outage and double its load.
		maxRetries: 0,
		requestTimeout: requestTimeoutMs,
		// The client refuses to read `__proto__`, which a function's recorded answer may contain; nothing here assigns by such a name.
		disablePrototypePoisoningProtection: true,
	});
	return {
		async request({ method, path, query, body }) {
			const content = Array.isArray(body) ? { bulkBody: `${body.join("\n")}\n` } : body && { body };
			const running = client.transport.request({ method, path, ...content, ...(query && { querystring: { ...query } }) });
			// The client's own limit is for silence between bytes: an answer that drips would hold a batch for ever.
			const timer = setTimeout(() => running.abort(), requestTimeoutMs);
			try {
				return (await running).body;
			} catch (error) {
				throw inOurWords(error);
			} finally {
				clearTimeout(timer);
			}
		},
		close: () => client.close(),
	};
}

/** Drops the client's error itself: its `meta` holds the request with documents and credentials. */
function inOurWords(error: unknown): IndexUnavailable | RequestRefused {
	if (!(error instanceof errors.ResponseError)) {
		const name = error instanceof Error ? error.name : "unknown error";
		return new IndexUnavailable("away", `OpenSearch does not answer (${name})`);
	}
	const status = error.statusCode;
	const type = errorTypeOf(error.body);
	if (status === 401) return new IndexUnavailable("forbidden", "OpenSearch does not know our user or password");
	if (status === 404) return new IndexUnavailable("outdated", `the data stream is missing (${type}): run the provisioning`);
	return unavailableOf(status, type) ?? new RequestRefused(status, type);
}

/** What an HTTP status, of an answer or of one item in it, says about trying again; undefined if it says that trying again will not help. */
export function unavailableOf(status: number, type: string): IndexUnavailable | undefined {
	// A disk too full makes indices read-only: 429 at the flood stage, 403 where an operator did it.
	if (type === "cluster_block_exception")
		return new IndexUnavailable("busy", "the index is blocked for writes: look at the cluster's disks");
	if (status === 403) return new IndexUnavailable("forbidden", `OpenSearch forbids it to our user (${type})`);
	if (status === 429 || status >= 500) return new IndexUnavailable("busy", `OpenSearch answers ${status} ${type}`);
	return undefined;
}

function errorTypeOf(body: unknown): string {
	const error = (body as { error?: { type?: unknown } | string } | null)?.error;
	return nameOf(typeof error === "object" ? error?.type : undefined);
}

/** An exception's name as OpenSearch writes it, or nothing: what is logged must not be able to carry a value. */
export function nameOf(type: unknown): string {
	return typeof type === "string" && /^[a-z_]{1,80}$/.test(type) ? type : "without a type";
}
