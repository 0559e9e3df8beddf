// Auditors read the record through the API, only they, and never unrecorded.
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { compileMask } from "#libs/masking/mask.ts";
import { createHttp } from "#libs/service/http.ts";
import { createLogger } from "#libs/service/logger.ts";
import { createMetrics } from "#libs/service/metrics.ts";
import { tellRefusals } from "#libs/service/refusal-events.ts";
import { patience } from "../../test/support/patience.ts";
import { createAuditors } from "./auditors.ts";
import { anEnded, aReceived, callId } from "./events.test-support.ts";
import { delivered } from "./index-contract.ts";
import { MemoryIndex } from "./index-memory.ts";
import { addAuditApi } from "./listen-http.ts";
import { IndexUnavailable } from "./ports.ts";

const people: Record<string, Caller> = {
	byMail: { issuer: "https://idp.example", subject: "iris", email: "Iris@example.com", groups: [] },
	byGroup: { issuer: "https://idp.example", subject: "ivo", groups: ["idp-auditors"] },
	stranger: { issuer: "https://idp.example", subject: "mallory", email: "mallory@example.com", groups: ["auditors", "staff"] },
};
const auditorsGroup = { members: new Set(["iris@example.com"]), groups: new Set(["idp-auditors"]) };

let stream: MemoryStream;
let index: MemoryIndex;
let http: FastifyInstance;
let group: typeof auditorsGroup | undefined;

beforeEach(async () => {
	stream = new MemoryStream();
	index = new MemoryIndex();
	group = auditorsGroup;
	const bus = createMemoryBus(stream, "audit");
	const mask = compileMask({ paths: {}, detect: ["card"] });
	const log = createLogger("audit", "silent");
	http = createHttp({ log, metrics: createMetrics("audit"), ready: {}, bodyBytesMax: 1_024 });
	await addAuditApi(http, {
		reader: index,
		strangers: tellRefusals("control.authentication.failed", "audit", { bus, log }),
		refused: tellRefusals("control.record.refused", "audit", { bus, log }),
		auditors: createAuditors((name) => (name === "auditors" ? group : undefined)),
		say: bus.publish,
		now: () => new Date("2026-01-01T00:00:00.000Z"),
		maskText: (text) => mask.maskText(text).text,
		authenticate: async ([header = ""]) => {
			const person = people[header];
			if (!person) throw new NotAuthenticated("issuer_unknown");
			return person;
		},
	});
	await index.create([1, 2, 3].map((n) => delivered(aReceived(callId(n)), n)));
	await index.create([delivered(anEnded(callId(1)), 4)]);
});
afterEach(async () => {
	await http.close();
});

const get = (url: string, as = "byMail") => http.inject({ method: "GET", url, headers: { authorization: as } });
const readings = () => stream.events().flatMap((event) => (event.type === "control.record.read" ? [event.data] : []));

it("describes itself", async () => {
	const document = (await http.inject("/openapi.json")).json();
	expect(document).toMatchObject({ openapi: "3.1.0", info: { title: "Callgate audit" } });
	expect(Object.keys(document.paths)).toEqual(["/v1/audit/events", "/v1/audit/calls/{id}"]);
	expect(document.paths["/v1/audit/events"].get.parameters.map(({ name }: { name: string }) => name)).toContain("cursor");
});

