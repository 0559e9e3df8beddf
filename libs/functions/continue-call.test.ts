// What a client comes back with, as the function is told it: opened for whose it is alone, and nothing of it but answers to what was asked.
import { createSecretKey, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { SealingKeys } from "#libs/contracts/sealed.ts";
import { sealState } from "#libs/mcp/request-state.ts";
import { continued } from "./continue-call.ts";

const keysOf = () => new SealingKeys(new Map([["default", [{ id: "s", secret: createSecretKey(randomBytes(32)) }]]]));
const keys = keysOf();
const now = new Date("2026-01-01T12:00:00.000Z");
const call = "01a00000-0000-7000-8000-000000000000";
const owner = {
	caller: { issuer: "https://idp.example", subject: "robin", groups: [] },
	connection: "tools",
	function: "confirm",
	pool: "default",
};
const asked = { ok: "elicitation/create", where: "roots/list", said: "sampling/createMessage" } as const;
const state = sealState(keys, "default", call, owner, { asked, state: "the server's" }, now);
const answers = {
	ok: { action: "accept", content: { sure: true, tags: ["a"] } },
	where: { roots: [{ uri: "file:///a" }] },
	said: { role: "assistant", model: "m", content: { type: "text", text: "t" } },
};
const message = (params: object) =>
	({ protocol: "mcp", message: { method: "tools/call", params: { name: "confirm", ...params }, fields: [] } }) as const;
const paramsOf = (written: ReturnType<typeof continued>) =>
	"protocol" in written && written.protocol === "mcp" ? written.message.params : undefined;

test("answers go on as they are, with the server's own state", () => {
	const written = continued(keys, owner, message({ inputResponses: answers, requestState: state }), now);
	expect(paramsOf(written)).toEqual({ name: "confirm", inputResponses: answers, requestState: "the server's" });
});

test("what nobody asked is left out, and answers to nothing are", () => {
	const more = continued(
		keys,
		owner,
		message({ inputResponses: { ...answers, more: { any: 1 }, constructor: {} }, requestState: state }),
		now,
	);
	expect(paramsOf(more)).toMatchObject({ inputResponses: answers });
	expect(Object.keys((paramsOf(more)?.inputResponses ?? {}) as object)).toEqual(["ok", "where", "said"]);
	expect(paramsOf(continued(keys, owner, message({ inputResponses: answers }), now))).toEqual({ name: "confirm" });
});

test.each<[what: string, params: object, of: Partial<typeof owner>, at?: Date]>([
	["another caller's", { requestState: state }, { caller: { ...owner.caller, subject: "mallory" } }],
	["of another function", { requestState: state }, { function: "other" }],
	["of another connection", { requestState: state }, { connection: "others" }],
	["too old", { requestState: state }, {}, new Date(now.getTime() + 25 * 3_600_000)],
	["changed", { requestState: `${state}x` }, {}],
	["of other keys", { requestState: sealState(keysOf(), "default", call, owner, { asked }, now) }, {}],
	["no text", { requestState: 1 }, {}],
	["no answer", { requestState: state, inputResponses: { ok: { action: "maybe" } } }, {}],
	["no list of roots", { requestState: state, inputResponses: { where: { roots: [{}] } } }, {}],
	["nobody's sample", { requestState: state, inputResponses: { said: { role: "system" } } }, {}],
])("what is %s does not run", (_what, params, of, at = now) => {
	expect(continued(keys, { ...owner, ...of }, message(params), at)).toEqual({ errors: [expect.anything()] });
});
