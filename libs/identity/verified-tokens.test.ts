// A token that was verified a moment ago is its caller without another look at its signature, for as long as that look would find the same.
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";
import type { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { createAuthenticator } from "./authenticate.ts";
import { claims, issuerOf, newKey, now, seconds, sign, startIssuer, type TestKey } from "./issuer.test-support.ts";
import { type Verification, VerifiedTokens } from "./verified-tokens.ts";

const url = "https://idp.example";
let key: TestKey;
beforeAll(async () => {
	key = await newKey("k1");
});
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
	for (const stop of stops.splice(0)) await stop();
});

/** Clocks that stand until they are moved. What is remembered is the same object, what is verified anew another one. */
function start(...issuers: Issuer[]) {
	const clock = { at: now.getTime(), elapsedMs: 1_000_000 };
	const authenticator = createAuthenticator(
		issuers,
		() => new Date(clock.at),
		() => clock.elapsedMs,
	);
	const ask = async (token: string): Promise<unknown> =>
		await authenticator.authenticate([`Bearer ${token}`]).catch((error: unknown) => (error as NotAuthenticated).reason);
	return { ask, clock };
}
const trusted = (over: Partial<Issuer> = {}) => issuerOf(url, { keys: { from: "file", keys: [key.jwk] as never }, ...over });

describe("a verified token", () => {
	test("is remembered, and no other with it", async () => {
		const { ask } = start(trusted());
		const token = await sign(key, claims(url, { groups: ["ci"] }));
		const caller = await ask(token);
		expect(caller).toEqual({ issuer: url, subject: "robin", groups: ["ci"] });
		expect(await ask(token)).toBe(caller);
		const other = await sign(key, claims(url, { sub: "erin" }));
		expect(await ask(other)).toMatchObject({ subject: "erin" });
		const [head, , signature] = token.split(".");
		expect(await ask([head, other.split(".")[1], signature].join("."))).toBe("signature_invalid");
	});
	test("cannot be changed by one of those who are given it", async () => {
		const { ask } = start(trusted());
		const caller = (await ask(await sign(key, claims(url)))) as { groups: string[]; subject: string };
		expect(() => caller.groups.push("admins")).toThrow(TypeError);
		expect(() => {
			caller.subject = "root";
		}).toThrow(TypeError);
	});
	test("is remembered for a minute, whatever the time of day is set to", async () => {
		const { ask, clock } = start(trusted());
		const token = await sign(key, claims(url, { exp: seconds + 86_400 }));
		const caller = await ask(token);
		clock.elapsedMs += 59_999;
		expect(await ask(token)).toBe(caller);
		clock.elapsedMs += 1;
		const again = await ask(token);
		expect(again).toEqual(caller);
		expect(again).not.toBe(caller);
		clock.elapsedMs += 59_999;
		expect(await ask(token)).toBe(again);
	});
	test("is not remembered past its end: then the tolerance for clocks is verified anew, and after that it has expired", async () => {
		const { ask, clock } = start(trusted());
		const token = await sign(key, claims(url, { exp: seconds + 30 }));
		const caller = await ask(token);
		clock.at += 29_999;
		expect(await ask(token)).toBe(caller);
		clock.at += 1;
		expect(await ask(token)).not.toBe(caller);
		clock.at += 5_000;
		expect(await ask(token)).toBe("expired");
	});
	test("is not remembered past the age that its Issuer allows", async () => {
		const { ask, clock } = start(trusted({ maxTokenAgeSeconds: 30 }));
		const token = await sign(key, claims(url, { iat: seconds }));
		const caller = await ask(token);
		clock.at += 29_999;
		expect(await ask(token)).toBe(caller);
		clock.at += 6_001;
		expect(await ask(token)).toBe("too_old");
	});
	test("is not remembered before it was verified, when it may not have begun", async () => {
		const { ask, clock } = start(trusted());
		const token = await sign(key, claims(url, { nbf: seconds }));
		expect(await ask(token)).toMatchObject({ subject: "robin" });
		clock.at -= 60_000;
		expect(await ask(token)).toBe("not_yet_valid");
	});
	test("is nobody's to another configuration, at once", async () => {
		const token = await sign(key, claims(url));
		const before = start(trusted());
		await before.ask(token);
		expect(await before.ask(token)).toMatchObject({ subject: "robin" });
		expect(await start(trusted({ audience: ["other"] })).ask(token)).toBe("audience_not_allowed");
	});
	test("that is refused is not remembered: it is good as soon as its time comes", async () => {
		const { ask, clock } = start(trusted());
		const token = await sign(key, claims(url, { nbf: seconds + 60 }));
		expect(await ask(token)).toBe("not_yet_valid");
		clock.at += 60_000;
		expect(await ask(token)).toMatchObject({ subject: "robin" });
	});
});

describe("when the issuer is asked for its keys again", () => {
	async function withTwoKeys() {
		const [one, two] = await Promise.all([newKey("k1"), newKey("k2")]);
		const server = await startIssuer(one);
		stops.push(server.stop);
		const { ask, clock } = start(issuerOf(server.url));
		const token = await sign(one, claims(server.url));
		const caller = await ask(token);
		expect(await ask(token)).toBe(caller);
		return { ask, clock, token, caller, state: server.state, one, two, url: server.url };
	}
	test("and they are others, what was verified with the old ones is forgotten at once", async () => {
		const { ask, clock, token, state, two, url } = await withTwoKeys();
		state.keys = [two];
		expect(await ask(await sign(two, claims(url)))).toMatchObject({ subject: "robin" });
		clock.elapsedMs += 30_000;
		expect(await ask(token)).toBe("key_unknown");
	});
	test("and they are the same, it is not", async () => {
		const { ask, token, caller, one, url } = await withTwoKeys();
		expect(await ask(await sign(one, claims(url), { kid: "unknown" }))).toBe("key_unknown");
		expect(await ask(token)).toBe(caller);
	});
});

describe("what is remembered is bounded", () => {
	const set = {} as Verification["set"];
	const keys: Verification["keys"] = { current: () => set, find: () => Promise.reject(new Error("nobody asks")) };
	const verification = (subject: string): Verification => ({
		...{ caller: { issuer: url, subject, groups: [] }, keys, set, at: now, endMs: now.getTime() + 60_000 },
	});
	const known = (memory: VerifiedTokens, tokens: readonly string[]) => tokens.filter((token) => memory.recall(token, now) !== undefined);

	test("in number: the oldest go", () => {
		const memory = new VerifiedTokens(() => 0, { tokensMax: 3, charactersMax: 1_000 });
		const tokens = ["a", "b", "c", "d", "e"];
		for (const token of [...tokens, "e", "e"]) memory.remember(token, verification(token));
		expect(known(memory, tokens)).toEqual(["c", "d", "e"]);
	});
	test("in size: many groups take the place of many tokens", () => {
		const memory = new VerifiedTokens(() => 0, { tokensMax: 100, charactersMax: 10 });
		const tokens = ["aaaa", "bbbb", "cccc", "d".repeat(10)];
		for (const token of tokens.slice(0, 3)) memory.remember(token, verification(token));
		expect(known(memory, tokens)).toEqual(["bbbb", "cccc"]);
		for (let time = 0; time < 5; time++) memory.remember("cccc", verification("c"));
		expect(known(memory, tokens)).toEqual(["bbbb", "cccc"]);
		memory.remember("d".repeat(10), verification("d"));
		expect(known(memory, tokens)).toEqual(["d".repeat(10)]);
		memory.remember("e".repeat(11), verification("e"));
		expect(known(memory, [...tokens, "e".repeat(11)])).toEqual([]);
	});
});
