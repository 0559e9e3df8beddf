// A long past in little time: a real call's events, said again under new ids a quarter of a million times, put straight into stream and index as if all of it had happened.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "undici";
import { v7 as uuidv7 } from "uuid";
import type { Link } from "#libs/bus/nats-link.ts";
import { durableConsumers } from "#libs/bus/permissions.ts";
import type { CallgateEvent } from "#libs/contracts/events.ts";
import { documentOf, recordStream } from "#libs/contracts/index-template.ts";
import { streamName } from "#libs/contracts/subjects.ts";
import { localPool } from "../../infra/local/key-ring.ts";
import { askOpenSearch, type OpenSearchAccess } from "../../infra/opensearch/ask-opensearch.ts";
import { countRecord } from "../faults/read-record.ts";
import { askNats } from "./ask-nats.ts";
import type { BenchStack } from "./bench-stack.ts";
import { floorEvents } from "./floor-plan.ts";
import { BenchFailed, measure } from "./measure-lane.ts";
import { type OneCall, readOneCall } from "./read-one-call.ts";

export interface Preloaded {
	readonly events: number;
	readonly messages: number;
	readonly seconds: number;
}

/** Calls whose shared events share a message: about what a busy Callgate makes of them. */
const callsPerGroup = 8;
const reconnectWithinMs = 30_000;
/** Calls of which stream and index hear at once. */
const callsPerBatch = 500;
/** OpenSearch with the heap of `npm start` refuses now and then until it has collected its garbage. */
const tooBusy = 429;
const tooBusyWaitMs = 1_000;
const tooBusyTriesMax = 120;
/** Consumers that would work on the past: each begins anew after it. Approval has no part in a call that nobody holds. */
const skipped = durableConsumers([localPool]).filter(({ name }) => name !== "approval");

/** @throws {BenchFailed} unless stream and index then have as many more events as they should. */
export async function preload(bench: BenchStack, events: number, report: (line: string) => void): Promise<Preloaded> {
	const begun = performance.now();
	const template = await makeTemplate(bench);
	const documents = await countRecord(bench.index);
	const consumers = await takeConsumers(bench.operator);
	const syncAlways = await syncSeldom(bench);
	await indexSeldom(bench.index, true);
	const indexer = new Client(bench.index.url, { connect: { ca: bench.index.ca } });
	let messages = 0;
	const calls = Math.ceil(events / floorEvents.length);
	try {
		let indexing: Promise<void> = Promise.resolve();
		for (let done = 0; done < calls; done += callsPerBatch) {
			const stored = await publishCalls(bench.operator, template, Math.min(callsPerBatch, calls - done));
			messages += stored.length;
			await indexing;
			indexing = indexAll(indexer, bench.index, stored);
			indexing.catch(() => undefined);
			if (done % (callsPerBatch * 25) === 0) report(`preloading: ${done * floorEvents.length} of ${events} events`);
		}
		await indexing;
	} finally {
		await indexer.destroy();
		await indexSeldom(bench.index, false);
		await syncAlways();
		await giveConsumers(bench.operator, consumers);
	}
	const found = (await countRecord(bench.index)) - documents;
	const expected = calls * floorEvents.length;
	if (found !== expected) throw new BenchFailed(`the index has ${found} more events after the preload, expected ${expected}`);
	return { events: expected, messages, seconds: (performance.now() - begun) / 1_000 };
}

/** A real call as the stream has it, made for this. */
async function makeTemplate(bench: BenchStack): Promise<OneCall> {
	const { state } = await askNats<{ state: { last_seq: number } }>(bench.operator, `STREAM.INFO.${streamName}`);
	await measure(bench, "callgate", { kind: "closed", callers: 1, warmupMs: 0, windowMs: 20 });
	return await readOneCall(bench.operator, state.last_seq + 1);
}

interface Stored {
	readonly position: number;
	readonly events: readonly CallgateEvent[];
}

async function publishCalls(operator: Link, template: OneCall, calls: number): Promise<Stored[]> {
	const planned = planMessages(template, calls);
	return await Promise.all(
		planned.map(async ({ subject, text }) => {
			const answer = await operator.request(subject, new TextEncoder().encode(text), 60_000);
			const ack = answer.ok ? (JSON.parse(new TextDecoder().decode(answer.reply.bytes)) as { seq?: number }) : {};
			if (ack.seq === undefined) throw new BenchFailed("the stream does not take the past");
			return { position: ack.seq, events: JSON.parse(text) as CallgateEvent[] };
		}),
	);
}

/** Messages as the services would have made them: shared ones in groups, those on subjects of their own alone. */
export function planMessages(template: OneCall, calls: number): { subject: string; text: string }[] {
	const ids = Array.from({ length: calls }, () => uuidv7());
	const messages: { subject: string; text: string }[] = [];
	for (const { subject, text } of template.events) {
		const renamed = (id: string) => text.replaceAll(template.call, id);
		if (subject.includes(template.call)) {
			for (const id of ids) messages.push({ subject: subject.replace(template.call, id), text: `[${renamed(id)}]` });
			continue;
		}
		for (let at = 0; at < calls; at += callsPerGroup)
			messages.push({
				subject,
				text: `[${ids
					.slice(at, at + callsPerGroup)
					.map(renamed)
					.join(",")}]`,
			});
	}
	return messages;
}

