// What each service may do on NATS, derived from the declarations: exactly the subjects it may publish and consume, and nothing else.
import type { Service } from "#libs/contracts/define-event.ts";
import { ledgerOf, readsOf, saysOf, streamName } from "#libs/contracts/subjects.ts";
import { serverQuestion } from "./inspect-stream.ts";
import { bucketOf, type StoreName, stores } from "./stores.ts";

/** The name of a service's durable consumer. */
export function durableOf(service: Service, pool?: string): string {
	return service === "executor" ? `executor-${pool ?? "default"}` : service;
}

/** Inboxes of one service, so that no service hears another's answers. */
export function inboxPrefixOf(service: Service, pool?: string): string {
	return `_INBOX_${durableOf(service, pool)}`;
}

/** What a service follows beside its durable consumer: every replica sees all of it. */
export const followed = {
	/** Endings, for the callers that wait at this replica. */
	endings: "callgate.ingress.>",
	/** What happened to calls, and what approval said about them, for `GET /v1/calls/{id}/events`: one call's at a time, see `stepsOf`. */
	calls: "callgate.*.*.*.*.call.>",
	votes: "callgate.record._.approval.*.approval.>",
	/** Everything approval ever said: its state is folded from it. */
	approvals: "callgate.*.*.approval.>",
	/** The configuration that is in force. */
	control: "callgate.all.>",
	/** Everything, for the tree over it. */
	everything: "callgate.>",
} as const;

/** Filters for the steps of one call. */
export function stepsOf(call: string): string[] {
	return [`callgate.*.*.*.${call}.call.>`, approvalStepsOf(call)];
}

/** The filter for what approval said about one call. */
export function approvalStepsOf(call: string): string {
	return `callgate.record._.approval.${call}.approval.>`;
}

function follows(service: Service, pool: string): readonly string[] {
	const { control, endings, calls, votes, approvals, everything } = followed;
	if (service === "ingress") return [endings, calls, votes, control];
	if (service === "approval") return [approvals, control];
	if (service === "executor") return [ledgerOf(pool).claims, ledgerOf(pool).endings, control];
	if (service === "audit") return [everything, control];
	return [control];
}

/** What a service may read back by exact subject. */
function readsBack(service: Service, pool: string): string[] {
	if (service === "ingress")
		return [
			"callgate.ingress.*.*.*.call.ended",
			"callgate.record.*.executor.*.call.started",
			"callgate.record._.approval.*.approval.asked",
		];
	if (service === "executor") return [`callgate.*.${pool}.executor.*.>`];
	if (service === "approval") return ["callgate.*.*.approval.*.>"];
	return [];
}

export interface Permissions {
	readonly publish: { readonly allow: string[]; readonly deny: string[] };
	readonly subscribe: { readonly allow: string[] };
}

/**
 * NATS permissions of one service (of one pool, for executors).
 *
 * A replica names the consumers by which it follows freely, so the API subjects are wildcards in that token; the durable consumers, which
 * are made by the operator and belong to one service each, are denied by name to all others.
 */
export function permissionsOf(service: Service, pools: readonly string[], pool = "default"): Permissions {
	const own = durableOf(service, pool);
	const others = durables(pools).filter((name) => name !== own);
	const api = "$JS.API";
	const anyConsumer = ["INFO", "MSG.NEXT", "DELETE"].map((verb) => `${api}.CONSUMER.${verb}.${streamName}`);
	const names = Object.keys(stores) as StoreName[];
	return {
		publish: {
			allow: [
				...saysOf(service, pool),
				`${api}.STREAM.INFO.${streamName}`,
				serverQuestion,
				...anyConsumer.map((verb) => `${verb}.*`),
				`$JS.ACK.${streamName}.${own}.>`,
				...follows(service, pool).map((filter) => `${api}.CONSUMER.CREATE.${streamName}.*.${filter}`),
				...readsBack(service, pool).map((subject) => `${api}.DIRECT.GET.${streamName}.${subject}`),
				...names.filter((name) => reads(service, name)).map((name) => `${api}.DIRECT.GET.KV_${bucketOf(name)}.$KV.${bucketOf(name)}.>`),
				...names.filter((name) => stores[name].writer === service).map((name) => `$KV.${bucketOf(name)}.>`),
			],
			deny: [
				...others.flatMap((name) => anyConsumer.map((verb) => `${verb}.${name}`)),
				`${api}.CONSUMER.DELETE.${streamName}.${own}`,
				...durables(pools).map((name) => `${api}.CONSUMER.CREATE.${streamName}.${name}.>`),
			],
		},
		subscribe: { allow: [`${inboxPrefixOf(service, pool)}.>`] },
	};
}

function reads(service: Service, name: StoreName): boolean {
	return (stores[name].readers as readonly Service[]).includes(service);
}

/** Every durable consumer and what it reads: the operator makes them when the stream is made. */
export function durableConsumers(pools: readonly string[]): { name: string; filter: string }[] {
	const single = (["policy", "approval", "audit"] as const).map((service) => ({ name: durableOf(service), filter: readsOf(service) }));
	return [...single, ...pools.map((pool) => ({ name: durableOf("executor", pool), filter: readsOf("executor", pool) }))];
}

function durables(pools: readonly string[]): string[] {
	return durableConsumers(pools).map(({ name }) => name);
}
