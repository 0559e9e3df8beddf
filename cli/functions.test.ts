// `callgate functions` shows what may be called, for people and for AI models' APIs.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { json, TestApi } from "./api.test-support.ts";
import { runProgram } from "./run-program.test-support.ts";

const pay = {
	...{ connection: "bank", function: "pay", description: "Pays.\nMore about it.", idempotent: true, mayNeedApproval: true },
	arguments: {
		type: "object",
		properties: {
			amount: { type: "number", description: "How much" },
			currency: { enum: ["EUR", "USD"] },
			at: { type: "string", format: "date" },
			tags: { type: "array", items: { type: "string" } },
		},
		required: ["amount"],
	},
};
const list = { connection: "crm", function: "list", arguments: { type: "object" }, idempotent: false, mayNeedApproval: false };

let api: TestApi;
beforeEach(async () => {
	api = await TestApi.start();
	api.on("GET /v1/functions", json(200, { functions: [pay, list] }));
});
afterEach(() => api.stop());
const run = (...args: string[]) => runProgram(["functions", ...args], { environment: api.environment });

describe("callgate functions", () => {
	it("is a table with each argument", async () => {
		const { exitCode, out } = await run();
		expect(exitCode).toBe(0);
		expect(out.split("\n")).toEqual([
			"bank pay   (may need approval, idempotent)",
			"  Pays.",
			"    amount    number               required  How much",
			'    currency  one of "EUR", "USD"',
			"    at        string (date)",
			"    tags      list of string",
			"",
			"crm list",
			"    no arguments",
		]);
	});

	it("is of one connection where one is named, and suggests where none is meant", async () => {
		expect((await run("crm")).out).toBe("crm list\n    no arguments");
		expect(JSON.parse((await run("crm", "--json")).out)).toEqual({ functions: [list] });
		expect(await run("bnak")).toMatchObject({ exitCode: 1, out: "", err: expect.stringContaining('did you mean "bank"?') });
	});

	it.each([
		[
			"openai",
			{
				tools: [
					{ type: "function", function: { name: "bank__pay" } },
					{ type: "function", function: { name: "crm__list" } },
				],
			},
		],
		["mcp", { tools: [{ name: "bank__pay" }, { name: "crm__list" }] }],
	])("is the tool list of %s as it came", async (format, tools) => {
		api.on("GET /v1/functions", json(200, tools));
		expect(JSON.parse((await run("--format", format)).out)).toEqual(tools);
		expect(api.asked.at(-1)?.path).toBe(`/v1/functions?format=${format}`);
		expect(JSON.parse((await run("crm", "--format", format)).out)).toEqual({ tools: tools.tools.slice(1) });
	});

	it("is Gemini's list, whose functions stand in one tool", async () => {
		const declared = [{ name: "bank__pay" }, { name: "crm__list" }];
		api.on("GET /v1/functions", json(200, { tools: [{ functionDeclarations: declared }] }));
		const shown = JSON.parse((await run("crm", "--format", "gemini")).out) as unknown;
		expect(shown).toEqual({ tools: [{ functionDeclarations: declared.slice(1) }] });
	});

	it("knows its formats, and says what to do where there is nothing", async () => {
		expect((await run("--format", "xml")).exitCode).toBe(2);
		api.on("GET /v1/functions", json(200, { functions: [] }));
		expect((await run()).out).toContain("There is no function that you may call");
	});
});