async function indexAll(client: Client, access: OpenSearchAccess, stored: readonly Stored[]): Promise<void> {
	const lines = stored.flatMap(({ position, events }) =>
		events.flatMap((event, item) => {
			const { id, document } = documentOf(event, { position, item });
			return [JSON.stringify({ create: { _id: id } }), JSON.stringify(document)];
		}),
	);
	const request = async () => {
		const { body, statusCode } = await client.request({
			...{ method: "POST", path: `/${recordStream}/_bulk?filter_path=errors,items.*.status`, headersTimeout: 120_000 },
			body: `${lines.join("\n")}\n`,
			headers: {
				"content-type": "application/x-ndjson",
				authorization: `Basic ${Buffer.from(`${access.user}:${access.password}`).toString("base64")}`,
			},
		});
		return { status: statusCode, body: await body.text() };
	};
	// Of a bulk request that was refused in part the rest is there already: that is a conflict, and what was meant.
	const { status, body } = await untilTaken(request, (answer) => statusesIn(answer.body).some((one) => one === tooBusy));
	const isTaken = statusesIn(body).every((one) => one === 201 || one === 409);
	if (status !== 200 || !isTaken) throw new BenchFailed(`the index does not take the past (${status})`);
}

function statusesIn(bulkAnswer: string): number[] {
	const { items = [] } = JSON.parse(bulkAnswer) as { items?: { create?: { status?: number } }[] };
	return items.map(({ create }) => create?.status ?? 0);
}

interface Answer {
	readonly status: number;
	readonly body: string;
}

/** Asks again while OpenSearch is too busy, in whole or in part. */
async function untilTaken(ask: () => Promise<Answer>, isPartlyRefused: (answer: Answer) => boolean): Promise<Answer> {
	for (let tries = 1; ; tries++) {
		const answer = await ask();
		if (tries >= tooBusyTriesMax || !(answer.status === tooBusy || isPartlyRefused(answer))) return answer;
		await delay(tooBusyWaitMs);
	}
}

type Consumers = readonly { readonly config: Readonly<Record<string, unknown>>; readonly name: string; readonly filter: string }[];

/** Removes the consumers that would take the past for work, and remembers how they were made. */
async function takeConsumers(operator: Link): Promise<Consumers> {
	const taken: { config: Readonly<Record<string, unknown>>; name: string; filter: string }[] = [];
	for (const { name, filter } of skipped) {
		const { config } = await askNats<{ config: Readonly<Record<string, unknown>> }>(operator, `CONSUMER.INFO.${streamName}.${name}`);
		taken.push({ config, name, filter });
		await askNats(operator, `CONSUMER.DELETE.${streamName}.${name}`);
	}
	return taken;
}

/** Makes them as they were, except that they begin after what is stored now. */
async function giveConsumers(operator: Link, consumers: Consumers): Promise<void> {
	const { state } = await askNats<{ state: { last_seq: number } }>(operator, `STREAM.INFO.${streamName}`);
	for (const { config, name, filter } of consumers) {
		const changed = { ...config, deliver_policy: "by_start_sequence", opt_start_seq: state.last_seq + 1 };
		await askNats(operator, `CONSUMER.CREATE.${streamName}.${name}.${filter}`, { stream_name: streamName, config: changed });
	}
}

/** Refreshes and flushes cost most while a million documents come at once. */
async function indexSeldom(access: OpenSearchAccess, seldom: boolean): Promise<void> {
	const settings = {
		"index.refresh_interval": seldom ? "-1" : null,
		"index.translog.durability": seldom ? "async" : null,
	};
	const answer = await untilTaken(
		() => askOpenSearch(access, "PUT", `/${recordStream}/_settings`, settings),
		() => false,
	);
	if (answer.status !== 200) throw new BenchFailed(`OpenSearch does not take the settings: ${answer.body.slice(0, 300)}`);
}

/** Restarts NATS so that the past is not written to the disk one message at a time; the answer undoes it. */
async function syncSeldom({ stack, operator }: BenchStack): Promise<() => Promise<void>> {
	const file = join(stack.dataDir, "nats", "nats.conf");
	const text = await readFile(file, "utf8");
	const restartWith = async (config: string) => {
		await writeFile(file, config, { mode: 0o600 });
		await stack.nats.restart();
		if (!(await operator.isUp(reconnectWithinMs))) throw new BenchFailed("NATS did not come back");
	};
	await restartWith(text.replace(/sync_interval: "[^"]*"/, 'sync_interval: "2m"'));
	return () => restartWith(text);
}
