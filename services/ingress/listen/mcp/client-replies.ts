// What a client of an older revision answers to what it was asked in the middle of its request: a message of its own, at whatever replica. It is taken once, of
// the caller who was asked, and is sealed, as arguments are, until the replica that waits for it has it.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type Caller, sameCaller } from "#libs/contracts/call.ts";
import type { JsonObject } from "#libs/contracts/json.ts";
import { answersTo, type QuestionMethod } from "#libs/mcp/questions.ts";
import type { IngressPorts } from "../../ports.ts";
import { type ClientReply, fault, type RpcFault, rpc } from "../read-mcp.ts";

/** How long a client may take to ask its user, or its model. */
const replyMsMax = 300_000;
/** How often is looked: soon, as a program answers, and then as a person does. */
const lookMsFirst = 50;
const lookMsLast = 1_000;
/** What is kept of one, sealed. */
const sealedCharsMax = 16_000;

/** In which call it was asked. */
interface AskedIn {
	readonly call: string;
	readonly pool: string;
}

interface OpenQuestion extends AskedIn {
	readonly caller: Pick<Caller, "issuer" | "subject">;
	readonly method: QuestionMethod;
}

/** @returns the id of the request to the client */
export async function openQuestion(
	{ bus }: IngressPorts,
	{ issuer, subject }: Caller,
	{ call, pool }: AskedIn,
	method: QuestionMethod,
): Promise<string> {
	const id = randomUUID();
	await bus
		.store("calls")
		.put(`question.${id}`, JSON.stringify({ call, pool, caller: { issuer, subject }, method } satisfies OpenQuestion));
	return id;
}

const questionPattern = /^[0-9a-f-]{36}$/;

/** @returns why it is not taken */
export async function takeReply(
	{ bus, sealingKeys }: IngressPorts,
	caller: Caller,
	{ id, result }: ClientReply,
): Promise<RpcFault | undefined> {
	const store = bus.store("calls");
	const entry = questionPattern.test(String(id)) ? await store.get(`question.${id}`) : undefined;
	const question = entry && (JSON.parse(entry.value) as OpenQuestion);
	if (!question || !sameCaller(question.caller, caller)) return fault(rpc.request, "You were asked nothing with this id", 400);
	const isFit = result === undefined || !("unfit" in answersTo({ asked: { answer: question.method } }, { answer: result }));
	const { call, pool } = question;
	const sealed = sealingKeys.seal(pool, call, "reply", { question: String(id), ...(isFit && result && { result }) });
	if (sealed.length > sealedCharsMax) return fault(rpc.params, "The answer is longer than is passed on", 413);
	// The first one stands.
	await store.write(`reply.${id}`, sealed, 0);
	return isFit ? undefined : fault(rpc.params, "The answer is none to what was asked", 400);
}

/**
 * Waits until all of them are answered.
 *
 * @param questions ids of the requests to the client
 * @returns the results by id, undefined of what was answered with an error or with none; undefined where not all were answered in time, the client
 * is gone, or this replica lets its callers go
 * @throws {Refusal} `too_many_requests`
 */
export async function repliesTo(
	{ bus, pending, sealingKeys }: IngressPorts,
	{ call, pool }: AskedIn,
	questions: readonly string[],
	gone: AbortSignal,
): Promise<ReadonlyMap<string, JsonObject | undefined> | undefined> {
	const store = bus.store("calls");
	const wait = pending.listen(`question.${questions[0]}`, pool);
	let isOver = false;
	const over = wait.ended(replyMsMax, gone).then(() => {
		isOver = true;
	});
	const replies = new Map<string, JsonObject | undefined>();
	try {
		for (let lookMs = lookMsFirst; !isOver; lookMs = Math.min(2 * lookMs, lookMsLast)) {
			for (const id of questions) {
				const entry = replies.has(id) ? undefined : await store.get(`reply.${id}`);
				if (!entry) continue;
				const { question, result } = sealingKeys.open(pool, call, "reply", entry.value);
				replies.set(id, question === id ? result : undefined);
			}
			if (replies.size === questions.length) return replies;
			await Promise.race([over, delay(lookMs, undefined, { ref: false })]);
		}
		return undefined;
	} finally {
		wait.cancel();
	}
}
