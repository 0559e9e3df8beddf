// Auditors read the record through the API, only they, and never unrecorded.
import type { FastifyInstance } from "fastify";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { compileMask } from "#libs/masking/mask.ts";
import { createHttp } from "#libs/service/http.ts";
import { createLogger } from "#libs/service/logger.ts";
import { createMetrics } from "#libs/service/metrics.ts";
import { tellRefusals } from "#libs/service/refusal-events.ts";
import { patience } from "../../test/support/patience.ts";
import { createAuditors } from "./auditors.ts";
import { anEnded, aReceived, callId } from "./events.test-support.ts";
import { type FollowAnswer, Following } from "./follow-record.ts";
import { delivered } from "./index-contract.ts";
import { MemoryIndex } from "./index-memory.ts";
import { addAuditApi } from "./listen-http.ts";
import { IndexUnavailable } from "./ports.ts";
import { recorded } from "./stories-contract.ts";
import { MemoryStories } from "./stories-memory.ts";
import { storiesOf } from "./tell-story.ts";

const people: Record<string, Caller> = {
	byMail: { issuer: "https://idp.example", subject: "iris", email: "Iris@example.com", groups: [] },
	byGroup: { issuer: "https://idp.example", subject: "ivo", groups: ["idp-auditors"] },
	stranger: { issuer: "https://idp.example", subject: "mallory", email: "mallory@example.com", groups: ["auditors", "staff"] },
};
const auditorsGroup = { members: new Set(["iris@example.com"]), groups: new Set(["idp-auditors"]) };

let stream: MemoryStream;
let index: MemoryIndex;
let stories: MemoryStories;
let http: FastifyInstance;
let group: typeof auditorsGroup | undefined;
/** Up to where everything is in the index. */
let settled: number;
/** How often that was asked. */
let looks: number;

