// The storage of the record's tree, by its address.
import { fileURLToPath } from "node:url";
import type { ProofStore } from "./store.ts";
import { createFileStore } from "./store-files.ts";

/** `file:///folder`, or `s3://bucket/prefix` (a prefix may be left out); a bucket's name as S3 has them. */
export const storePattern = "^(?:file:///.|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?:/[A-Za-z0-9._-]+)*/?$)";

const address = new RegExp(storePattern);

/**
 * @param where an address as above.
 * @param environment says whether S3 is one's own (`AWS_ENDPOINT_URL_S3`); the AWS SDK reads the rest itself.
 * @throws {RangeError} what was found instead, and what was expected.
 */
export async function openStore(where: string, environment: Readonly<Record<string, string | undefined>>): Promise<ProofStore> {
	if (!address.test(where)) throw new RangeError(`${JSON.stringify(where)} is no storage: expected file:///folder or s3://bucket/prefix`);
	const url = new URL(where);
	if (url.protocol === "file:") return createFileStore(fileURLToPath(url));
	// Only who has a bucket waits until its client is loaded.
	const { createS3Store } = await import("./store-s3.ts");
	const prefix = url.pathname.split("/").filter(Boolean).join("/");
	const isOwnEndpoint = environment.AWS_ENDPOINT_URL_S3 !== undefined || environment.AWS_ENDPOINT_URL !== undefined;
	return createS3Store({ bucket: url.hostname, prefix: prefix === "" ? "" : `${prefix}/`, isOwnEndpoint });
}
