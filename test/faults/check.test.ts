// The checker finds every kind of violation: sound evidence, broken in one place at a time.
import { describe, expect, test } from "vitest";
import { check } from "./check.ts";
import { forbidden, type Row } from "./check-rows.ts";
import { seededOfServers } from "./seeded-servers.test-support.ts";
import { type BreakableEvidence, callIds, deadPid, laneOf, soundEvidence } from "./sound-evidence.test-support.ts";

function found(evidence: BreakableEvidence): Row[] {
	const { violations } = check(evidence);
	return (Object.keys(violations) as Row[]).filter((row) => violations[row].length > 0);
}

type Break = (evidence: BreakableEvidence) => void;

/** Changes one thing, whoever has it. */
function set<T extends object>(ones: T | readonly T[], change: { readonly [Key in keyof T]?: T[Key] | undefined }): void {
	for (const one of Array.isArray(ones) ? ones : [ones]) Object.assign(one, change);
}

/** The nth event of a type of a call. */
function event({ stream }: BreakableEvidence, call: string | undefined, type: string, nth = 0) {
	const one = stream.filter((candidate) => candidate.type === type && candidate.data.call === call)[nth];
	if (!one) throw new Error(`no ${type} of ${call}`);
	return one;
}

function drop<T>(from: T[], one: T): void {
	from.splice(from.indexOf(one), 1);
}

/** Takes an event from the stream and its document from the index. */
function unsay(evidence: BreakableEvidence, call: string | undefined, type: string): void {
	const one = event(evidence, call, type);
	drop(evidence.stream, one);
	for (const document of evidence.documents.filter(({ id }) => id === one.id)) drop(evidence.documents, document);
}

/** Says one more thing, on the stream and in the index. */
function say(evidence: BreakableEvidence, writer: string, type: string, call: string, more: Record<string, unknown>, nth = "again"): void {
	const sequence = Math.max(...evidence.stream.map((one) => one.sequence)) + 10;
	const digest = event(evidence, call, "call.received").data.digest;
	const id = `${call}.${type}.${writer}.${nth}`;
	const at = Math.max(...evidence.stream.map((one) => one.at)) + 10;
	evidence.stream.push({ sequence, item: 0, at, id, type, writer, data: { call, digest, ...more } });
	const { ending } = more as { ending?: string };
	evidence.documents.push({ index: "i", id, type, position: sequence, item: 0, call, digest: String(digest), ...(ending && { ending }) });
}

function client({ calls }: BreakableEvidence, call: string) {
	const one = calls.find(({ requests }) => requests.some((request) => request.call === call));
	if (!one) throw new Error(`nobody asked for ${call}`);
	return one;
}

function bank(evidence: BreakableEvidence, call: string) {
	const { reference } = client(evidence, call).plan;
	const one = evidence.bank.find((request) => request.reference === reference);
	if (!one) throw new Error(`the bank saw nothing of ${call}`);
	return one;
}

const { allowed, approved, denied, rejected, died, repeated, forged, expired, hung, proxied } = callIds;

/** The one request for a call. */
function asked(evidence: BreakableEvidence, call: string) {
	const one = client(evidence, call).requests.find((request) => request.call !== undefined);
	if (!one) throw new Error(`nobody asked for ${call}`);
	return one;
}

