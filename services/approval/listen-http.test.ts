// Approvals through the API: who sees which, how a vote is answered, and that tokens' groups count here.
import { pino } from "pino";
import { describe, expect, test, vi } from "vitest";
import type { Caller } from "#libs/contracts/call.ts";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { createHttp } from "#libs/service/http.ts";
import { createMetrics } from "#libs/service/metrics.ts";
import { tellRefusals } from "#libs/service/refusal-events.ts";
import { patience } from "../../test/support/patience.ts";
import {
	at,
	call,
	cfo,
	digest,
	erin,
	finance,
	group,
	groupsOf,
	type heldData,
	otherCall,
	terms,
	World,
	withdrawnEvent,
} from "./held-call.test-support.ts";
import { listenHttp } from "./listen-http.ts";
import { handle } from "./service.ts";

const people: Record<string, Caller> = {
	erin,
	dana: { ...erin, subject: "dana", email: "dana@example.com", groups: [] },
	frank: { ...erin, subject: "frank", email: "frank@example.com", groups: [] },
	mallory: { ...erin, subject: "mallory", email: "mallory@example.com", groups: ["idp-finance"] },
	robot: { issuer: erin.issuer, subject: "robot", groups: ["idp-finance"] },
};

async function open(over: Parameters<typeof heldData>[0] = {}) {
	const world = new World();
	const parts = await world.replica();
	await handle(parts, await world.held(over));
	const http = createHttp({ log: pino({ level: "silent" }), metrics: createMetrics("approval"), ready: {}, bodyBytesMax: 16_384 });
	await listenHttp(http, {
		parts,
		strangers: tellRefusals("control.authentication.failed", "approval", parts),
		authenticate: async ([header, ...more]) => {
			const caller = more.length === 0 ? people[header?.replace("Bearer ", "") ?? ""] : undefined;
			if (!caller) throw new NotAuthenticated("no_token");
			return caller;
		},
	});
	const ask = async (who: string, url: string, payload?: object) => {
		const method = payload ? "POST" : "GET";
		const answer = await http.inject({ method, url, headers: { authorization: `Bearer ${who}` }, ...(payload && { payload }) });
		return { status: answer.statusCode, body: answer.json() };
	};
	const vote = (who: string, payload: object, of = call) => ask(who, `/v1/approvals/${of}/votes`, payload);
	return { world, parts, http, ask, vote };
}

test("the port describes itself", async () => {
	const { http } = await open();
	const document = (await http.inject("/openapi.json")).json();
	expect(document).toMatchObject({ openapi: "3.1.0", info: { title: "Callgate approvals" } });
	expect(Object.keys(document.paths)).toEqual(["/v1/approvals", "/v1/approvals/{call}", "/v1/approvals/{call}/votes"]);
	expect(document.paths["/v1/approvals/{call}/votes"].post.requestBody.content["application/json"].schema.required).toEqual(["verdict"]);
});

describe("the list", () => {
	test("holds what this person may decide, and nothing else", async () => {
		const { ask } = await open();
		const { status, body } = await ask("dana", "/v1/approvals");
		expect(status).toBe(200);
		expect(body).toMatchObject({
			more: false,
			approvals: [
				{
					call,
					state: "waiting",
					arguments: { amount: 5000, card: "****1111" },
					requirements: [{ anyOf: ["finance"], quorum: 1, approvedBy: [] }],
				},
			],
		});
		expect(JSON.stringify(body)).not.toContain("sealed");
		expect((await ask("mallory", "/v1/approvals")).body).toEqual({ approvals: [], more: false });
		expect((await ask("erin", "/v1/approvals")).body).toEqual({ approvals: [], more: false });
		expect((await ask("nobody", "/v1/approvals")).status).toBe(401);
	});

	test("does not hold what has ended, or whose time is over", async () => {
		const { world, parts, ask } = await open();
		world.now = at(30);
		expect((await ask("dana", "/v1/approvals")).body.approvals).toEqual([]);
		world.now = at(1);
		await handle(parts, withdrawnEvent());
		expect((await ask("dana", "/v1/approvals")).body.approvals).toEqual([]);
		expect((await ask("dana", `/v1/approvals/${call}`)).body).toMatchObject({ state: "cancelled" });
	});
});

test("one approval is seen by those who were asked; to others it does not exist", async () => {
	const { ask } = await open();
	expect((await ask("dana", `/v1/approvals/${call}`)).body).toMatchObject({ call, digest, reason: "invoice 4711" });
	expect((await ask("erin", `/v1/approvals/${call}`)).status).toBe(200);
	const stranger = await ask("mallory", `/v1/approvals/${call}`);
	const nothing = await ask("mallory", `/v1/approvals/${otherCall}`);
	expect(stranger).toEqual(nothing);
	expect(stranger).toMatchObject({ status: 404, body: { code: "not_found" } });
});

