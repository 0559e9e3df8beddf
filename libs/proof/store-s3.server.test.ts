// S3-compatible storage passes the suite of stores, on a real server; storage that cannot keep the tree's one condition is refused.
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { type S3ForTests, startS3ForTests } from "../../test/support/s3-server.ts";
import { openStore } from "./open-store.ts";
import { StoreUnavailable } from "./store.ts";
import { describeStore } from "./store-contract.ts";

let server: S3ForTests;
let bucket: string;
beforeAll(async () => {
	server = await startS3ForTests();
	bucket = await server.makeBucket();
}, 16 * 60_000);
beforeEach(() => {
	for (const [name, value] of Object.entries(server.environment)) vi.stubEnv(name, value);
});
afterAll(async () => {
	vi.unstubAllEnvs();
	await server?.stop();
});

describeStore("S3-compatible storage", () => openStore(`s3://${bucket}/some/where`, process.env));

it("keeps to its prefix", async () => {
	const [whole, part] = [await openStore(`s3://${bucket}`, process.env), await openStore(`s3://${bucket}/part/`, process.env)];
	await part.put("head", Buffer.from("of a part"));
	expect((await whole.get("part/head"))?.toString()).toBe("of a part");
	expect(await whole.get("head")).toBeUndefined();
	for (const name of ["../x", "a//b", "", "/x"]) await expect(part.get(name), name).rejects.toThrow(RangeError);
});

it("is refused by names and codes: a bucket that is not there, a key that is nobody's, a server that is gone", async () => {
	const missing = await openStore("s3://not-there", process.env);
	await expect(missing.create("a", Buffer.from("1"))).rejects.toThrow(
		new StoreUnavailable("the bucket not-there cannot be used (NoSuchBucket 404)"),
	);
	vi.stubEnv("AWS_SECRET_ACCESS_KEY", "another-key-than-is-known");
	const strange = await openStore(`s3://${bucket}`, process.env);
	await expect(strange.get("a")).rejects.toThrow(`the bucket ${bucket} cannot be used (SignatureDoesNotMatch 403)`);
	vi.stubEnv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1");
	const gone = await openStore(`s3://${bucket}`, process.env);
	await expect(gone.put("a", Buffer.from("1"))).rejects.toThrow(StoreUnavailable);
});

it("is refused where it overwrites what it is asked not to: two writers would make two trees", async () => {
	const asked: string[] = [];
	await using careless = await listen((request, response) => {
		asked.push(`${request.method} ${request.url?.replace(/[\w-]{36}.*/, "…")}`);
		request.resume().on("end", () => response.writeHead(request.method === "DELETE" ? 204 : 200).end());
	});
	vi.stubEnv("AWS_ENDPOINT_URL_S3", careless.url);
	const store = await openStore("s3://careless/p", process.env);
	await expect(store.create("segments/0", Buffer.from("1"))).rejects.toThrow(/bucket careless overwrites.*If-None-Match/);
	expect(asked).toEqual(["PUT /careless/p/probe/…", "PUT /careless/p/probe/…", "DELETE /careless/p/probe/…"]);
});

async function listen(answer: RequestListener): Promise<AsyncDisposable & { readonly url: string }> {
	const http = createServer(answer);
	await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
	return {
		url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
		[Symbol.asyncDispose]: () =>
			new Promise<void>((resolve) => {
				http.close(() => resolve());
				http.closeAllConnections();
			}),
	};
}
