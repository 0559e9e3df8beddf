// The audit page in a real browser: an auditor signs in, finds a call, steps through it by keyboard; axe finds nothing, and hostile words do nothing.

import { readFile } from "node:fs/promises";
import { source as axe } from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import { readKeyText } from "#libs/merkle/signed-note.ts";
import { type CallProof, findFaultInProof } from "#libs/proof/prove-call.ts";
import { startChromium } from "../../test/support/chromium.ts";
import { patience } from "../../test/support/patience.ts";
import { anEnded, aReceived, callId } from "./events.test-support.ts";
import { type PageForTests, startPage } from "./page.test-support.ts";

/** A first installation, on a busy machine. */
const startTimeoutMs = 15 * 60_000;
let audit: PageForTests;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** What must not happen on any page. */
let faults: string[];

beforeAll(async () => {
	[audit, browser] = await Promise.all([startPage(), startChromium()]);
}, startTimeoutMs);
afterAll(async () => {
	await browser?.close();
	await audit?.stop();
}, startTimeoutMs);

beforeEach(async () => {
	faults = [];
	context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
	page = await context.newPage();
	page.setDefaultTimeout(60_000);
	page.on("dialog", (dialog) => {
		faults.push(`a dialog: ${dialog.message()}`);
		void dialog.dismiss();
	});
	page.on("pageerror", (error) => faults.push(`an error: ${error.message}`));
	page.on("console", (message) => {
		// The page that offers to sign in is a 401, as it must be.
		if (message.type() === "error" && !/status of 40[134]/.test(message.text())) faults.push(message.text());
	});
	page.on("request", (request) => {
		if (!/^http:\/\/127\.0\.0\.1:/.test(request.url())) faults.push(`a request to ${request.url()}`);
	});
});
afterEach(async () => {
	await context.close();
	expect(faults).toEqual([]);
});

async function signIn(): Promise<void> {
	await page.goto(`${audit.url}/audit`);
	await page.getByRole("link", { name: "Sign in" }).click();
	await page.getByLabel("Person").selectOption("alice");
	await page.getByLabel("Password").fill(audit.password);
	await page.getByRole("button", { name: "Sign in" }).click();
	await page.waitForURL(`${audit.url}/audit`);
}

async function expectAccessible(): Promise<void> {
	for (const colorScheme of ["light", "dark"] as const) {
		await page.emulateMedia({ colorScheme });
		await page.evaluate(axe);
		const found = (await page.evaluate("axe.run({ resultTypes: ['violations'] })")) as {
			violations: { id: string; nodes: { html: string }[] }[];
		};
		expect(
			found.violations.map(({ id, nodes }) => [colorScheme, id, nodes.map(({ html }) => html)]),
			page.url(),
		).toEqual([]);
	}
}

/** What the page says of the proof, once it was asked. */
async function verified(): Promise<string> {
	await page.getByRole("button", { name: "Verify in this browser" }).click();
	await page.locator("#proof-state button:enabled").waitFor(patience);
	return (await page.locator("#proof-state output").textContent()) ?? "";
}

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 12, 0, second));
const digest = `sha256:${"a".repeat(64)}`;
const robin = { issuer: "https://idp.example", subject: "ci", groups: ["ci"] };
const theCall = { connection: "bank", function: "createTransfer", pool: "default", digest, revision: digest, caller: robin };

