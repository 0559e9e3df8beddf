// The audit page is for auditors who signed in, and nobody gets to it another way; what it shows of others' words is text.
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Event } from "#libs/contracts/events.ts";
import { anEnded, aReceived, callId } from "./events.test-support.ts";
import { type PageForTests, PlainBrowser, startPage } from "./page.test-support.ts";
import { IndexUnavailable } from "./ports.ts";

let page: PageForTests;
let browser: PlainBrowser;
beforeAll(async () => {
	page = await startPage();
});
afterAll(() => page.stop());
beforeEach(async () => {
	browser = new PlainBrowser();
	await page.record([aReceived(callId(1), { callReason: "rent" }), anEnded(callId(1)), aReceived(callId(2), { connection: "crm" })]);
});

const said = <Kind extends Event<"control.record.read">["type"] | "control.record.refused">(type: Kind) =>
	page.stream.events().filter((event) => event.type === type);
const text = async (path: string) => (await browser.go(`${page.url}${path}`)).text;

describe("without a sign-in", () => {
	it.each(["/audit", `/audit/calls/${callId(1)}`])("%s shows a way to sign in and nothing else", async (path) => {
		const before = page.stream.events().length;
		const answer = await browser.go(`${page.url}${path}`);
		expect(answer.status).toBe(401);
		expect(answer.text).toContain(`/audit/sign-in?to=${encodeURIComponent(path)}`);
		expect(answer.text).not.toContain("payments");
		expect(page.stream.events()).toHaveLength(before);
	});

	it("has a policy under which nothing runs that is not the page's own", async () => {
		const { headers } = await browser.go(`${page.url}/audit`);
		expect(headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'self'; script-src 'self'/);
		expect(headers.get("content-security-policy")).not.toMatch(/unsafe|\*|data:/);
		expect(headers.get("cache-control")).toBe("no-store");
		expect(headers.get("x-content-type-options")).toBe("nosniff");
		expect(headers.get("referrer-policy")).toBe("no-referrer");
	});
});

describe("signing in", () => {
	it("leads back to where one came from, and keeps a sealed cookie that no script reads", async () => {
		const answer = await browser.signIn(page, "alice", `/audit/calls/${callId(1)}`);
		expect(answer.url).toBe(`${page.url}/audit/calls/${callId(1)}`);
		expect(answer.status).toBe(200);
		const session = browser.set.find((cookie) => cookie.startsWith("callgate-audit="));
		expect(session).toMatch(/; HttpOnly; SameSite=Lax$/);
		expect(browser.cookies.has("callgate-audit-login")).toBe(false);
		// Sealed: neither the token nor what is in it stands there.
		expect(Buffer.from(session?.split(";")[0]?.split(".")[3] ?? "", "base64url").toString("latin1")).not.toContain("token");
	});

	it.each(["//evil.example", "https://evil.example/audit", "/audit\\..", "/audit/../v1", "/audit/sign-out", "/other"])(
		"leads nowhere else: %s",
		async (to) => {
			expect((await browser.signIn(page, "alice", to)).url).toBe(`${page.url}/audit`);
		},
	);

	it("lets in auditors alone, and who is none is on the record", async () => {
		const before = said("control.record.refused").length;
		const answer = await browser.signIn(page, "dana");
		expect(answer.status).toBe(403);
		expect(answer.text).not.toContain("payments");
		expect(said("control.record.refused").length).toBeGreaterThan(before);
	});

	it("counts only in the browser that began it, once, and with the state that it was begun with", async () => {
		const begun = await browser.go(`${page.url}/audit/sign-in`);
		const other = new PlainBrowser();
		for (const [name, value] of browser.cookies) if (!name.startsWith("callgate")) other.cookies.set(name, value);
		// The identity provider sends the other browser back; this page never saw it begin.
		const stolen = await other.go(begun.url, { method: "POST", body: new URLSearchParams({ name: "alice", password: page.password }) });
		expect(stolen.status).toBe(400);
		expect(stolen.text).toContain("not begun in this browser");
		expect(other.cookies.has("callgate-audit")).toBe(false);
		const forged = await browser.go(`${page.url}/audit/signed-in?code=abc&state=other`);
		expect(forged.status).toBe(400);
		expect(browser.cookies.has("callgate-audit")).toBe(false);
	});

	it("is none with a cookie that was made elsewhere, changed, or meant for something else", async () => {
		await browser.signIn(page, "alice");
		const session = browser.cookies.get("callgate-audit") ?? "";
		expect((await browser.go(`${page.url}/audit`)).status).toBe(200);
		await browser.go(`${page.url}/audit/sign-in`);
		const login = browser.cookies.get("callgate-audit-login") ?? "";
		for (const cookie of [`${session.slice(0, -2)}AA`, "x", "", login]) {
			browser.cookies.set("callgate-audit", cookie);
			expect((await browser.go(`${page.url}/audit`)).status).toBe(401);
		}
		browser.cookies.set("callgate-audit-login", session);
		expect((await browser.go(`${page.url}/audit/signed-in?code=abc&state=undefined`)).text).toContain("not begun in this browser");
		// Two of a name: who put the other there is not known.
		browser.cookies.set("callgate-audit", `${session}; callgate-audit=${session}`);
		expect((await browser.go(`${page.url}/audit`)).status).toBe(401);
	});

	it("ends with signing out, which no other site can ask for", async () => {
		await browser.signIn(page, "alice");
		for (const headers of [{ "sec-fetch-site": "cross-site" }, { "sec-fetch-site": "same-site" }, { origin: "http://evil.example" }, {}])
			expect((await browser.go(`${page.url}/audit/sign-out`, { method: "POST", headers })).status).toBe(400);
		expect((await browser.go(`${page.url}/audit`)).status).toBe(200);
		const out = await browser.go(`${page.url}/audit/sign-out`, { method: "POST", headers: { origin: page.url } });
		expect(out.status).toBe(200);
		expect((await browser.go(`${page.url}/audit`)).status).toBe(401);
	});
});

