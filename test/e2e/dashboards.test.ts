// The dashboards show something: every field of theirs is in the record's real index, every panel's query runs there as an auditor, and finds something after calls of every kind.
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { recordStream } from "#libs/contracts/index-template.ts";
import { askOpenSearch, type OpenSearchAccess } from "../../infra/opensearch/ask-opensearch.ts";
import {
	panelRequests,
	parseObjects,
	patternFieldsOf,
	type SearchAnswer,
} from "../../infra/opensearch/dashboards/ask-panel.test-support.ts";
import { dashboards } from "../../infra/opensearch/dashboards/dashboards.ts";
import { savedObjectsText } from "../../infra/opensearch/dashboards/saved-objects.ts";
import { auditorsRole } from "../../infra/opensearch/roles.ts";
import { labCall } from "../support/lab.ts";
import { linkAs } from "../support/nats.ts";
import { everythingIndexed } from "../support/search-stored.ts";
import { askedInSlack, vote } from "../support/slack.ts";
import { accepted, ask, ending, eventually, expectProblem, newReference, stack, submit, transfer } from "../support/stack.ts";

const objects = parseObjects(savedObjectsText(dashboards));
const fields = patternFieldsOf(objects);
const requests = panelRequests(objects);
let auditor: OpenSearchAccess;

async function asAuditor<T>(method: "GET" | "POST", path: string, body?: object): Promise<T> {
	const answer = await askOpenSearch(auditor, method, `/${recordStream}/${path}`, body);
	if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.body.slice(0, 1_000)}`);
	return JSON.parse(answer.body) as T;
}

/** Calls of every kind that a panel is about, and what is refused before there is a call. */
async function makeTraffic(): Promise<void> {
	const card = "6011111111111117";
	expect((await submit("ci", transfer(10, { reference: newReference(`dashboards ${card}`) }))).status).toBe(200);
	expectProblem(await submit("ci", transfer(10, { country: "XX" })), "denied");
	// Nobody listens there now.
	expect((await submit("ci", labCall("work", newReference("dashboards")))).status).toBe(502);
	const [approved, rejected] = await Promise.all(
		["approved", "rejected"].map(async (what) => {
			const call = await accepted("ci", transfer(5_000, { reference: newReference(what) }));
			await askedInSlack(call);
			return call;
		}),
	);
	expect((await vote("mallory", approved ?? "", { verdict: "approve" })).status).toBe(403);
	expect((await vote("dana", approved ?? "", { verdict: "approve", reason: "Fine." })).status).toBe(200);
	expect((await vote("dana", rejected ?? "", { verdict: "reject", reason: "Not this one." })).status).toBe(200);
	expect((await ending("ci", approved ?? "")).body.state).toBe("completed");
	expect((await ending("ci", rejected ?? "")).body.state).toBe("rejected");
	const read = `${stack.urls.audit}/v1/audit/events?type=call.ended`;
	expectProblem(await ask(read), "unauthenticated");
	expect((await ask(read, { as: "mallory" })).status).toBe(403);
	expect((await ask(read, { as: "alice" })).status).toBe(200);
	// A message of no events, which its reader sets aside.
	const link = await linkAs("ingress");
	const stored = await link.request("callgate.policy._.ingress._.call.received", new TextEncoder().encode("[]"), 10_000);
	await link.close();
	expect(stored.ok).toBe(true);
}

beforeAll(async () => {
	const ca = await readFile(stack.openSearch.caFile, "utf8");
	const admin = { url: stack.urls.opensearch, ca, ...stack.openSearch.admin };
	auditor = { url: stack.urls.opensearch, ca, user: "auditor-of-dashboards", password: randomBytes(24).toString("base64url") };
	// Through OpenID Connect the group comes in the token; here the plugin's own user has it.
	const person = { password: auditor.password, backend_roles: [auditorsRole] };
	const made = await askOpenSearch(admin, "PUT", `/_plugins/_security/api/internalusers/${auditor.user}`, person);
	expect([200, 201], made.body).toContain(made.status);
	await makeTraffic();
	await everythingIndexed();
});

describe("the index pattern", () => {
	test("has every field of the index, each as searchable and countable as it is", async () => {
		type Capabilities = Record<string, Record<string, { type: string; searchable: boolean; aggregatable: boolean }>>;
		const { fields: real } = await asAuditor<{ fields: Capabilities }>("GET", "_field_caps?fields=*");
		const inIndex = Object.entries(real).flatMap(([name, byType]) => Object.values(byType).map((one) => ({ name, ...one })));
		const stored = inIndex.filter(({ name, type }) => !name.startsWith("_") && type !== "object");
		const expected = fields.flatMap(({ name, esTypes, searchable, aggregatable }) =>
			esTypes ? [{ name, type: esTypes[0], searchable, aggregatable }] : [],
		);
		const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
		expect(stored.map(({ name, type, searchable, aggregatable }) => ({ name, type, searchable, aggregatable })).sort(byName)).toEqual(
			expected.sort(byName),
		);
	});
});

describe("every panel", () => {
	test("is asked as an auditor, and shows something", async () => {
		expect(requests.length).toBeGreaterThan(50);
		let empty = requests.map((request) => ({ request, lacks: ["not asked"] as readonly string[] }));
		// What is told beside a request, such as a refusal, reaches the record a moment later.
		const settled = await eventually(async () => {
			const asked = empty.map(async ({ request }) => ({
				request,
				lacks: request.emptyIn(await asAuditor<SearchAnswer>("POST", "_search", request.body)),
			}));
			empty = (await Promise.all(asked)).filter(({ lacks }) => lacks.length > 0);
			return empty.length === 0 ? true : undefined;
		}, 500).catch(() => false);
		expect(
			empty.map(({ request, lacks }) => `${request.panel}: ${lacks.join(", ")}`),
			"panels that show nothing",
		).toEqual([]);
		expect(settled).toBe(true);
	});
});