describe("reading", () => {
	it("tells a call's story to an auditor and puts the reading on the record", async () => {
		const answer = await get(`/v1/audit/calls/${callId(1)}`);
		expect(answer.statusCode).toBe(200);
		expect(answer.headers["cache-control"]).toBe("no-store");
		expect(answer.json().events.map(({ type }: { type: string }) => type)).toEqual(["call.received", "call.ended"]);
		expect(readings()).toMatchObject([{ reader: { subject: "iris" }, query: JSON.stringify({ call: callId(1) }), hits: 2 }]);
	});

	it("pages through a search", async () => {
		const first = await get("/v1/audit/events?type=call.received&size=2");
		expect(first.json().events.map(({ position }: { position: number }) => position)).toEqual([3, 2]);
		expect(first.json().total).toEqual({ value: 3, exact: true });
		const second = await get(`/v1/audit/events?type=call.received&size=2&cursor=${first.json().next}`);
		expect(second.json().events.map(({ position }: { position: number }) => position)).toEqual([1]);
		expect(second.json().next).toBeUndefined();
		expect(readings()).toHaveLength(2);
	});

	it("is for members by e-mail or by a group of the identity provider, and for nobody else", async () => {
		const url = `/v1/audit/calls/${callId(1)}`;
		expect((await get(url, "byGroup")).statusCode).toBe(200);
		const refused = await get(url, "stranger");
		expect(refused.statusCode).toBe(403);
		expect(refused.json()).toMatchObject({ code: "not_an_auditor" });
		expect((await get("/v1/audit/events?nonsense=1", "stranger")).json()).toMatchObject({ code: "malformed_request" });
		expect((await get(url, "nobody")).statusCode).toBe(401);
		expect((await get("/v1/audit/events?nonsense=1", "nobody")).statusCode).toBe(401);
		group = undefined;
		expect((await get(url)).statusCode).toBe(403);
		expect(readings()).toHaveLength(1);
	});

	it("leaves on the record who was refused it", async () => {
		for (let time = 0; time < 4; time++) await get(`/v1/audit/calls/${callId(time)}`, "stranger");
		await get("/v1/audit/events", "nobody");
		const refused = () => stream.events().flatMap((event) => (event.type === "control.record.refused" ? [event.data] : []));
		await vi.waitFor(() => expect(refused().reduce((sum, { count }) => sum + count, 0)).toBe(4), patience);
		expect(refused()[0]).toEqual({ reader: people.stranger, count: 1 });
		expect(refused().length).toBeLessThan(4);
		expect(stream.events()).toContainEqual(
			expect.objectContaining({
				type: "control.authentication.failed",
				data: { refusal: "issuer_unknown", from: "127.0.0.1", count: 1 },
			}),
		);
	});

	it("shows nothing that could not be recorded as read", async () => {
		stream.away = true;
		for (const url of [`/v1/audit/calls/${callId(1)}`, "/v1/audit/events"]) {
			const answer = await get(url);
			expect(answer.statusCode).toBe(503);
			expect(answer.json()).toMatchObject({ code: "events_unavailable" });
			expect(answer.body).not.toContain("payments");
		}
	});

	it("says when there is nothing, and that someone looked is recorded all the same", async () => {
		expect((await get(`/v1/audit/calls/${callId(99)}`)).json()).toMatchObject({ code: "not_found", call: callId(99) });
		expect((await get("/v1/audit/calls/nonsense")).statusCode).toBe(404);
		expect(readings()).toMatchObject([{ hits: 0 }]);
	});

	it("says 503 while the index is away", async () => {
		index.trouble = new IndexUnavailable("away", "no answer");
		const answer = await get("/v1/audit/events");
		expect(answer.statusCode).toBe(503);
		expect(answer.headers["retry-after"]).toBe("5");
		expect(answer.json()).toMatchObject({ code: "not_ready" });
	});

	it("does not put a card number on the record by being looked for", async () => {
		expect((await get("/v1/audit/events?q=4111111111111111")).statusCode).toBe(200);
		expect(JSON.stringify(readings())).not.toContain("4111111111111111");
		expect(readings()[0]?.query).toContain("[card");
	});

	it.each([
		"size=0",
		"size=501",
		"size=-1",
		"size=1&size=2",
		"nonsense=1",
		"type=call.nonsense",
		"ending=nonsense",
		"call=1",
		"q=",
		"q=%00",
		`q=${"x".repeat(257)}`,
		`q=${Array.from({ length: 17 }, (_, n) => `w${n}`).join("+")}`,
		"from=yesterday",
		"from=2026-13-45",
		"cursor=nonsense",
		`cursor=${Buffer.from('["a",1,2]').toString("base64url")}`,
	])("refuses ?%s", async (query) => {
		const answer = await get(`/v1/audit/events?${query}`);
		expect(answer.statusCode).toBe(400);
		expect(answer.headers["content-type"]).toContain("application/problem+json");
		expect(answer.json().errors).not.toEqual([]);
		expect(readings()).toEqual([]);
	});

	it("keeps the longest query within what its event may hold", async () => {
		const quotes = encodeURIComponent('"'.repeat(256));
		const answer = await get(
			`/v1/audit/events?q=${quotes}&caller=${quotes}&function=${encodeURIComponent("\\".repeat(128))}&from=2026-01-01&to=2026-01-02T00:00:00Z`,
		);
		expect(answer.statusCode).toBe(200);
		expect(() => JSON.parse(readings()[0]?.query ?? "")).not.toThrow();
	});
});
