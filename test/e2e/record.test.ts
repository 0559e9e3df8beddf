// Everything that happened is on the record, once, under its own id; auditors can read it, others cannot, and that it was read is on it too.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import type { Story } from "#libs/contracts/story.ts";
import { readKeyText } from "#libs/merkle/signed-note.ts";
import { type CallProof, findFaultInProof } from "#libs/proof/prove-call.ts";
import { runProgram } from "../../cli/run-program.test-support.ts";
import { PlainBrowser } from "../../services/audit/page.test-support.ts";
import { recordedEvent } from "../../services/audit/recorded-event.ts";
import { storiesOf } from "../../services/audit/tell-story.ts";
import { forge } from "../support/forge.ts";
import { storedMessages } from "../support/nats.ts";
import { allDocuments, allStories, everythingIndexed } from "../support/search-stored.ts";
import { askedInSlack, vote } from "../support/slack.ts";
import {
	accepted,
	ask,
	ending,
	eventually,
	expectProblem,
	newReference,
	secondReplica,
	stack,
	submit,
	tokenOf,
	transfer,
} from "../support/stack.ts";

const story = (call: string, as = "alice", at = stack.urls.audit) => ask(`${at}/v1/audit/calls/${call}`, { as });
const search = (query: Record<string, string>, as = "alice") =>
	ask(`${stack.urls.audit}/v1/audit/events?${new URLSearchParams(query)}`, { as });

async function approvedCall(): Promise<string> {
	const call = await accepted("ci", transfer(5_000, { reference: newReference("on record") }));
	await askedInSlack(call);
	await vote("dana", call, { verdict: "approve", reason: "Fine with me." });
	await ending("ci", call);
	return call;
}

/** The whole story of an approved call, once all that ends it is indexed: Slack's answer that it has the question may be told after the ending. */
function wholeStory(call: string) {
	return eventually(async () => {
		const { status, body } = await story(call);
		if (status !== 200) return undefined;
		const types = body.events.map(({ type }: { type: string }) => type);
		return ["approval.delivered", "call.ended"].every((last) => types.includes(last)) ? body : undefined;
	});
}