/** A call that somebody approved, a fifth of its time after it was received. */
function approvedCall(call: string): CallgateEvent[] {
	const receivedAt = at(0).toISOString();
	const requirements = [{ rule: "large-transfers-need-finance", anyOf: ["finance"], quorum: 1, reasonRequired: false }];
	const terms = { requirements, expiresAt: at(1_800).toISOString(), remindAt: [], escalations: [] };
	const said = { ...theCall, call, receivedAt, rules: ["large-transfers-need-finance"], reasons: [], sealed: "sealed.RAWSECRET" };
	const grant = { approvedBy: ["dana@example.com"], expiresAt: at(90).toISOString(), grant: "grant" };
	return [
		aReceived(call, { ...theCall, callReason: "pay the plumber", arguments: { amount: 5_000, currency: "EUR", card: "****1111" } }, at(0)),
		newEvent("policy", "call.held", { ...said, arguments: { amount: 5_000 }, terms, hold: "hold" }, { at: at(10) }),
		newEvent(
			"approval",
			"approval.voted",
			{ call, voter: "dana@example.com", groups: ["finance"], verdict: "approve", reason: "Known.", via: "slack", digest },
			{ at: at(20), nth: "dana@example.com" },
		),
		newEvent("approval", "call.granted", { ...said, ...grant }, { at: at(21) }),
		newEvent(
			"executor",
			"call.started",
			{ ...theCall, call, grantId: "g1", executor: "executor-1", attempt: 1, leaseUntil: at(90).toISOString(), credential: "bank-api-key" },
			{ at: at(22), nth: 1 },
		),
		newEvent(
			"executor",
			"call.ended",
			{
				...theCall,
				call,
				ending: "completed",
				rules: [],
				reasons: [],
				answer: { http: { status: 201 } },
				durationMs: 900,
				result: { id: "t-7" },
			},
			{ at: at(100) },
		),
	];
}

