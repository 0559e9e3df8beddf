// One message of a subject on its way at a time: what comes meanwhile goes together, in order, and each group has its own fate.
import { expect, test } from "vitest";
import { type Entry, GroupWriter, GroupWriters } from "./group-writer.ts";

interface Sent {
	readonly texts: readonly string[];
	readonly sinceMs: number;
	readonly answer: PromiseWithResolvers<number>;
}

const entry = (text: string): Entry => ({ text });
const textsOf = (entries: readonly Entry[]) => entries.map(({ text }) => text);

function scripted() {
	const sent: Sent[] = [];
	let idle = 0;
	const send = async (entries: readonly Entry[], sinceMs: number) => {
		const answer = Promise.withResolvers<number>();
		sent.push({ texts: textsOf(entries), sinceMs, answer });
		const position = await answer.promise;
		return entries.map(() => position);
	};
	return { sent, writer: new GroupWriter(send, () => idle++), idle: () => idle };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("alone, an event is written in the turn in which it came; while it is on its way nothing else is", async () => {
	const { sent, writer } = scripted();
	const first = writer.add(entry("a"));
	await turn();
	const rest = ["b", "c"].map((text) => writer.add(entry(text)));
	await turn();
	const late = writer.add(entry("d"));
	await turn();
	expect(sent.map(({ texts }) => texts)).toEqual([["a"]]);
	sent[0]?.answer.resolve(1);
	await turn();
	expect(sent.map(({ texts }) => texts)).toEqual([["a"], ["b", "c", "d"]]);
	sent[1]?.answer.resolve(2);
	expect(await Promise.all([first, ...rest, late])).toEqual([1, 2, 2, 2]);
});

test("a message that is refused takes only its own events with it", async () => {
	const { sent, writer } = scripted();
	const first = writer.add(entry("a"));
	const refused = expect(first).rejects.toThrow("full");
	await turn();
	const second = writer.add(entry("b"));
	sent[0]?.answer.reject(new Error("full"));
	await refused;
	await turn();
	sent[1]?.answer.resolve(7);
	expect(await second).toBe(7);
});

test("a group does not outgrow a message, and the order stays", async () => {
	const { sent, writer, idle } = scripted();
	const half = "x".repeat(150_000);
	const stored = Promise.all([writer.add(entry(`1${half}`)), writer.add(entry(`2${half}`)), writer.add(entry("3"))]);
	await turn();
	sent[0]?.answer.resolve(1);
	await turn();
	sent[1]?.answer.resolve(2);
	expect(await stored).toEqual([1, 2, 2]);
	expect(sent.map(({ texts }) => texts.map((text) => text[0]))).toEqual([["1"], ["2", "3"]]);
	expect(idle()).toBe(1);
});

test("how long a group may take counts from its first event, also while another one is on its way", async () => {
	const { sent, writer } = scripted();
	void writer.add(entry("a"));
	await turn();
	const before = performance.now();
	void writer.add(entry("b"));
	const after = performance.now();
	await turn();
	sent[0]?.answer.resolve(1);
	await turn();
	expect(sent[1]?.sinceMs).toBeGreaterThanOrEqual(before);
	expect(sent[1]?.sinceMs).toBeLessThanOrEqual(after);
});

test("subjects do not wait for each other", async () => {
	const sent: string[] = [];
	const writers = new GroupWriters<Entry, number>(async (subject, entries) => {
		sent.push(`${subject} ${textsOf(entries).join()}`);
		if (subject === "slow") await new Promise(() => undefined);
		return entries.map(() => sent.length);
	});
	void writers.add("slow", entry("a"));
	expect(await Promise.all([writers.add("quick", entry("b")), writers.add("quick", entry("c"))])).toEqual([2, 2]);
	expect(await writers.add("quick", entry("d"))).toBe(3);
	expect(sent).toEqual(["slow a", "quick b,c", "quick d"]);
});