describe("the record", () => {
	test("has every event of the stream exactly once, under the event's own id, and as it was said", async () => {
		await approvedCall();
		const last = (await storedMessages()).at(-1)?.position ?? 0;
		const said = (await storedMessages())
			.filter(({ position }) => position <= last)
			.flatMap(({ position, events }) => events.map((event, item) => ({ position, item, event })));
		expect(said.length).toBeGreaterThan(8);
		await everythingIndexed();
		const documents = (await allDocuments()).filter(({ _source }) => Number(_source.position) <= last);
		// What is said again is the same event: one document, of one of the times that it was said. Which one audit reads first is not settled.
		const ids = new Set(said.map(({ event }) => event.id));
		expect(documents.map(({ _id }) => _id).sort()).toEqual([...ids].sort());
		for (const { _id, _source } of documents) {
			const isSource = ({ position, item }: { position: number; item: number }) => position === _source.position && item === _source.item;
			const { event } = said.find(isSource) ?? expect.unreachable(`${_id} at ${_source.position}, where nothing was said`);
			expect(_source).toMatchObject({ id: _id, type: event.type, subject: event.subject, "@timestamp": event.time });
		}
		expect(documents.filter(({ _source }) => /"(sealed|grant|hold)":/.test(JSON.stringify(_source)))).toEqual([]);
	});

	test("tells a call's whole story, in order, with who decided and why, at either replica", async () => {
		const call = await approvedCall();
		const { events } = await wholeStory(call);
		const types = events.map(({ type }: { type: string }) => type);
		const order = [
			"call.received",
			"call.held",
			"approval.asked",
			"approval.delivered",
			"approval.voted",
			"call.granted",
			"call.started",
			"call.ended",
		];
		expect(types.filter((type: string, nth: number) => types.indexOf(type) === nth).sort()).toEqual([...order].sort());
		const known = order.filter((type) => type !== "approval.delivered");
		expect(types.filter((type: string) => known.includes(type))).toEqual(known);
		const byType = Object.fromEntries(events.map((event: { type: string }) => [event.type, event]));
		expect(byType["approval.voted"].data).toMatchObject({
			voter: "dana@example.com",
			verdict: "approve",
			reason: "Fine with me.",
			via: "api",
		});
		expect(byType["call.ended"].data).toMatchObject({ ending: "completed", answer: { http: { status: 201 } } });
		expect(byType["call.started"].data).toMatchObject({ credential: "bank-api-key" });
		expect(new Set(events.map(({ traceparent }: { traceparent: string }) => traceparent.split("-")[1])).size).toBe(1);
		expect((await story(call, "alice", secondReplica("audit"))).body).toEqual({ call, events });
	});

	test("has a story of every call, which says what its events say", async () => {
		const call = await approvedCall();
		await wholeStory(call);
		// An event that was said again has the place and the time of one of the times that it was said: which one the record has, and which one the story, is not settled.
		const without = ({ steps, decision, votes = [], durations: _, endedAt: __, ...story }: Story) => ({
			...{ ...story, effect: decision?.effect, voters: votes.map(({ voter }) => voter).sort() },
			steps: steps.map(({ type, service, nth }) => `${type} ${service} ${nth}`).sort(),
		});
		const byCall = (stories: readonly Story[]) => new Map(stories.map((story) => [story.call, without(story)]));
		await everythingIndexed();
		const told = byCall(storiesOf((await allDocuments()).map(({ _source }) => recordedEvent(_source))));
		expect(told.get(call)).toMatchObject({ state: "ended", ending: "completed", effect: "hold", credential: "bank-api-key" });
		await eventually(async () => {
			const stored = byCall(await allStories());
			return [...told].every(([one, story]) => isDeepStrictEqual(stored.get(one), story)) || undefined;
		});
		const found = await ask(`${stack.urls.audit}/v1/audit/calls?where=approvedBy=dana@example.com&call=${call}`, { as: "alice" });
		expect(found.body.stories.map(without)).toEqual([told.get(call)]);
		expectProblem(await ask(`${stack.urls.audit}/v1/audit/calls`, { as: "dana" }), "not_an_auditor");
	});

	test("is shown to an auditor at a browser, who can prove what it shows", async () => {
		const call = await approvedCall();
		const { events } = await wholeStory(call);
		const browser = new PlainBrowser();
		const page = { url: stack.urls.audit, password: stack.people.find(({ name }) => name === "alice")?.password ?? "" };
		const shown = await browser.signIn(page, "alice", `/audit/calls/${call}`);
		expect(shown).toMatchObject({ status: 200, url: `${stack.urls.audit}/audit/calls/${call}` });
		for (const text of ["bank.createTransfer", "Fine with me.", "dana@example.com", "bank-api-key"]) expect(shown.text).toContain(text);
		const keys = (/data-keys="([^"]+)"/.exec(shown.text)?.[1] ?? "").split(" ").map((text) => readKeyText(text));
		const proof = await eventually(async () => {
			const answer = await browser.go(`${stack.urls.audit}/audit/calls/${call}/proof`);
			const found = JSON.parse(answer.text) as CallProof;
			return answer.status === 200 && found.events.length === events.length ? found : undefined;
		});
		expect(findFaultInProof(proof, keys)).toBeUndefined();
		// Another replica has another address, and knows the same sealed cookie.
		expect((await browser.go(`${secondReplica("audit")}/audit/calls/${call}`)).status).toBe(200);
		const stranger = new PlainBrowser();
		expect((await stranger.signIn(page, "dana", `/audit/calls/${call}`)).status).toBe(403);
		expect((await stranger.go(`${stack.urls.audit}/audit/calls/${call}/proof`)).status).toBe(403);
	});

	test("is for auditors alone: others learn nothing, not even whether there is something", async () => {
		const call = await approvedCall();
		await wholeStory(call);
		for (const person of ["ci", "dana", "erin", "mallory"]) {
			expectProblem(await story(call, person), "not_an_auditor");
			expectProblem(await story("01890000-0000-7000-8000-000000000000", person), "not_an_auditor");
			expectProblem(await search({ call }, person), "not_an_auditor");
		}
		expectProblem(await ask(`${stack.urls.audit}/v1/audit/events`), "unauthenticated");
		// Auditors decide nothing and call nothing by that.
		expectProblem(await vote("alice", call, { verdict: "approve" }), "not_an_approver");
		expectProblem(await submit("alice", transfer(10)), "denied");
	});

	test("can be searched, and has who searched for what", async () => {
		const call = await approvedCall();
		await wholeStory(call);
		const found = await search({ call, type: "call.ended", ending: "completed" });
		expect(found.body.events.map((event: { subject: string }) => event.subject)).toEqual([call]);
		expect((await search({ call, ending: "denied" })).body.events).toEqual([]);
		const asked = newReference("what an auditor asks").replaceAll(" ", "-");
		expect((await search({ q: asked })).status).toBe(200);
		const read = await eventually(async () => {
			const { events } = (await search({ type: "control.record.read", size: "500" })).body;
			return events.find((event: { data: { query: string } }) => event.data.query.includes(asked));
		});
		expect(read.data.reader).toMatchObject({ subject: "alice", email: "alice@example.com" });
		expectProblem(await search({ nonsense: "1" }), "malformed_request");
	});

	test("is read page by page without a gap", async () => {
		// A caller of this test's own, so that all it did fits one page too.
		const token = forge({ sub: newReference("pages") });
		const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", prefer: "wait=30" };
		const subject = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()).sub;
		for (let nth = 0; nth < 7; nth++) {
			const answer = await ask(`${stack.urls.ingress}/v1/calls`, { method: "POST", headers, body: JSON.stringify(transfer(10)) });
			expect(answer.status).toBe(200);
		}
		await everythingIndexed();
		const seen: string[] = [];
		const query = { type: "call.ended", size: "2", caller: subject };
		for (let cursor = ""; ; ) {
			const { body } = await search({ ...query, ...(cursor && { cursor }) });
			seen.push(...body.events.map(({ id }: { id: string }) => id));
			cursor = body.next ?? "";
			if (cursor === "") break;
		}
		const all = (await search({ ...query, size: "500" })).body.events.map(({ id }: { id: string }) => id);
		expect(all).toHaveLength(7);
		expect(seen).toEqual(all);
	});

	test("can be followed: every event of a call, once, in the order of its story, and by either replica", async () => {
		const follow = async (query: Record<string, string>, at: string) => {
			const { status, body } = await ask(`${at}/v1/audit/events/follow?${new URLSearchParams(query)}`, { as: "alice" });
			expect(status).toBe(200);
			return body;
		};
		const replicas = [stack.urls.audit, secondReplica("audit")] as const;
		let { next: cursor } = await follow({}, replicas[0]);
		const call = await approvedCall();
		const seen: string[] = [];
		for (let turn = 1; !seen.some((id) => id.includes("call.ended")); turn++) {
			expect(turn).toBeLessThan(60);
			const body = await follow({ where: `data.call=${call}`, wait: "5", cursor }, replicas[turn % 2] ?? "");
			seen.push(...body.events.map(({ id }: { id: string }) => id));
			cursor = body.next;
		}
		const { events } = await wholeStory(call);
		expect(seen).toEqual(events.map(({ id }: { id: string }) => id).slice(0, seen.length));
		expectProblem(await ask(`${stack.urls.audit}/v1/audit/events/follow`, { as: "dana" }), "not_an_auditor");
	});

	test("is forwarded, every event of a call once and in order, from where it was", async () => {
		const dir = await mkdtemp(join(tmpdir(), "callgate-forward-"));
		const environment = { CALLGATE_TOKEN: await tokenOf("alice"), CALLGATE_AUDIT_URL: stack.urls.audit };
		const to = ["--to", pathToFileURL(join(dir, "out.ndjson")).href, "--state", join(dir, "state.json"), "--as", "cloudevents"];
		const forward = () => runProgram(["audit", "forward", "--once", ...to], { environment });
		const forwarded = async (call: string) => {
			const text = await readFile(join(dir, "out.ndjson"), "utf8").catch(() => "");
			const all = text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as { id: string; subject: string }]));
			return all.flatMap(({ id, subject }) => (subject === call ? [id] : []));
		};
		expect(await forward()).toMatchObject({ exitCode: 0, err: "" });
		const call = await approvedCall();
		await eventually(async () => {
			expect(await forward()).toMatchObject({ exitCode: 0, err: "" });
			return (await forwarded(call)).some((id) => id.includes("call.ended")) ? true : undefined;
		});
		const ids = await forwarded(call);
		const { events } = await wholeStory(call);
		expect(ids).toEqual(events.map(({ id }: { id: string }) => id).slice(0, ids.length));
		expect(
			await runProgram(["audit", "forward", "--once", ...to], { environment: { ...environment, CALLGATE_TOKEN: await tokenOf("dana") } }),
		).toMatchObject({ exitCode: 1 });
		await rm(dir, { recursive: true });
	});
});