describe("an auditor at a browser", () => {
	it("signs in, finds a call by words, and sees what became of it, to scale", async () => {
		await audit.record([...approvedCall(callId(7)), aReceived(callId(8), { callReason: "something else" }), anEnded(callId(8))]);
		await signIn();
		expect(await page.getByRole("row").count()).toBe(3);
		await page.getByLabel("Words").fill("plumber");
		await page.getByRole("button", { name: "Search" }).click();
		await page.getByText("1 of 1 calls").waitFor(patience);
		expect(await page.getByLabel("Words").inputValue()).toBe("plumber");
		await page.getByRole("row").nth(1).getByRole("link").click();
		await page.getByRole("heading", { name: "Timeline" }).waitFor(patience);
		const text = await page.locator("main").textContent();
		for (const part of [
			"bank.createTransfer",
			"pay the plumber",
			"bank-api-key",
			"large-transfers-need-finance",
			"dana@example.com",
			"1 min 40 s",
		])
			expect(text).toContain(part);
		expect(text).not.toContain("RAWSECRET");
		// Received, held, voted, granted, started, ended: at 0, 10, 20, 21, 22 and 100 seconds of 100.
		const places = await page.locator(".timeline rect.at").evaluateAll((marks) => marks.map((mark) => Number(mark.getAttribute("x"))));
		expect(places).toEqual([0, 0.1, 0.2, 0.21, 0.22, 1].map((part) => Math.round(part * 392)));
	});

	it("steps through it as it happened, by keyboard", async () => {
		await audit.record(approvedCall(callId(7)));
		await signIn();
		await page.goto(`${audit.url}/audit/calls/${callId(7)}`);
		const shown = () => page.locator("#steps > li:visible").count();
		expect(await shown()).toBe(6);
		await page.getByRole("button", { name: "From the beginning" }).focus();
		await page.keyboard.press("Enter");
		expect(await shown()).toBe(1);
		expect(await page.locator("#replay-controls output").textContent()).toBe("Step 1 of 6: call.received");
		await page.keyboard.press("Tab");
		await page.keyboard.press("Tab");
		await page.keyboard.press("Space");
		await page.keyboard.press("Space");
		expect(await page.locator("#replay-controls output").textContent()).toBe("Step 3 of 6: approval.voted");
		await page.keyboard.press("Shift+Tab");
		await page.keyboard.press("Enter");
		expect(await shown()).toBe(2);
		// A link of the timeline shows the steps up to its own.
		await page.getByRole("link", { name: "call.started" }).click();
		expect(await shown()).toBe(5);
		expect(await page.evaluate("document.activeElement.id")).toBe("step-5");
	});

	it("reads all of it without a script", async () => {
		await audit.record(approvedCall(callId(7)));
		await signIn();
		const plain = await browser.newContext({ javaScriptEnabled: false, storageState: await context.storageState() });
		const without = await plain.newPage();
		await without.goto(`${audit.url}/audit/calls/${callId(7)}`);
		expect(await without.locator("#steps > li:visible").count()).toBe(6);
		expect(await without.getByRole("button", { name: "Next step" }).isVisible()).toBe(false);
		await plain.close();
	});

	it("verifies in the browser that what it shows is what was signed", async () => {
		const other = Array.from({ length: 20 }, (_, n) => aReceived(callId(100 + n)));
		await audit.record([...other, ...approvedCall(callId(7)), ...other.map((event) => anEnded(event.subject))]);
		await signIn();
		await page.goto(`${audit.url}/audit/calls/${callId(7)}`);
		expect(await verified()).toMatch(/^Verified\. 6 of 6 steps are in the tree of \d+ records that callgate\.test\/record\+\S+ signed/);
		// The same proof, for whoever has no Callgate.
		const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Save the proof" }).click()]);
		const proof = JSON.parse(await readFile(await download.path(), "utf8")) as CallProof;
		const keys = (await page.locator("#proof-state code").allTextContents()).map((text) => readKeyText(text));
		expect(findFaultInProof(proof, keys)).toBeUndefined();
		expect(proof.events).toHaveLength(6);
	});

	it("is told where the index shows something else, where the proof was changed, and what is not signed yet", async () => {
		const signed = approvedCall(callId(7));
		const shown = signed.map((event) =>
			event.type === "call.received" ? { ...event, data: { ...event.data, callReason: "something else" } } : event,
		);
		await audit.record(shown, signed);
		await signIn();
		await page.goto(`${audit.url}/audit/calls/${callId(7)}`);
		expect(await verified()).toBe("Not verified: step 1 is shown differently from what was signed.");
		await page.route("**/proof", async (route) => {
			const answer = await route.fetch();
			await route.fulfill({ response: answer, body: (await answer.text()).replace("pay the plumber", "pay the burglar") });
		});
		expect(await verified()).toBe("Not verified: the event at position 1, item 0 is not the one that was recorded.");
		await page.unroute("**/proof");
		await audit.record(signed, signed.slice(0, 4));
		await page.reload();
		expect(await verified()).toMatch(/^4 of 6 steps are in the tree/);
	});

	it("meets nothing that axe finds, in light and in dark, wide and narrow", async () => {
		await audit.record([...approvedCall(callId(7)), anEnded(callId(8), { connection: "bank" })]);
		await page.goto(`${audit.url}/audit`);
		await expectAccessible();
		await signIn();
		for (const path of [
			"/audit",
			"/audit?q=nothing-like-this",
			"/audit?where=nonsense%3D1",
			`/audit/calls/${callId(7)}`,
			`/audit/calls/${callId(9)}`,
		]) {
			await page.goto(`${audit.url}${path}`).catch(() => undefined);
			await expectAccessible();
			await page.setViewportSize({ width: 360, height: 700 });
			await expectAccessible();
			// Nothing but a box of its own scrolls sideways.
			expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path).toBe(true);
			await page.setViewportSize({ width: 1280, height: 900 });
		}
	});

	it("is not harmed by what callers and functions wrote", async () => {
		const evil = `"'></pre></script><script>alert(1)</script><img src=https://evil.example/x onerror=alert(1)><svg onload=alert(1)>`;
		await audit.record([
			aReceived(callId(1), {
				callReason: evil,
				function: evil,
				arguments: { [evil]: evil },
				caller: { ...robin, email: evil, groups: [evil] },
			}),
			anEnded(callId(1), {
				result: { [evil]: [evil] },
				detail: evil,
				rules: [evil],
				by: [evil],
				reasons: [{ code: "rule", message: evil }],
			}),
		]);
		await signIn();
		for (const path of ["/audit", `/audit/calls/${callId(1)}`, `/audit?q=${encodeURIComponent("<script>alert(1)</script>")}`]) {
			await page.goto(`${audit.url}${path}`);
			expect(await page.locator("script:not([src^='/audit/']), img").count()).toBe(0);
			expect(await page.locator("main").textContent()).toContain("<script>alert(1)</script>");
		}
	});
});