const seeded: readonly (readonly [what: string, row: Row, how: Break])[] = [
	["an accepted call without an ending", "lost", (e) => unsay(e, allowed, "call.ended")],
	["a denied call whose ending is gone", "lost", (e) => unsay(e, denied, "call.ended")],
	["an answered call that the stream does not know", "vanished", (e) => void e.stream.splice(0, e.stream.length)],
	["the same ending twice", "ended twice", (e) => void e.stream.push({ ...event(e, allowed, "call.ended"), sequence: 9_000 })],
	["the same claim twice", "illegal sequence", (e) => void e.stream.push({ ...event(e, allowed, "call.started"), sequence: 9_000 })],
	["an ending by whoever had lost the call", "illegal sequence", (e) => set(event(e, died, "call.ended"), { lane: laneOf(deadPid) })],
	["a second claim in the ledger without a take-over", "illegal sequence", (e) => unsay(e, repeated, "call.taken")],
	["a claim after another's take-over", "illegal sequence", (e) => set(event(e, repeated, "call.started", 1), { lane: laneOf(3) })],
	["a claim that is not where its grant says", "illegal sequence", (e) => set(event(e, hung, "call.started"), { lane: undefined })],
	[
		"a claim in the ledger of a call that has its own subjects",
		"illegal sequence",
		(e) => set(event(e, allowed, "call.started"), { lane: laneOf(1) }),
	],
	["a second ending", "ended twice", (e) => say(e, "executor", "call.ended", allowed, { ending: "failed" })],
	[
		"an ending by policy of a call that approval ended",
		"ended twice",
		(e) => say(e, "policy", "call.ended", rejected, { ending: "failed" }),
	],
	["a second request for a call that may not be repeated", "executed twice", (e) => void e.bank.push({ ...bank(e, allowed) })],
	["more repetitions than claims", "executed twice", (e) => void e.bank.push({ ...bank(e, repeated) })],
	["a repetition under another idempotency key", "executed twice", (e) => set(bank(e, repeated), { idempotencyKey: "another" })],
	[
		"a request whose body broke off, beyond the claims",
		"executed twice",
		(e) => void e.bank.push({ ...bank(e, allowed), reference: "", bodyDigest: "" }),
	],
	["a request before its claim was durable", "executed before the record", (e) => set(bank(e, allowed), { at: 0 })],
	["a request without a claim", "executed before the record", (e) => unsay(e, allowed, "call.started")],
	["a request without a grant", "executed without permission", (e) => unsay(e, allowed, "call.granted")],
	["a grant with a bad signature", "executed without permission", (e) => set(e.permissions, { fault: "signature" })],
	["a grant that had expired", "executed without permission", (e) => set(e.permissions, { expiresAt: 1 })],
	["an approval without a vote", "executed without permission", (e) => unsay(e, approved, "approval.voted")],
	[
		"a rejection that was overruled",
		"executed without permission",
		(e) => set(event(e, approved, "approval.voted").data, { verdict: "reject" }),
	],
	["policy that grants what people must", "executed without permission", (e) => set(client(e, allowed).plan, { amount: 5_000 })],
	["one vote where two are needed", "executed without permission", (e) => set(client(e, approved).plan, { amount: 7_500 })],
	["a request that nobody asked for", "executed without permission", (e) => set(bank(e, allowed), { reference: "ref-nobody" })],
	[
		"a denied call that ran",
		"executed although refused",
		(e) => void e.bank.push({ ...bank(e, allowed), reference: client(e, denied).plan.reference }),
	],
	["a completed call that the bank never saw", "completed without the bank", (e) => drop(e.bank, bank(e, allowed))],
	["an unknown ending of an executor that lives", "unknown without a death", (e) => void e.gone.delete(deadPid)],
	[
		"an unknown ending of an executor that lives and whose function hangs",
		"unknown without a death",
		(e) => set(event(e, hung, "call.ended").data, { ending: "unknown", code: "outcome_unknown" }),
	],
	["an unknown ending in a run without a kill", "unknown without a death", (e) => e.gone.clear()],
	[
		"a completed call whose bank never answered",
		"completed without the bank",
		(e) => set(event(e, hung, "call.ended").data, { ending: "completed" }),
	],
	["a caller told of an unknown outcome where it is known", "answers differ", (e) => set(asked(e, hung), { code: "outcome_unknown" })],
	["a caller told of a timeout where the executor died", "answers differ", (e) => set(asked(e, died), { code: "function_timeout" })],
	["a caller told of a failure where the call completed", "answers differ", (e) => set(asked(e, allowed), { code: "completed" })],
	[
		"a proxied answer that names no call",
		"answers differ",
		(e) => set(asked(e, proxied), { call: undefined, proxied: { own: true, whole: true } }),
	],
	[
		"a proxied answer that names another call",
		"answers differ",
		(e) => set(asked(e, proxied), { proxied: { header: allowed, own: true, whole: true } }),
	],
	["a proxied answer with another status", "answers differ", (e) => set(asked(e, proxied), { status: 200 })],
	[
		"a proxied answer that is not the function's",
		"answers differ",
		(e) => set(asked(e, proxied), { proxied: { header: proxied, own: true, whole: false } }),
	],
	[
		"a proxied request that attached to nothing",
		"key broken",
		(e) => void client(e, proxied).requests.push({ ...asked(e, proxied), call: "019a0000-0000-7000-8000-0000000000ff" }),
	],
	["a card in an answer", "shown to the caller", (e) => set(asked(e, allowed), { shows: ["the card"] })],
	["approved in Slack and rejected on the record", "Slack differs", (e) => void e.outcomes.push({ call: rejected, word: "Approved" })],
	["settled in Slack alone", "Slack differs", (e) => void e.outcomes.push({ call: allowed, word: "Approved" })],
	["an outcome that is none", "Slack differs", (e) => set(e.outcomes, { word: "Perhaps" })],
	["an approval that expired before its time", "expired too early", (e) => set(e.clocks, { offMs: 60_000 })],
	["an approval that expired by another service's clock", "expired too early", (e) => set(e.clocks, { service: "policy" })],
	["an approval that expired by a clock that was right again", "expired too early", (e) => set(e.clocks, { from: 0, until: 1 })],
	["an expiry without a time", "expired too early", (e) => set(event(e, expired, "approval.asked").data, { terms: {} })],
	["an approval that waits for Valkey", "not settled in time", (e) => void e.unsettled.push("it did not expire")],
	["another digest in the grant event", "digests differ", (e) => set(event(e, approved, "call.granted").data, { digest: "sha256:other" })],
	["another digest in the signed grant", "digests differ", (e) => set(e.permissions, { digest: "sha256:other" })],
	[
		"another digest in the signed hold",
		"digests differ",
		(e) =>
			set(
				e.permissions.filter(({ signer }) => signer === "approval"),
				{ holdDigest: "sha256:other" },
			),
	],
	["another digest on Slack's buttons", "digests differ", (e) => set(e.slack, { digest: "sha256:other" })],
	["another body at the bank", "digests differ", (e) => set(bank(e, allowed), { bodyDigest: "other" })],
	["the caller's own token at the bank", "wrong credential", (e) => set(bank(e, allowed), { credential: "token" })],
	[
		"a claim before the grant",
		"illegal sequence",
		(e) => void e.stream.unshift(...e.stream.splice(e.stream.indexOf(event(e, allowed, "call.started")), 1)),
	],
	[
		"a vote after the ending",
		"illegal sequence",
		(e) => say(e, "approval", "approval.voted", rejected, { verdict: "approve", voter: "dana@example.com" }),
	],
	["a message that nobody owns up to", "illegal sequence", (e) => void e.unreadable.push(9_999)],
	["a call that is held and granted", "decided twice", (e) => say(e, "policy", "call.held", allowed, {})],
	["a vote of a stranger", "vote that cannot count", (e) => set(event(e, approved, "approval.voted").data, { voter: "erin@example.com" })],
	[
		"a vote of the requester",
		"vote that cannot count",
		(e) => set(event(e, approved, "call.received").data, { caller: { subject: "dana", email: "dana@example.com" } }),
	],
	[
		"a client that was told completed of a failed call",
		"answers differ",
		(e) => set(client(e, denied).requests, { state: "completed", code: undefined }),
	],
	[
		"a state that is shown and is not so",
		"answers differ",
		(e) => set(client(e, approved), { later: { call: approved, state: "failed" } }),
	],
	[
		"one key, two calls",
		"key broken",
		(e) => void client(e, allowed).requests.push({ at: 1, answeredAt: 2, status: 202, call: denied, state: "received" }),
	],
	["an event that the index lacks", "record missing", (e) => void e.documents.pop()],
	[
		"an event that two backing indices have",
		"record doubled",
		(e) => void e.documents.push({ ...e.documents[0], index: "second" } as never),
	],
	["a document of no event", "record differs", (e) => void e.documents.push({ ...e.documents[0], id: "invented" } as never)],
	[
		"a document with another ending",
		"record differs",
		(e) =>
			set(
				e.documents.filter(({ ending }) => ending),
				{ ending: "completed" },
			),
	],
	["a piece of an answer after its ending", "illegal sequence", (e) => say(e, "executor", "call.streamed", allowed, { piece: 1 })],
	[
		"a piece that the ending does not know",
		"illegal sequence",
		(e) => {
			const { sequence, at } = event(e, allowed, "call.started");
			say(e, "executor", "call.streamed", allowed, { piece: 1, sealed: "s" });
			set(event(e, allowed, "call.streamed"), { sequence: sequence + 0.5, at });
			set(e.documents.at(-1) ?? [], { position: sequence + 0.5 });
		},
	],
	["a document at another position", "record differs", (e) => set(e.documents, { position: 0 })],
	["a bad message that its reader did not park", "poison not handled", (e) => unsay(e, undefined, "control.message.parked")],
	[
		"a forged call that began",
		"poison not handled",
		(e) => void e.stream.push({ ...event(e, allowed, "call.started"), data: { call: forged } }),
	],
	["a forged call without an ending", "poison not handled", (e) => unsay(e, forged, "call.ended")],
	["a good message that was parked", "parked without reason", (e) => void e.poison.pop()],
	...seededOfServers,
	["a secret in a log", "secrets stored", (e) => void e.leaks.push("the card in logs: x.log")],
	["a process that fell over", "crashed by itself", (e) => void e.crashes.push("uncaught exception")],
	["work that is left", "not finished", (e) => void e.unfinished.push("policy: 1")],
];

