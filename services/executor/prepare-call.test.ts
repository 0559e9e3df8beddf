// What a configuration accepts, the executor carries out: every header that may be forwarded or carry a credential arrives at the function.
import { describe, expect, test } from "vitest";
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import type { SourceFiles } from "#libs/configuration/source-files.ts";
import { createMemoryVault } from "#libs/vault/vault-memory.ts";
import { demoConfiguration } from "../../infra/local/demo/configuration.ts";
import { Bench, bankKey, caller } from "./granted-call.test-support.ts";

const demo = demoConfiguration({ issuer: caller.issuer, bankUrl: "http://127.0.0.1:9" });

/** The demo's bank with another credential and other headers to pass on. */
function bankWith(change: string): SourceFiles {
	return { ...demo, "bank.yaml": String(demo["bank.yaml"]).replace(/^credential: .*$/m, change) };
}

/** What `check` says, and the headers of the one request that a call then makes. */
async function outcome(change: string, headers: readonly (readonly [string, string])[] = []) {
	const compiled = compileConfiguration(bankWith(change));
	if (!compiled.ok) return { refused: compiled.errors.map(({ message }) => message) };
	const bench = new Bench();
	const { configuration } = compiled;
	const ended = await bench.run(
		{ sealed: { headers }, revision: configuration.revision },
		{ configuration: { at: async () => configuration }, vault: createMemoryVault({ "bank-api-key": bankKey }) },
	);
	return { ending: ended.data.ending, headers: bench.dialer.requests[0]?.headers ?? [] };
}

const names = [
	"accept",
	"accept-encoding",
	"accept-language",
	"authorization",
	"callgate-call",
	"connection",
	"content-encoding",
	"content-length",
	"content-type",
	"cookie",
	"expect",
	"forwarded",
	"host",
	"http2-settings",
	"idempotency-key",
	"if-match",
	"keep-alive",
	"prefer",
	"proxy-authorization",
	"proxy-connection",
	"proxy-foo",
	"sec-fetch-site",
	"te",
	"traceparent",
	"trailer",
	"transfer-encoding",
	"upgrade",
	"user-agent",
	"via",
	"x-api-key",
	"x-forwarded-for",
	"x-real-ip",
	"x-request-id",
];

describe.each(names)("%s", (name) => {
	test("as a header to pass on is refused by check, or passes", async () => {
		const kept = `credential: { secret: bank-api-key, as: bearer }\nforward: [${name}]`;
		const { refused, ending, headers } = await outcome(kept, [[name, "callers-own"]]);
		if (refused) return expect(refused).toEqual([expect.stringMatching(/^found .*, expected a header that may pass: /)]);
		expect(ending).toBe("completed");
		expect(headers.filter(([sent]) => sent === name)).toEqual([[name, "callers-own"]]);
	});

	test("as the credential's header is refused by check, or carries it", async () => {
		const { refused, ending, headers } = await outcome(`credential: { secret: bank-api-key, as: header, name: ${name} }`);
		if (refused) return expect(refused).toEqual([expect.stringMatching(/^found .*, expected a header that can carry a credential: /)]);
		expect(ending).toBe("completed");
		expect(headers.filter(([sent]) => sent === name)).toEqual([[name, bankKey]]);
	});
});

test("without a word of the caller's the executor's own Accept and User-Agent are sent", async () => {
	const kept = "credential: { secret: bank-api-key, as: bearer }\nforward: [accept, user-agent]";
	const { headers } = await outcome(kept);
	expect(headers).toEqual(
		expect.arrayContaining([
			["accept", "application/json, */*;q=0.5"],
			["user-agent", "callgate"],
		]),
	);
});
