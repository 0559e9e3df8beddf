// One caller's dear texts keep nobody else waiting: others are counted beside the attack, and beside nothing, on the same stack.
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Lab, labCall, startLab } from "../support/lab.ts";
import { type Answer, ask, stack, submit } from "../support/stack.ts";

let lab: Lab;
beforeAll(async () => {
	lab = await startLab();
});
afterAll(() => lab.stop());

/** Nearly as large as a body may be. */
const size = 1_000_000;
const attackersAtOnce = 4;
const spanMs = 6_000;
/** Others share the machine with the attack, and do not wait for it: the attack as it once was left them nearly nothing, and errors. */
const shareMin = 0.03;

interface Seen {
	readonly answers: number;
	readonly slowestMs: number;
}

/** How often `probe` is answered, one after the other, in the time. */
async function probed(probe: () => Promise<Answer>, until: () => boolean): Promise<Seen> {
	let answers = 0;
	let slowestMs = 0;
	while (!until()) {
		const start = performance.now();
		const answer = await probe();
		expect(answer.status, answer.text).toBe(200);
		answers++;
		slowestMs = Math.max(slowestMs, performance.now() - start);
	}
	return { answers, slowestMs };
}

const health = (service: "ingress" | "policy" | "executor") => () => ask(`${stack.urls[service]}/healthz`);
let nth = 0;
const smallCall = () => submit("ci", labCall("work", `small ${nth++}`));

const probes = [
	["the health of ingress", health("ingress")],
	["the health of policy", health("policy")],
	["the health of the executor", health("executor")],
	["another caller's small call", smallCall],
] as const;

/** Everything is asked at once, for as long as `until` says. */
async function probeAll(until: () => boolean): Promise<Map<string, Seen>> {
	const seen = await Promise.all(probes.map(async ([name, probe]) => [name, await probed(probe, until)] as const));
	return new Map(seen);
}

/** Repeats the attack, several at once, until the time is over and each was answered. */
async function beside(attack: () => Promise<Answer>): Promise<{ statuses: Set<number>; seen: Map<string, Seen> }> {
	const start = performance.now();
	const statuses = new Set<number>();
	let over = false;
	const attacking = Promise.all(
		Array.from({ length: attackersAtOnce }, async () => {
			do statuses.add((await attack()).status);
			while (performance.now() - start < spanMs);
		}),
	).finally(() => {
		over = true;
	});
	const [seen] = await Promise.all([probeAll(() => over), attacking]);
	return { statuses, seen: perSecond(seen, performance.now() - start) };
}

async function besideNothing(): Promise<Map<string, Seen>> {
	let over = false;
	const start = performance.now();
	const waiting = delay(spanMs).then(() => {
		over = true;
	});
	const [seen] = await Promise.all([probeAll(() => over), waiting]);
	return perSecond(seen, performance.now() - start);
}

function perSecond(seen: Map<string, Seen>, ms: number): Map<string, Seen> {
	return new Map([...seen].map(([name, { answers, slowestMs }]) => [name, { answers: (answers * 1_000) / ms, slowestMs }]));
}

const repeated = (piece: string) => piece.repeat(Math.floor(size / piece.length));
const say = (args: object) => () => submit("mallory", { connection: "lab", function: "say", arguments: args });

test.each([
	["what begins like a token", say({ text: repeated("eyJa.") }), 403],
	["what is grouped like card numbers", say({ text: repeated("6-2-6-2-") }), 403],
	["very many names", say({ text: "", ...Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`name${at}`, at])) }), 422],
	["what its pattern is dear for", say({ code: repeated("a") }), 422],
	["an answer that begins like tokens", () => ask(`${stack.urls.ingress}/proxy/lab/file?tag=large`, { as: "ci" }), 200],
] as const)("%s", async (_what, attack, status) => {
	lab.serve((response) => response.writeHead(200, { "content-type": "text/plain" }).end(repeated("eyJa.").repeat(2)));
	// Whatever is compiled or started at the first time is.
	await attack();
	await smallCall();
	const without = await besideNothing();
	const { statuses, seen } = await beside(attack);
	expect([...statuses]).toEqual([status]);
	for (const [name, { answers, slowestMs }] of seen) {
		const control = without.get(name);
		const told = `${name}: ${answers.toFixed(1)} a second, the slowest ${slowestMs.toFixed(0)} ms; without: ${control?.answers.toFixed(1)}, ${control?.slowestMs.toFixed(0)} ms`;
		process.stderr.write(`${told}\n`);
		expect(answers, told).toBeGreaterThan((control?.answers ?? Number.POSITIVE_INFINITY) * shareMin);
	}
});
