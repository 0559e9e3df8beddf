// A recorded answer played back: to the recorded request as ingress answered it, to whoever has the token, and to nothing else.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Answer } from "#libs/contracts/answer.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import type { JsonObject } from "#libs/contracts/json.ts";
import { SealBroken } from "#libs/contracts/sealed.ts";
import { readSealingKeys } from "#libs/service/service-keys.ts";
import { CommandFailed } from "./command-failed.ts";
import { type PlayingBack, playBack } from "./play-back.ts";

const call = "01890000-0000-7000-8000-000000000001";
const pool = "default";
const keysOf = (fill: number) =>
	readSealingKeys(JSON.stringify({ [pool]: [{ kid: "s1", kty: "oct", k: Buffer.alloc(32, fill).toString("base64url") }] }));
const keys = keysOf(1);
const digest = `sha256:${"0".repeat(64)}`;
const caller = { issuer: "https://idp.example", subject: "ci", groups: [] };
const theCall = { call, connection: "bank", function: "getAccount", pool, digest, revision: digest, caller };
const args: JsonObject = { id: "acc-1", deep: { b: 2, a: 1 } };
const asked = { connection: "bank", function: "getAccount", arguments: args };

const at = new Date("2026-01-01T00:00:00.000Z");

const received = newEvent(
	"ingress",
	"call.received",
	{
		...theCall,
		...{ via: "calls", receivedAt: "2026-01-01T00:00:00.000Z", arguments: {}, findings: [] },
		sealed: keys.seal(pool, call, "arguments", { arguments: args, salt: "s", headers: [] }),
	},
	{ at },
);

function completed(answer: Answer): CallgateEvent {
	const sealed = keys.seal(pool, call, "result", answer);
	return newEvent("executor", "call.ended", { ...theCall, ending: "completed", rules: [], reasons: [], sealed, findings: [] }, { at });
}

const json: Answer = {
	protocol: "http",
	status: 201,
	headers: [["content-type", "application/json"]],
	body: { text: '{"balance":1.50}' },
};

let playing: PlayingBack | undefined;
afterEach(async () => {
	await playing?.close();
	playing = undefined;
});

async function ask(events: readonly CallgateEvent[], path = "/v1/calls", init: RequestInit & { token?: string } = {}) {
	playing ??= await playBack(events, keys, 0);
	const { token = playing.token, ...rest } = init;
	const answer = await fetch(playing.url + path, { ...rest, headers: { authorization: `Bearer ${token}` } });
	return { status: answer.status, type: answer.headers.get("content-type"), text: await answer.text() };
}

const post = (body: object | string, token?: string): RequestInit & { token?: string } => ({
	method: "POST",
	body: typeof body === "string" ? body : JSON.stringify(body),
	...(token !== undefined && { token }),
});

describe("a call that was completed", () => {
	let events: readonly CallgateEvent[];
	beforeEach(() => {
		events = [received, completed(json)];
	});

	it("is answered as its caller was, to an equal request in any order of members, and again", async () => {
		const first = await ask(
			events,
			"/v1/calls",
			post({ function: "getAccount", arguments: { deep: { a: 1, b: 2 }, id: "acc-1" }, connection: "bank" }),
		);
		expect(first).toMatchObject({ status: 200, type: "application/json" });
		expect(JSON.parse(first.text)).toMatchObject({ call, state: "completed", result: { status: 201, body: { balance: 1.5 } } });
		// Every digit, as it was sent.
		expect(first.text).toContain("1.50");
		expect(await ask(events, `/v1/calls/${call}`)).toEqual(first);
		expect(await ask(events, "/v1/calls", post(asked))).toEqual(first);
	});

	it.each([
		["other arguments", { ...asked, arguments: { ...args, id: "acc-2" } }, 404],
		["another function", { ...asked, function: "createTransfer" }, 404],
		["no arguments", { connection: "bank", function: "getAccount" }, 404],
		["what is no JSON", "{", 400],
		["a list", "[]", 400],
		["more than it takes", `"${"a".repeat(1024 * 1024)}"`, 400],
	])("is not for %s", async (_, body, status) => {
		const found = await ask(events, "/v1/calls", post(body));
		expect(found).toMatchObject({ status, type: "application/problem+json" });
		expect(found.text).not.toContain("1.50");
	});

	it("is not for who has not the token, nor at any other address", async () => {
		for (const token of ["", "x", "a".repeat(32)]) {
			const found = await ask(events, `/v1/calls/${call}`, { token });
			expect(found).toMatchObject({ status: 401, type: "application/problem+json" });
			expect(found.text).not.toContain("1.50");
		}
		expect((await ask(events, "/v1/calls/another")).status).toBe(404);
		expect((await ask(events, "/v1/calls", { method: "PUT" })).status).toBe(404);
	});
});

it("a call that ended without an answer is the problem that its caller got", async () => {
	const denied = newEvent(
		"policy",
		"call.ended",
		{ ...theCall, ending: "denied", code: "denied", rules: ["no-accounts"], reasons: [] },
		{ at },
	);
	const found = await ask([received, denied], "/v1/calls", post(asked));
	expect(found).toMatchObject({ status: 403, type: "application/problem+json" });
	expect(JSON.parse(found.text)).toMatchObject({ code: "denied", call, rules: ["no-accounts"] });
});

it("an answer that came in pieces is all of them, in their order", async () => {
	const head = { protocol: "http", status: 200, headers: [["content-type", "text/plain"]] } as const;
	const piece = (nth: number, text: string) =>
		newEvent(
			"executor",
			"call.streamed",
			{
				...{ ...theCall, executor: "e", piece: nth, chars: text.length },
				sealed: keys.seal(pool, call, "piece", { piece: nth, ...(nth === 1 && { head }), text }),
			},
			{ at },
		);
	const streamed = { pieces: 2, chars: 11, digest: "0".repeat(64) };
	const ended = newEvent(
		"executor",
		"call.ended",
		{ ...theCall, ending: "completed", rules: [], reasons: [], streamed, findings: [] },
		{ at },
	);
	const found = await ask([received, piece(2, "world"), piece(1, "hello "), ended], "/v1/calls", post(asked));
	expect(JSON.parse(found.text).result).toMatchObject({ status: 200, body: "hello world" });
});

it("without an ending, or with other keys, nothing is played back", async () => {
	await expect(playBack([received], keys, 0)).rejects.toThrow(CommandFailed);
	await expect(playBack([received, completed(json)], keysOf(2), 0)).rejects.toThrow(SealBroken);
});
