// Asking an API: to whom a token is sent, how long and how much is waited for, and what each way of not getting an answer means.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { tokenCharactersMax } from "#libs/identity/authorization-header.ts";
import { json, TestApi } from "./api.test-support.ts";
import { type ReachOptions, reach } from "./api-client.ts";

let api: TestApi;
let dir: string;
beforeEach(async () => {
	api = await TestApi.start();
	dir = await mkdtemp(join(tmpdir(), "callgate-cli-"));
});
afterEach(async () => {
	await api.stop();
	await rm(dir, { recursive: true });
});

const at = (options: ReachOptions, environment: Record<string, string> = { CALLGATE_TOKEN: "t0ken" }) =>
	reach("ingress", options, { environment });
const ask = async (asked: { timeoutMs?: number } = {}) => (await at({ url: api.url })).ask("GET", "/v1/functions", asked);

describe("where and who", () => {
	it("an option wins over the variable, the variable over the default", async () => {
		const variable = { CALLGATE_TOKEN: "t", CALLGATE_URL: "http://127.0.0.1:1/base/" };
		expect((await at({}, variable)).url).toBe("http://127.0.0.1:1/base");
		expect((await at({ url: "https://gate.example" }, variable)).url).toBe("https://gate.example");
		expect((await at({})).url).toBe("http://127.0.0.1:7300");
		expect((await reach("approval", {}, { environment: { CALLGATE_TOKEN: "t" } })).url).toBe("http://127.0.0.1:7301");
		expect((await reach("audit", {}, { environment: { CALLGATE_TOKEN: "t" } })).url).toBe("http://127.0.0.1:7302");
	});

	it.each([
		["nonsense", "is no URL"],
		["ftp://127.0.0.1", "is no URL"],
		["http://user:hunter2@127.0.0.1", "is no URL"],
		["https://gate.example/?token=hunter2", "is no URL"],
		["http://gate.example", "in the clear"],
		["http://127.0.0.1.example", "in the clear"],
		["http://localhost.example", "in the clear"],
	])("no token goes to %s", async (url, message) => {
		const refused = await at({ url }).catch((error: Error) => error);
		expect(refused).toMatchObject({ exitCode: 2, message: expect.stringContaining(message) });
		expect(String(refused)).not.toContain("hunter2");
	});

	it("goes in the clear only to whoever asks for it", async () => {
		expect((await at({ url: "http://gate.example", insecure: true })).url).toBe("http://gate.example");
	});

	it("takes the token of a file, else of the variable", async () => {
		await writeFile(join(dir, "token"), "from-file\n");
		api.on("GET /v1/functions", json(200, {}));
		await (await at({ url: api.url, tokenFile: join(dir, "token") })).ask("GET", "/v1/functions");
		await ask();
		expect(api.asked.map(({ headers }) => headers.authorization)).toEqual(["Bearer from-file", "Bearer t0ken"]);
	});

	it.each([
		["", "No token"],
		[" \n", "No token"],
		["Bearer hunter2", "something else than a token"],
		["hunter2\nx-other: 1", "something else than a token"],
		["hunter2ü", "something else than a token"],
		["hunter2".repeat(tokenCharactersMax / 7 + 1), "something else than a token"],
	])("a token that is none is refused, and not repeated: %#", async (token, message) => {
		const refused = await at({}, { CALLGATE_TOKEN: token }).catch((error: Error) => error);
		expect(refused).toMatchObject({ exitCode: 2, message: expect.stringContaining(message) });
		expect(String(refused)).not.toContain("hunter2");
	});
});

describe("an answer", () => {
	it("comes in time or not at all", async () => {
		api.on("GET /v1/functions", () => undefined);
		await expect(ask({ timeoutMs: 50 })).rejects.toMatchObject({
			exitCode: 3,
			message: expect.stringContaining("did not answer within 0.05 seconds"),
		});
		api.on("GET /v1/functions", (response) => void response.writeHead(200, { "content-type": "application/json" }).write("{"));
		await expect(ask({ timeoutMs: 50 })).rejects.toMatchObject({ exitCode: 3, message: expect.stringContaining("did not answer within") });
	});

	it("is read up to 32 MiB", async () => {
		api.on("GET /v1/functions", json(200, `"${" ".repeat(32 * 1_048_576 - 2)}"`));
		const lengthOf = async () => (await ask()).text.length;
		expect(await lengthOf()).toBe(32 * 1_048_576);
		api.on("GET /v1/functions", json(200, `"${" ".repeat(32 * 1_048_576 - 1)}"`));
		await expect(lengthOf()).rejects.toMatchObject({ exitCode: 1, message: expect.stringContaining("larger than 32 MiB") });
	});

	it("of somebody else is not taken for Callgate's, and no redirect is followed", async () => {
		const other = json(200, { stolen: true });
		api.on("GET /elsewhere", other);
		for (const route of [
			json(302, {}, { location: `${api.url}/elsewhere` }),
			json(200, "hello"),
			json(200, "<html>", { "content-type": "text/html" }),
			json(200, "{}", { "content-type": "text/plain" }),
			json(403, "{}"),
			json(500, "<html>"),
		]) {
			api.on("GET /v1/functions", route);
			await expect(ask()).rejects.toMatchObject({ exitCode: 3, message: expect.stringContaining("is not Callgate") });
		}
		expect(api.story).not.toContain("GET /elsewhere");
	});

	it("that broke off is none", async () => {
		api.on("GET /v1/functions", (response) => {
			response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
			response.write("{", () => response.destroy());
		});
		await expect(ask()).rejects.toMatchObject({ exitCode: 3, message: expect.stringContaining("cannot be reached") });
		await expect((await at({ url: "http://127.0.0.1:1" })).ask("GET", "/")).rejects.toMatchObject({
			exitCode: 3,
			message: expect.stringContaining("ECONNREFUSED"),
		});
	});

	it("tells when to try again", async () => {
		const body = { status: 503, code: "not_ready", title: "Callgate is not ready" };
		api.on("GET /v1/functions", json(503, body, { "retry-after": "5" }));
		await expect(ask()).rejects.toThrow(/(again {4}in|after|for) 5 seconds/);
	});
});
