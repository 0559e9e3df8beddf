// Questions of the bench to NATS, as its operator.
import type { Link } from "#libs/bus/nats-link.ts";
import { durableOf } from "#libs/bus/permissions.ts";
import { streamName } from "#libs/contracts/subjects.ts";

/** @throws what NATS refuses, and that it does not answer. */
export async function askNats<Answer>(operator: Link, verb: string, body: object = {}): Promise<Answer> {
	const answer = await operator.request(`$JS.API.${verb}`, new TextEncoder().encode(JSON.stringify(body)), 30_000);
	if (!answer.ok) throw new Error(`NATS does not answer ${verb} (${answer.fault})`);
	const parsed = JSON.parse(new TextDecoder().decode(answer.reply.bytes)) as Answer & { error?: { description: string } };
	if (parsed.error) throw new Error(`NATS refuses ${verb}: ${parsed.error.description}`);
	return parsed;
}

/** A consumer as NATS sees it. */
export interface ConsumerState {
	readonly num_pending: number;
	readonly num_ack_pending: number;
	readonly ack_floor: { readonly stream_seq: number };
}

export function auditState(operator: Link): Promise<ConsumerState> {
	return askNats<ConsumerState>(operator, `CONSUMER.INFO.${streamName}.${durableOf("audit")}`);
}