describe("a vote", () => {
	test("that is the last one needed grants, and the next is too late", async () => {
		const { vote, world } = await open();
		expect(await vote("dana", { verdict: "approve", digest })).toMatchObject({
			status: 200,
			body: { state: "granted", by: ["dana@example.com"] },
		});
		expect(await vote("frank", { verdict: "reject", reason: "no!" })).toMatchObject({
			status: 409,
			body: { code: "already_settled", call },
		});
		expect(world.stream.events().find(({ type }) => type === "approval.voted")?.data).toMatchObject({
			via: "api",
			identity: { issuer: erin.issuer, subject: "dana" },
		});
	});

	test.each([
		["by the requester", "erin", { verdict: "approve" }, 403, "not_an_approver"],
		["by a stranger", "mallory", { verdict: "approve" }, 403, "not_an_approver"],
		["by a program without an address", "robot", { verdict: "approve" }, 403, "not_an_approver"],
		["by nobody", "nobody", { verdict: "approve" }, 401, "unauthenticated"],
		["that rejects without a reason", "dana", { verdict: "reject" }, 422, "reason_required"],
		["on other arguments", "dana", { verdict: "approve", digest: `sha256:${"0".repeat(64)}` }, 409, "already_settled"],
		["that is neither yes nor no", "dana", { verdict: "maybe" }, 400, "malformed_request"],
		["with something unknown in it", "dana", { verdict: "approve", force: true }, 400, "malformed_request"],
	])("%s is refused", async (_, who, body, status, code) => {
		const { vote, world } = await open();
		expect(await vote(who, body)).toMatchObject({ status, body: { status, code } });
		expect(world.said()).toEqual(["approval.asked"]);
	});

	test("that does not count is on the record with whose it was, and so is a voter whom nobody knows; repeated they are counted", async () => {
		const { vote, world } = await open();
		for (let time = 0; time < 5; time++) await vote("mallory", { verdict: "approve" });
		await vote("nobody", { verdict: "approve" });
		const refused = () => world.stream.events().flatMap((event) => (event.type === "control.vote.refused" ? [event.data] : []));
		await vi.waitFor(() => expect(refused().reduce((sum, { count }) => sum + count, 0)).toBe(5), patience);
		const identity = { issuer: erin.issuer, subject: "mallory" };
		expect(refused()[0]).toEqual({ call, refusal: "not_a_member", via: "api", voter: "mallory@example.com", identity, count: 1 });
		expect(refused().length).toBeLessThan(5);
		const stranger = { type: "control.authentication.failed", data: { refusal: "no_token", from: "127.0.0.1", count: 1 } };
		expect(world.stream.events()).toContainEqual(expect.objectContaining(stranger));
	});

	test("on a call that does not exist is not found", async () => {
		const { vote } = await open();
		expect((await vote("dana", { verdict: "approve" }, otherCall)).status).toBe(404);
		expect((await vote("dana", { verdict: "approve" }, "..%2f")).status).toBe(404);
	});

	test("counts through a group of the identity provider, while that group is one of the asked", async () => {
		const two = terms({ requirements: [{ rule: "r", anyOf: ["finance"], quorum: 2, reasonRequired: false }] });
		const { vote, world } = await open({ terms: two });
		world.groups = groupsOf(group("finance", ["dana@example.com", "frank@example.com"], { groups: new Set(["idp-finance"]) }));
		expect((await vote("mallory", { verdict: "approve" })).status).toBe(200);
		world.groups = groupsOf(finance, cfo);
		expect((await vote("dana", { verdict: "approve" })).body).toMatchObject({ state: "waiting" });
		expect((await vote("frank", { verdict: "approve" })).body).toMatchObject({
			state: "granted",
			by: ["dana@example.com", "frank@example.com"],
		});
	});

	test("where events cannot be stored is 503, with the time to try again", async () => {
		const { vote, world } = await open();
		world.stream.away = true;
		expect(await vote("dana", { verdict: "approve" })).toMatchObject({ status: 503, body: { code: "events_unavailable" } });
	});
});

test("two Authorization headers are two, not one", async () => {
	const { http } = await open();
	await http.listen({ host: "127.0.0.1", port: 0 });
	const { promise, resolve } = Promise.withResolvers<number>();
	const { request } = await import("node:http");
	const { port } = http.server.address() as { port: number };
	request(
		{ port, path: "/v1/approvals", headers: ["Host", "x", "Authorization", "Bearer dana", "Authorization", "Bearer dana"] },
		(answer) => {
			answer.resume();
			resolve(answer.statusCode ?? 0);
		},
	).end();
	expect(await promise).toBe(401);
	await http.close();
});