describe("the checker", () => {
	test("finds nothing where nothing is wrong", () => {
		expect(check(soundEvidence()).violations).toEqual(Object.fromEntries(Object.keys(forbidden).map((row) => [row, []])));
	});

	test.each(seeded)("finds %s", (_what, row, how) => {
		const evidence = soundEvidence();
		how(evidence);
		expect(found(evidence)).toContain(row);
	});

	test("every row has a violation that only it is there for", () => {
		expect(new Set(seeded.map(([, row]) => row))).toEqual(new Set(Object.keys(forbidden)));
	});

	test("nothing but the death of its executor excuses an unknown ending", () => {
		const evidence = soundEvidence();
		evidence.gone.clear();
		expect(found(evidence)).toEqual(["unknown without a death"]);
	});

	test("copies of events are no second decision, and the index needs them once", () => {
		const evidence = soundEvidence();
		const last = Math.max(...evidence.stream.map(({ sequence }) => sequence));
		for (const [nth, type] of ["call.received", "call.granted"].entries()) {
			evidence.stream.push({ ...event(evidence, allowed, type), sequence: last + 1 + nth });
		}
		expect(found(evidence)).toEqual([]);
	});

	test("what was found in a story tells every copy: where it stands, when it was stored, when it went, and why a call ended", () => {
		const evidence = soundEvidence();
		const { at, sequence } = event(evidence, approved, "call.granted");
		const last = Math.max(...evidence.stream.map((one) => one.sequence));
		evidence.stream.push({ ...event(evidence, approved, "call.granted"), sequence: last + 1, at: at + 61_000 });
		evidence.removals.push({ sequence: last + 1, step: 99, at: at + 62_000 });
		say(evidence, "executor", "call.ended", approved, { ending: "failed", code: "grant_refused", detail: "it has expired" });
		const [story = ""] = check(evidence).violations["ended twice"];
		const timeOf = (ms: number) => new Date(ms).toISOString().slice(11, 23);
		expect(story).toContain(`call.granted (approval, ${sequence}) ${timeOf(at)}`);
		expect(story).toContain(`call.granted (approval, ${last + 1}) ${timeOf(at + 61_000)} trimmed ${timeOf(at + 62_000)}`);
		expect(story).toMatch(/call\.ended failed \(executor, \d+\) [\d:.]+ grant_refused it has expired/);
	});

	test("counts what there was", () => {
		expect(check(soundEvidence()).counts).toMatchObject({
			"calls accepted": 9,
			"ended completed": 4,
			"ended denied": 1,
			"ended unknown": 1,
			"requests at the bank": 7,
			"requests through the proxy": 1,
			"messages poisoned": 3,
			"requests answered 503 while the stream was full": 1,
			"messages trimmed": 14,
		});
	});
});