describe("reading", () => {
	beforeEach(() => browser.signIn(page, "alice"));

	it("shows calls that match, and each reading is on the record as hers", async () => {
		const before = said("control.record.read").length;
		expect(await text("/audit?connection=crm&caller=&q=")).toContain("crm.createTransfer");
		expect(await text("/audit?connection=crm")).not.toContain("payments.createTransfer");
		expect(await text("/audit?where=decision.rules%3Dnever")).toContain(`/audit/calls/${callId(1)}`);
		const readings = said("control.record.read").slice(before) as Event<"control.record.read">[];
		expect(readings.map(({ data }) => [data.reader.subject, JSON.parse(data.query), data.hits])).toEqual([
			["alice", { of: "calls", size: 25, connection: "crm" }, 1],
			["alice", { of: "calls", size: 25, connection: "crm" }, 1],
			["alice", { of: "calls", size: 25, where: [{ field: "decision.rules", operator: "=", value: "never" }] }, 1],
		]);
	});

	it("pages through many, and says what cannot be asked", async () => {
		await page.record(Array.from({ length: 30 }, (_, n) => aReceived(callId(n), { connection: "many" })));
		const first = await text("/audit?connection=many");
		expect(first).toContain("25 of 30 calls");
		const next = /rel="next" href="([^"]+)"/.exec(first)?.[1]?.replaceAll("&amp;", "&") ?? "";
		expect(await text(next)).toContain("5 of 30 calls");
		expect(await text("/audit?where=nonsense%3D1")).toContain("names no field of the record");
		expect(await text("/audit?state=gone")).toContain("That cannot be asked");
		expect(await text("/audit?size=25&surprise=1")).toContain("That cannot be asked");
	});

	it("shows one call with its steps, and says so where nothing is recorded", async () => {
		const shown = await text(`/audit/calls/${callId(1)}`);
		for (const part of ["rent", "deny", "never", "call.received", "call.ended", "Nothing", "step-2"].filter((one) => one !== "Nothing"))
			expect(shown).toContain(part);
		expect(shown).not.toContain("RAWSECRET");
		expect((await browser.go(`${page.url}/audit/calls/${callId(9)}`)).status).toBe(404);
		expect((await browser.go(`${page.url}/audit/calls/1`)).status).toBe(404);
	});

	it("says that it cannot be read now, and of what nobody expected nothing", async () => {
		const story = vi.spyOn(page.index, "story");
		story.mockRejectedValueOnce(new IndexUnavailable("away", "no answer of 127.0.0.1"));
		const away = await browser.go(`${page.url}/audit/calls/${callId(1)}`);
		expect(away).toMatchObject({ status: 503, text: expect.stringContaining("the record cannot be searched now") });
		story.mockRejectedValueOnce(new Error("something of the inside"));
		const broken = await browser.go(`${page.url}/audit/calls/${callId(1)}`);
		expect(broken.status).toBe(500);
		expect(broken.headers.get("content-type")).toContain("application/problem+json");
		for (const { text } of [away, broken]) expect(text).not.toMatch(/127\.0\.0\.1 |inside/);
		story.mockRestore();
	});

	it("reads nothing for a link of another site before the auditor wants it", async () => {
		const before = said("control.record.read").length;
		const answer = await browser.go(`${page.url}/audit/calls/${callId(1)}`, { headers: { "sec-fetch-site": "cross-site" } });
		expect(answer.text).toContain("Another site led here");
		expect(answer.text).not.toContain("rent");
		expect(said("control.record.read")).toHaveLength(before);
	});

	it("shows what others wrote as text, wherever it stands", async () => {
		const evil = `"'><script>alert(1)</script><img src=x onerror=alert(1)>\u202e`;
		const reasons = [{ code: evil.slice(0, 64), rule: evil, message: evil }];
		await page.record([
			aReceived(callId(1), {
				...{
					callReason: evil,
					connection: "payments",
					function: evil,
					arguments: { [evil]: evil },
					findings: [{ detector: evil.slice(0, 64), path: evil, count: 2 }],
				},
				caller: { issuer: evil, subject: evil, email: evil, groups: [evil] },
			}),
			anEnded(callId(1), { result: { [evil]: [evil] }, detail: evil, code: evil.slice(0, 64), rules: [evil], reasons, by: [evil] }),
		]);
		for (const path of ["/audit", `/audit/calls/${callId(1)}`, `/audit?q=${encodeURIComponent(evil.slice(0, 40))}`]) {
			const shown = await text(path);
			expect(shown).toContain("&lt;script&gt;");
			expect(shown).not.toMatch(/<script>|<img|onerror=alert\(1\)>[^&]*<\/|\u202e/);
			// Nothing of it closed a quoted attribute.
			expect(shown).not.toMatch(/<script(?! src="\/audit\/)/);
		}
	});
});
