// NATS as its operator and as each service sees it: with the keys that the stack made.
import { join } from "node:path";
import { connectLink, type Link } from "#libs/bus/nats-link.ts";
import { inboxPrefixOf } from "#libs/bus/permissions.ts";
import { bucketOf, type StoreName } from "#libs/bus/stores.ts";
import type { Service } from "#libs/contracts/define-event.ts";
import { streamName } from "#libs/contracts/subjects.ts";
import { operatorInbox } from "../../infra/nats/server-config.ts";
import { readKey, stack } from "./stack.ts";

const ignore = () => undefined;

/** Whoever stole a service's key: speaks to NATS as that service. */
export function linkAs(service: Service): Promise<Link> {
	const seed = readKey(join(stack.dataDir, "keys", `nats-${service}.seed`));
	return connectLink({ servers: [stack.urls.nats], name: `thief-${service}`, seed, inboxPrefix: inboxPrefixOf(service), onStatus: ignore });
}

export function linkAsOperator(): Promise<Link> {
	const seed = readKey(stack.natsOperatorSeedFile);
	return connectLink({ servers: [stack.urls.nats], name: "tests", seed, inboxPrefix: operatorInbox, onStatus: ignore });
}

const encode = (value: unknown) => new TextEncoder().encode(value === undefined ? "" : JSON.stringify(value));

/** Asks JetStream's API as the operator. */
export async function askJetStream<T>(verb: string, body?: unknown): Promise<T> {
	const link = await linkAsOperator();
	try {
		const answer = await link.request(`$JS.API.${verb}`, encode(body), 10_000);
		if (!answer.ok) throw new Error(`${verb}: ${answer.fault}`);
		return JSON.parse(new TextDecoder().decode(answer.reply.bytes)) as T;
	} finally {
		await link.close();
	}
}

interface StreamInfo {
	readonly state: { readonly messages: number; readonly last_seq: number };
}

/** How many writes a store has seen. */
export async function writesTo(store: StoreName): Promise<number> {
	return (await askJetStream<StreamInfo>(`STREAM.INFO.KV_${bucketOf(store)}`)).state.last_seq;
}

export interface StoredMessage {
	readonly subject: string;
	readonly position: number;
	/** The events of the message, as they stand. */
	// biome-ignore lint/suspicious/noExplicitAny: a test reads events of every type
	readonly events: any[];
}

/** A stream only grows: what was read once is not read again. */
const known: StoredMessage[] = [];

/** Every message of the stream from a position on, as the operator reads it. */
export async function storedMessages(from = 1): Promise<StoredMessage[]> {
	const link = await linkAsOperator();
	try {
		for (;;) {
			const seq = (known.at(-1)?.position ?? 0) + 1;
			const answer = await link.request(`$JS.API.DIRECT.GET.${streamName}`, encode({ seq, next_by_subj: "callgate.>" }), 10_000);
			if (!answer.ok && answer.fault !== "not_found") throw new Error(`the stream cannot be read: ${answer.fault}`);
			if (!answer.ok) return known.filter(({ position }) => position >= from);
			const { reply } = answer;
			const position = Number(reply.header("Nats-Sequence"));
			// Another reader was here meanwhile.
			if (position <= (known.at(-1)?.position ?? 0)) continue;
			known.push({ subject: reply.header("Nats-Subject") ?? "", position, events: JSON.parse(new TextDecoder().decode(reply.bytes)) });
		}
	} finally {
		await link.close();
	}
}

/** Everything the stream holds about one call. */
// biome-ignore lint/suspicious/noExplicitAny: a test reads events of every type
export async function eventsOf(call: string): Promise<any[]> {
	return (await storedMessages()).flatMap(({ events }) => events).filter(({ subject }) => subject === call);
}
