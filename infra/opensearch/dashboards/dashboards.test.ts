// The saved objects are such as OpenSearch Dashboards exports and imports; its importer is told what it needs, and believed only where it says that it took all.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { panelRequests, parseObjects, patternFieldsOf } from "./ask-panel.test-support.ts";
import { dashboards } from "./dashboards.ts";
import { importSavedObjects } from "./import.ts";
import { savedObjectsText } from "./saved-objects.ts";

const text = savedObjectsText(dashboards);
const objects = parseObjects(text);
const fields = new Map(patternFieldsOf(objects).map((field) => [field.name, field]));

describe("the saved objects", () => {
	it("have each an id of their own, and the same the next time", () => {
		const ids = objects.map(({ type, id }) => `${type} ${id}`);
		expect(new Set(ids).size).toBe(ids.length);
		expect(savedObjectsText(dashboards)).toBe(text);
	});

	it("refer to what stands before them, by names that their texts use", () => {
		const before = new Set<string>();
		for (const { type, id, references, attributes } of objects) {
			for (const reference of references) {
				expect(before, `${id} refers to ${reference.id}`).toContain(`${reference.type} ${reference.id}`);
				// Except in a name itself, a quoted reference is a member's value somewhere in the JSON texts.
				expect(JSON.stringify(attributes), id).toContain(
					`RefName\\":\\"${reference.name}\\"`.replace("RefName", refNameOf(reference.name)),
				);
			}
			before.add(`${type} ${id}`);
		}
	});

	it("have the members that Dashboards reads, and JSON where it reads JSON", () => {
		const members = {
			"index-pattern": ["fields", "timeFieldName", "title"],
			visualization: ["description", "kibanaSavedObjectMeta", "title", "uiStateJSON", "version", "visState"],
			search: ["columns", "description", "hits", "kibanaSavedObjectMeta", "sort", "title", "version"],
			dashboard: [
				...["description", "hits", "kibanaSavedObjectMeta", "optionsJSON", "panelsJSON", "refreshInterval"],
				...["timeFrom", "timeRestore", "timeTo", "title", "version"],
			],
		};
		for (const { type, attributes, migrationVersion } of objects) {
			expect(Object.keys(attributes).sort()).toEqual(members[type]);
			expect(Object.keys(migrationVersion)).toEqual([type]);
			for (const [name, value] of Object.entries(attributes)) if (/JSON$|^visState$|^fields$/.test(name)) JSON.parse(value as string);
		}
	});

	it("lay panels beside each other on the grid, none over another", () => {
		for (const { type, id, attributes } of objects) {
			if (type !== "dashboard") continue;
			const taken = new Set<string>();
			for (const { gridData } of JSON.parse(attributes.panelsJSON as string)) {
				expect(gridData.x + gridData.w).toBeLessThanOrEqual(48);
				for (let x = gridData.x; x < gridData.x + gridData.w; x++)
					for (let y = gridData.y; y < gridData.y + gridData.h; y++) {
						expect(taken.has(`${x} ${y}`), `${id} at ${x} ${y}`).toBe(false);
						taken.add(`${x} ${y}`);
					}
			}
		}
	});

	it("name fields of the record only, and count by what can be counted", () => {
		const wrong = panelRequests(objects).flatMap(({ panel, fields: named, counted }) => [
			...named.filter((field) => !fields.has(field)).map((field) => `${panel}: no field ${field}`),
			...counted.filter((field) => !fields.get(field)?.aggregatable).map((field) => `${panel}: ${field} cannot be counted`),
		]);
		expect(wrong).toEqual([]);
	});
});

function refNameOf(name: string): string {
	return name.startsWith("panel_") ? "panelRefName" : name.startsWith("control_") ? "indexPatternRefName" : "indexRefName";
}

describe("importing", () => {
	const servers: { close(): void }[] = [];
	afterEach(() => {
		for (const server of servers.splice(0)) server.close();
	});

	/** A server that answers so, and what it was sent. */
	async function answering(status: number, body: string): Promise<{ url: string; seen: { request: IncomingMessage; text: string }[] }> {
		const seen: { request: IncomingMessage; text: string }[] = [];
		const server = createServer(async (request, response) => {
			let sent = "";
			for await (const chunk of request.setEncoding("utf8")) sent += chunk;
			seen.push({ request, text: sent });
			response.writeHead(status, { "content-type": "application/json" }).end(body);
		});
		await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
		servers.push(server);
		return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/base/`, seen };
	}
	const access = { user: "admin", password: "secret", tenant: "callgate" };

	it("sends the file to the saved objects API, into the tenant, replacing what is there", async () => {
		const { url, seen } = await answering(200, JSON.stringify({ success: true, successCount: objects.length }));
		expect(await importSavedObjects({ ...access, url }, text)).toBe(objects.length);
		const [{ request, text: sent } = expect.unreachable("nothing came")] = seen;
		expect(`${request.method} ${request.url}`).toBe("POST /base/api/saved_objects/_import?overwrite=true");
		const authorization = `Basic ${Buffer.from("admin:secret").toString("base64")}`;
		expect(request.headers).toMatchObject({ "osd-xsrf": "true", securitytenant: "callgate", authorization });
		expect(request.headers["content-type"]).toMatch(/^multipart\/form-data; boundary=/);
		expect(sent).toMatch(/name="file"; filename="[^"]+\.ndjson"/);
		expect(sent).toContain(text.split("\n")[0]);
	});

	it.each([
		["refuses", 403, '{"message":"no"}', /403.*no/],
		["takes only some", 200, '{"success":false,"successCount":3,"errors":[{"id":"callgate-call"}]}', /callgate-call/],
	])("fails where Dashboards %s", async (_what, status, body, message) => {
		const { url } = await answering(status, body);
		await expect(importSavedObjects({ ...access, url }, text)).rejects.toThrow(message);
	});

	it("fails where nobody answers, and does not tell the password", async () => {
		const failure = await importSavedObjects({ ...access, url: "http://127.0.0.1:1" }, text).catch((error: Error) => error.message);
		expect(failure).toMatch(/does not answer/);
		expect(failure).not.toContain("secret");
	});
});