beforeEach(async () => {
	stream = new MemoryStream();
	index = new MemoryIndex();
	stories = new MemoryStories();
	group = auditorsGroup;
	[settled, looks] = [4, 0];
	const bus = createMemoryBus(stream, "audit");
	const mask = compileMask({ paths: {}, detect: ["card"] });
	const log = createLogger("audit", "silent");
	http = createHttp({ log, metrics: createMetrics("audit"), ready: {}, bodyBytesMax: 1_024 });
	await addAuditApi(http, {
		reader: index,
		storyReader: stories,
		following: new Following({ settled: lookAtIndex, refresh: () => index.refresh(), lookEveryMs: 0 }),
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

async function lookAtIndex(): Promise<number> {
	looks++;
	return settled;
}
/** Who follows has looked more than once since, so they wait. */
const waitsSince = (before: number) => vi.waitFor(() => expect(looks).toBeGreaterThan(before + 2), patience);
const get = (url: string, as = "byMail") => http.inject({ method: "GET", url, headers: { authorization: as } });
const positionOf = ({ position }: { position: number }) => position;
const readings = () => stream.events().flatMap((event) => (event.type === "control.record.read" ? [event.data] : []));

it("describes itself", async () => {
	const document = (await http.inject("/openapi.json")).json();
	expect(document).toMatchObject({ openapi: "3.1.0", info: { title: "Callgate audit" } });
	expect(Object.keys(document.paths)).toEqual(["/v1/audit/events", "/v1/audit/events/follow", "/v1/audit/calls", "/v1/audit/calls/{id}"]);
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

	it("pages through calls, and puts on the record that it was calls", async () => {
		await stories.merge(storiesOf([1, 2, 3].map((n) => recorded(aReceived(callId(n)), n))));
		const first = await get("/v1/audit/calls?state=received&where=connection=payments&size=2");
		expect(first.json()).toMatchObject({ stories: [{ call: callId(3) }, { call: callId(2) }], total: { value: 3, exact: true } });
		const second = await get(`/v1/audit/calls?size=2&cursor=${first.json().next}`);
		expect(second.json().stories).toMatchObject([{ call: callId(1), caller: { subject: "robin" } }]);
		expect(second.json().next).toBeUndefined();
		expect(readings().map(({ query, hits }) => [JSON.parse(query).of, hits])).toEqual([
			["calls", 2],
			["calls", 1],
		]);
	});

	it("finds calls by fields of stories, and refuses those of events", async () => {
		const refused = await get("/v1/audit/calls?where=data.voter=x");
		expect(refused.json()).toMatchObject({ code: "malformed_request", errors: [{ pointer: "/where" }] });
		expect((await get("/v1/audit/calls?type=call.ended")).statusCode).toBe(400);
		expect((await get("/v1/audit/calls?cursor=x")).statusCode).toBe(400);
		expect((await get("/v1/audit/calls", "stranger")).statusCode).toBe(403);
		stories.trouble = new IndexUnavailable("away", "no answer");
		expect((await get("/v1/audit/calls")).statusCode).toBe(503);
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

	it("finds by conditions on the record's own fields", async () => {
		const found = async (query: string) => (await get(`/v1/audit/events?${query}`)).json().events.map(positionOf);
		expect(await found("where=data.arguments.amount%3D5")).toEqual([3, 2, 1]);
		expect(await found("where=data.rules%3Dnever&where=position%3E%3D4")).toEqual([4]);
		expect(JSON.parse(readings()[0]?.query ?? "")).toMatchObject({
			where: [{ field: "data.arguments.amount", operator: "=", value: "5" }],
		});
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
		expect((await get("/v1/audit/events?where=data.arguments.card%3D4111111111111111")).statusCode).toBe(200);
		expect(JSON.stringify(readings())).not.toContain("4111111111111111");
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
		"where=",
		"where=data.sealed%3Dx",
		"where=data.voter%3Ddana%00",
		`where=${"x".repeat(513)}`,
		Array.from({ length: 9 }, () => "where=data.credential").join("&"),
		Array.from({ length: 6 }, () => `where=data.voter%3D${"x".repeat(400)}`).join("&"),
		"wait=1",
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

describe("following", () => {
	const follow = async (query = "") => (await get(`/v1/audit/events/follow?${query}`)).json() as FollowAnswer;

	it("gives each event once, in the order of the stream, and only as far as none before can still come", async () => {
		const start = await follow();
		expect(start.events).toEqual([]);
		await index.create([delivered(anEnded(callId(3)), 7), delivered(anEnded(callId(2)), 5)]);
		settled = 5;
		const first = await follow(`cursor=${start.next}`);
		expect(first.events.map(positionOf)).toEqual([5]);
		// What was slow comes late, and still in its place.
		await index.create([delivered(aReceived(callId(4)), 6)]);
		settled = 7;
		const second = await follow(`cursor=${first.next}`);
		expect(second.events.map(positionOf)).toEqual([6, 7]);
		expect((await follow(`cursor=${second.next}`)).events).toEqual([]);
		expect(readings()).toMatchObject([{ hits: 0 }, { hits: 1 }, { hits: 2 }, { hits: 0 }]);
	});

	it("begins where a time says, and goes on page by page", async () => {
		const first = await follow("from=2025-12-31&type=call.received&size=2");
		expect(first.events.map(positionOf)).toEqual([1, 2]);
		const second = await follow(`from=2025-12-31&type=call.received&size=2&cursor=${first.next}`);
		expect(second.events.map(positionOf)).toEqual([3]);
		expect([first.left, second.left]).toEqual([
			{ value: 1, exact: true },
			{ value: 0, exact: true },
		]);
		expect((await follow("from=2027-01-01")).events).toEqual([]);
	});

	it("waits for what comes, and says one reading for it", async () => {
		const { next } = await follow();
		const stretches = vi.spyOn(index, "stretch");
		const before = looks;
		const waiting = follow(`cursor=${next}&wait=30`);
		await waitsSince(before);
		await index.create([delivered(anEnded(callId(2)), 5)]);
		settled = 5;
		expect((await waiting).events.map(positionOf)).toEqual([5]);
		expect(readings()).toHaveLength(2);
		// However often it looked how far the index is: where that was as far as before, there was nothing to search.
		expect(stretches.mock.calls.map(([, , { upTo }]) => upTo)).toEqual([5]);
	});

	it("leaves out what this reader read, and nobody else's reading", async () => {
		const reads = ["byMail", "byGroup"].map((who) =>
			newEvent(
				"audit",
				"control.record.read",
				{ reader: people[who] as Caller, query: "{}", hits: 0 },
				{ at: new Date(), about: "record", nth: who },
			),
		);
		const { next } = await follow();
		await index.create(reads.map((event, n) => delivered(event, 5 + n)));
		settled = 6;
		expect((await follow(`cursor=${next}`)).events.map(({ data }) => (data.reader as Caller).subject)).toEqual(["ivo"]);
	});

	it("is for auditors, and for those who left the group while they waited no more", async () => {
		expect((await get("/v1/audit/events/follow", "stranger")).json()).toMatchObject({ code: "not_an_auditor" });
		expect((await get("/v1/audit/events/follow", "nobody")).statusCode).toBe(401);
		const { next } = await follow();
		const before = looks;
		const waiting = get(`/v1/audit/events/follow?cursor=${next}&wait=30`);
		await waitsSince(before);
		group = undefined;
		expect((await waiting).json()).toMatchObject({ code: "not_an_auditor" });
	});

	it("answers who waits when the process stops", async () => {
		const { next } = await follow();
		const before = looks;
		const waiting = get(`/v1/audit/events/follow?cursor=${next}&wait=30`);
		await waitsSince(before);
		await http.close();
		expect((await waiting).statusCode).toBe(200);
		expect(readings()).toHaveLength(2);
	});

	it("leaves nothing out of an index that is slow to show what it has", async () => {
		const { next } = await follow();
		index.isLate = true;
		await index.create([5, 6].map((n) => delivered(aReceived(callId(n)), n)));
		settled = 6;
		const { events, next: end } = await follow(`cursor=${next}&wait=30`);
		expect(events.map(({ position }) => position)).toEqual([5, 6]);
		expect((await follow(`cursor=${end}`)).events).toEqual([]);
	});

	it("does not go on where the index cannot be made to show what it has", async () => {
		const { next } = await follow();
		settled = 6;
		index.refresh = async () => {
			throw new IndexUnavailable("busy", "part of it");
		};
		expect((await get(`/v1/audit/events/follow?cursor=${next}`)).json()).toMatchObject({ code: "not_ready" });
	});

	it("looks once for all who follow, however long that takes", async () => {
		const refreshed = Promise.withResolvers<void>();
		let refreshes = 0;
		const refresh = () => {
			refreshes++;
			return refreshed.promise;
		};
		const following = new Following({ settled: async () => 9, refresh, lookEveryMs: 0 });
		const found = [following.findable(), following.findable(), following.findable()];
		refreshed.resolve();
		expect(await Promise.all(found)).toEqual([9, 9, 9]);
		// Nothing came since, so nothing is asked of the index.
		expect(await following.findable()).toBe(9);
		expect(refreshes).toBe(1);
	});

	it.each(["wait=-1", "wait=100", "cursor=nonsense", `cursor=${Buffer.from("[1,2,3]").toString("base64url")}`, "nonsense=1"])(
		"refuses ?%s",
		async (query) => {
			expect((await get(`/v1/audit/events/follow?${query}`)).json()).toMatchObject({ code: "malformed_request" });
		},
	);
});
