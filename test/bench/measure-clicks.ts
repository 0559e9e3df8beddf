// From an approver's yes to the bank's first byte: clicks in the Slack stand-in, and votes through the API.
import { setTimeout as delay } from "node:timers/promises";
import { urlOf } from "../../infra/local/port-plan.ts";
import { tokensOf } from "../faults/tokens.ts";
import { ingressUrl } from "./addresses.ts";
import type { BenchStack } from "./bench-stack.ts";
import { callArguments } from "./configuration.ts";
import { lettersOf } from "./letters.ts";
import { BenchFailed } from "./measure-lane.ts";
import { type Latency, latencyOf } from "./statistics.ts";

/** Milliseconds from the request that says yes until the bank has the call. */
export interface Clicks {
	readonly count: number;
	readonly slack: Latency;
	readonly api: Latency;
}

const approver = "dana";
const askedWithinMs = 60_000;
const arrivesWithinMs = 30_000;
let held = 0;

/** One yes after the other, on a stack that does nothing else: half of `count` each way. @throws {BenchFailed} where one does not reach the bank. */
export async function measureClicks(bench: BenchStack, count: number): Promise<Clicks> {
	const half = Math.ceil(count / 2);
	const slack = await yesBySlack(bench, half);
	const api = await yesByApi(bench, half);
	return { count: half, slack: latencyOf(slack), api: latencyOf(api) };
}

async function yesBySlack(bench: BenchStack, count: number): Promise<number[]> {
	const calls = await fileHeld(bench, count);
	const places = await askedInSlack(
		bench,
		calls.map(({ call }) => call),
	);
	const click = `${urlOf("slack", bench.firstPort)}/_demo/click`;
	const taken: number[] = [];
	for (const { call, reference } of calls) {
		const place = places.get(call);
		taken.push(await untilArrival(bench, reference, () => postJson(click, { user: approver, ...place, action_id: "approve" })));
	}
	return taken;
}

async function yesByApi(bench: BenchStack, count: number): Promise<number[]> {
	const calls = await fileHeld(bench, count);
	await askedInSlack(
		bench,
		calls.map(({ call }) => call),
	);
	const token = await tokensOf(bench.stack)(approver);
	const taken: number[] = [];
	for (const { call, reference } of calls) {
		const votes = `${urlOf("approval", bench.firstPort)}/v1/approvals/${call}/votes`;
		taken.push(await untilArrival(bench, reference, () => postJson(votes, { verdict: "approve" }, token)));
	}
	return taken;
}

async function fileHeld({ firstPort, tokens: [token = ""] }: BenchStack, count: number): Promise<{ call: string; reference: string }[]> {
	const filed: { call: string; reference: string }[] = [];
	for (let one = 0; one < count; one++) {
		const reference = `held-${lettersOf(held++)}`;
		const args = JSON.parse(callArguments.join(reference)) as object;
		const answer = await postJson(`${ingressUrl(firstPort)}/v1/calls`, { connection: "bank", function: "payHeld", arguments: args }, token);
		filed.push({ call: (JSON.parse(answer) as { call: string }).call, reference });
	}
	return filed;
}

/** Where each call's question stands in Slack, once all are there. */
async function askedInSlack({ firstPort }: BenchStack, calls: readonly string[]): Promise<Map<string, { channel: string; ts: string }>> {
	const until = performance.now() + askedWithinMs;
	for (;;) {
		const answer = await fetch(`${urlOf("slack", firstPort)}/_demo/messages`);
		const { messages } = (await answer.json()) as { messages: { channel: string; ts: string; blocks: unknown }[] };
		const wanted = new Set(calls);
		const found = new Map<string, { channel: string; ts: string }>();
		for (const { channel, ts, blocks } of messages) {
			const [, call] = /"value":"([0-9a-f-]{36}) sha256:/.exec(JSON.stringify(blocks)) ?? [];
			if (call !== undefined && wanted.has(call)) found.set(call, { channel, ts });
		}
		if (found.size === calls.length) return found;
		if (performance.now() > until) throw new BenchFailed(`${calls.length - found.size} held calls were not asked about in Slack`);
		await delay(100);
	}
}

/** Milliseconds from the beginning of `say` to the bank's first byte, both on the machine's one monotonic clock. */
async function untilArrival({ bank }: BenchStack, reference: string, say: () => Promise<unknown>): Promise<number> {
	const begun = process.hrtime.bigint();
	const said = say();
	const until = performance.now() + arrivesWithinMs;
	for (;;) {
		const at = await bank.ask<string | undefined>("arrival", reference);
		if (at !== undefined) {
			await said;
			return Number(BigInt(at) - begun) / 1e6;
		}
		if (performance.now() > until) throw new BenchFailed(`an approved call did not reach the bank: ${await said}`);
		// Seldom enough not to keep the bank from answering.
		await delay(5);
	}
}

async function postJson(url: string, body: object, token?: string): Promise<string> {
	const headers = { "content-type": "application/json", ...(token !== undefined && { authorization: `Bearer ${token}` }) };
	const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
	const text = await answer.text();
	if (!answer.ok) throw new BenchFailed(`${new URL(url).pathname} answered ${answer.status}: ${text.slice(0, 300)}`);
	return text;
}
