// Two ingress replicas with the real API and proxy over the bus in memory, and someone who plays policy, approval and executor.
import { createHash, createSecretKey } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { vi } from "vitest";
import type { Bus } from "#libs/bus/bus.ts";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import { FilterReading } from "#libs/bus/reading.ts";
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import type { Configuration } from "#libs/configuration/configuration.ts";
import type { SourceFiles } from "#libs/configuration/source-files.ts";
import type { HttpAnswer } from "#libs/contracts/answer.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent, Event } from "#libs/contracts/events.ts";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { SealingKeys } from "#libs/contracts/sealed.ts";
import { ledgerOf } from "#libs/contracts/subjects.ts";
import { TokenScopes } from "#libs/identity/token-scopes.ts";
import { createHttp } from "#libs/service/http.ts";
import { createLogger } from "#libs/service/logger.ts";
import { createMetrics } from "#libs/service/metrics.ts";
import { tellRefusals } from "#libs/service/refusal-events.ts";
import { createAside } from "#libs/service/work-aside.ts";
import { demoConfiguration } from "../../infra/local/demo/configuration.ts";
import { openConfiguration } from "../../test/support/open-configuration.ts";
import { patience } from "../../test/support/patience.ts";
import { Intake } from "./intake.ts";
import type { DoorPorts } from "./listen/door.ts";
import { listenHttp } from "./listen/listen-http.ts";
import { listenMcp } from "./listen/listen-mcp.ts";
import { listenModels } from "./listen/listen-models.ts";
import { listenProxy } from "./listen/listen-proxy.ts";
import type { SubscriptionBounds } from "./listen/mcp/subscriptions.ts";
import { PendingCalls } from "./pending-calls.ts";
import type { IngressPorts } from "./ports.ts";
import { followEndings } from "./service.ts";

export const transfer = { to: "acc-2", amount: 10, currency: "EUR", country: "DE" };
const issuer = "https://idp.example";
export const callers: Record<string, Caller> = {
	robin: { issuer, subject: "robin", groups: ["ci"], email: "robin@example.com" },
	mallory: { issuer, subject: "mallory", groups: ["ci"] },
};
export const as = (name: string) => ({ authorization: `Bearer ${name}` });

function compiledFor(bankUrl: string): Configuration {
	const compiled = compileConfiguration(demoConfiguration({ issuer, bankUrl }));
	if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
	return compiled.configuration;
}
/** A configuration of other connections, which everyone may call. */
export function openTo(connections: string, files: SourceFiles = {}): Configuration {
	return openConfiguration({ connections, issuer, files });
}
/** A replica that knows this one alone. */
export const inForce = (configuration: Configuration): IngressPorts["configuration"] => ({
	current: () => configuration,
	at: async () => configuration,
	onActivated: () => () => undefined,
});
export const configuration = compiledFor("http://127.0.0.1:9");
/** Another revision of the same functions. */
export const nextConfiguration = compiledFor("http://127.0.0.1:10");
const sealingKeys = new SealingKeys(new Map([["default", [{ id: "s1", secret: createSecretKey(new Uint8Array(32).fill(1)) }]]]));

/** Starts no thread before a test brings something large. */
const aside = createAside(new URL("./work.ts", import.meta.url));

export interface Replica {
	readonly http: FastifyInstance;
	readonly bus: Bus;
	readonly ports: IngressPorts;
	readonly pending: PendingCalls;
	/** Filters that were read, in order. */
	readonly follows: readonly string[];
}

/** The services behind ingress, played by hand. */
export class Backstage {
	readonly stream = new MemoryStream();
	readonly policy = createMemoryBus(this.stream, "policy");
	readonly approval = createMemoryBus(this.stream, "approval");
	readonly executor = createMemoryBus(this.stream, "executor");
	private readonly stops: (() => Promise<unknown>)[] = [];

	async replica(
		over: Partial<DoorPorts> = {},
		{
			pendingMax = 1_000,
			stepsMax = 8,
			mcpWaitSeconds = 60,
			publicUrl = "https://callgate.example",
			subscriptions = {} as Partial<SubscriptionBounds>,
		} = {},
	): Promise<Replica> {
		const memory = createMemoryBus(this.stream, "ingress");
		const follows: string[] = [];
		const follow: Bus["follow"] = (options) => {
			follows.push(options.filter);
			return memory.follow(options);
		};
		const bus: Bus = { ...memory, follow };
		const pending = new PendingCalls(pendingMax);
		const ended = await followEndings(bus, { now: () => new Date() }, pending);
		const log = createLogger("ingress", "silent");
		const ports: DoorPorts = {
			...{
				bus,
				pending,
				ended,
				scopes: new TokenScopes(),
				strangers: tellRefusals("control.authentication.failed", "ingress", { bus, log }),
				intake: new Intake({ bytesMax: 2 ** 24, bodyBytesMax: 65_536, bus, lookAgainMs: 1 }),
				sealingKeys,
				aside,
				log,
				clock: { now: () => new Date() },
				configuration: {
					...inForce(configuration),
					at: async (named) => (named === configuration.revision ? configuration : undefined),
				},
			},
			authenticate: async ([header = ""]) => {
				const caller = callers[header.replace("Bearer ", "")];
				if (!caller) throw new NotAuthenticated("expired", { issuer: "corporate" });
				return caller;
			},
			...over,
		};
		const http = createHttp({ log, metrics: createMetrics("ingress"), ready: {}, bodyBytesMax: 65_536 });
		await listenHttp(http, ports, { waitSecondsMax: 60, stepsMax });
		await listenProxy(http, ports, { waitSecondsMax: 60, proxyWaitSeconds: 60 });
		await listenModels(http, ports, { waitSecondsMax: 60, proxyWaitSeconds: 60 });
		const mcp = { proxyWaitSeconds: mcpWaitSeconds, subscriptionsMax: 8, ...subscriptions };
		await listenMcp(http, ports, { ...mcp, ...(publicUrl !== "" && { publicUrl }) });
		await http.ready();
		this.stops.push(
			() => http.close(),
			() => ended.stop(),
			() => bus.close(),
		);
		return { http, bus, ports, pending, follows };
	}

	async close(): Promise<void> {
		for (const stop of this.stops) await stop();
	}

	of<Kind extends CallgateEvent["type"]>(type: Kind): Event<Kind>[] {
		return this.stream.events().filter((event): event is Event<Kind> => event.type === type);
	}

	/** The n-th call that was received, as soon as it was. */
	async received(nth = 0): Promise<Event<"call.received">> {
		return await vi.waitFor(() => {
			const event = this.of("call.received")[nth];
			if (!event) throw new Error(`only ${this.of("call.received").length} calls were received`);
			return event;
		}, patience);
	}

	private theCall({ data }: Event<"call.received">) {
		const { call, connection, function: name, pool, digest, revision, caller } = data;
		return { call, connection, function: name, pool, digest, revision, caller };
	}

	async start(received: Event<"call.received">): Promise<void> {
		const lease = { grantId: "g", executor: "e", attempt: 1, leaseUntil: new Date().toISOString() };
		const started = newEvent("executor", "call.started", { ...this.theCall(received), ...lease }, { at: new Date(), nth: 1 });
		await this.executor.publishAfter(started, 0);
	}

	private completed(received: Event<"call.received">, result: Partial<HttpAnswer>): Event<"call.ended"> {
		const headers = [["content-type", "application/json"]] as const;
		const whole: HttpAnswer = { protocol: "http", status: 201, headers, body: { text: '{"id":"t1"}' }, ...result };
		return this.completedAs(received, JSON.stringify(whole), { answer: { http: { status: whole.status } } });
	}

	private completedAs(received: Event<"call.received">, sealedText: string, said: object): Event<"call.ended"> {
		const theCall = this.theCall(received);
		const sealed = sealingKeys.sealText(theCall.pool, theCall.call, "result", sealedText);
		const ended = { ...theCall, ending: "completed" as const, rules: ["r"], reasons: [], ...said, sealed };
		return newEvent("executor", "call.ended", ended, { at: new Date() });
	}

	/** An answer as its ending has it. */
	sealedResult({ data: { pool, call } }: Event<"call.received">, answer: object): string {
		return sealingKeys.sealText(pool, call, "result", JSON.stringify(answer));
	}

	/** Completed as an executor of another version says it. */
	async completeAs(received: Event<"call.received">, sealedText: string, said: object): Promise<void> {
		await this.executor.publishAfter(this.completedAs(received, sealedText, said), 0);
	}

	async complete(received: Event<"call.received">, result: Partial<HttpAnswer> = {}): Promise<void> {
		const { call, pool } = received.data;
		const last = await this.executor.last("call.started", "executor", call, pool);
		await this.executor.publishAfter(this.completed(received, result), last?.position ?? 0);
	}

	/** What an executor says last about a call. */
	private async lastOf({ data: { call, pool } }: Event<"call.received">): Promise<number> {
		const said = (["call.started", "call.streamed"] as const).map((type) => this.executor.last(type, "executor", call, pool));
		return Math.max(...(await Promise.all(said)).map((last) => last?.position ?? 0));
	}

	/** Pieces of an answer, in order; each one's seal. */
	async passOn(received: Event<"call.received">, texts: readonly string[], type = "text/event-stream", from = 1): Promise<string[]> {
		const theCall = this.theCall(received);
		const seals: string[] = [];
		for (const [nth, text] of texts.entries()) {
			const piece = from + nth;
			const head = { protocol: "http", status: 200, headers: [["content-type", type]] } as const;
			const sealed = sealingKeys.seal(theCall.pool, theCall.call, "piece", { piece, ...(piece === 1 && { head }), text });
			const data = { ...theCall, executor: "e", piece, chars: text.length, sealed };
			const event = newEvent("executor", "call.streamed", data, { at: new Date(), nth: piece });
			await this.executor.publishAfter(event, await this.lastOf(received));
			seals.push(sealed);
		}
		return seals;
	}

	/** The ending of an answer that came in these pieces. */
	async endStreamed(
		received: Event<"call.received">,
		seals: readonly string[],
		over: Partial<Event<"call.ended">["data"]> = {},
	): Promise<void> {
		const digest = createHash("sha256")
			.update(seals.map((seal) => `${seal}\n`).join(""))
			.digest("hex");
		const streamed = { pieces: seals.length, chars: 1, digest };
		const said = { ending: "completed" as const, rules: [], reasons: [], answer: { http: { status: 200 } }, streamed, ...over };
		const ended = newEvent("executor", "call.ended", { ...this.theCall(received), ...said }, { at: new Date() });
		await this.executor.publishAfter(ended, await this.lastOf(received));
	}

	/** As {@link complete}, in the ledger of the call's pool. */
	async completeInLedger(received: Event<"call.received">, result: Partial<HttpAnswer> = {}): Promise<void> {
		await this.sayInLedger(this.completed(received, result));
	}

	/** What an executor of another pool may say of it: nothing stops it there. */
	forged({ data }: Event<"call.received">, connection = data.connection): Event<"call.ended"> {
		const { call, function: name, digest, revision, caller } = data;
		const theCall = { call, connection, function: name, digest, revision, caller, pool: "dmz" };
		const forged = { ...theCall, ending: "failed" as const, code: "function_unreachable", rules: [], reasons: [] };
		return newEvent("executor", "call.ended", forged, { at: new Date() });
	}

	/** {@link forged}, on the call's own subject or in the ledger. */
	async forge(received: Event<"call.received">, where: "own" | "ledger", connection?: string): Promise<void> {
		const forged = this.forged(received, connection);
		if (where === "ledger") await this.sayInLedger(forged);
		else await createMemoryBus(this.stream, "executor", "dmz").publishAfter(forged, 0);
	}

	/** An executor of the pool that the event names says it on its lane. */
	async sayInLedger(event: Event<"call.ended">): Promise<void> {
		const { pool } = event.data;
		const reading = new FilterReading(ledgerOf(pool).takings, 0);
		await createMemoryBus(this.stream, "executor", pool)
			.ledger({ reading })
			.write(event, () => true);
	}

	async deny(received: Event<"call.received">): Promise<void> {
		const reasons = [{ code: "rule_denied", rule: "never" }];
		const data = {
			...this.theCall(received),
			ending: "denied" as const,
			code: "denied",
			detail: "not permitted",
			rules: ["never"],
			reasons,
		};
		await this.policy.publishAfter(newEvent("policy", "call.ended", data, { at: new Date() }), 0);
	}

	async ask(received: Event<"call.received">, over: Partial<Event<"approval.asked">["data"]["terms"]> = {}): Promise<void> {
		const { receivedAt, arguments: args, sealed } = received.data;
		const requirements = [{ rule: "large", anyOf: ["finance"], quorum: 1, reasonRequired: false }];
		const terms = { requirements, expiresAt: new Date().toISOString(), remindAt: [], escalations: [], ...over };
		const data = { ...this.theCall(received), receivedAt, arguments: args, sealed, rules: ["large"], reasons: [], terms, hold: "h" };
		await this.approval.publishAfter(newEvent("approval", "approval.asked", data, { at: new Date() }), 0);
	}

	/** What approval says about a call, after what it said before. */
	async approvalSays(received: Event<"call.received">, verdict: "approve" | "reject" | "cancelled" | "escalated"): Promise<void> {
		const theCall = this.theCall(received);
		const said = this.stream.messages.findLast(({ subject }) => subject.includes(`.approval.${theCall.call}.`))?.position ?? 0;
		if (verdict === "escalated") {
			const data = { call: theCall.call, step: 1, to: ["cfo"] };
			await this.approval.publishAfter(newEvent("approval", "approval.escalated", data, { at: new Date(), nth: 1 }), said);
			return;
		}
		if (verdict === "cancelled") {
			const data = { ...theCall, ending: "cancelled" as const, rules: [], reasons: [] };
			await this.approval.publishAfter(newEvent("approval", "call.ended", data, { at: new Date() }), said);
			return;
		}
		const vote = {
			call: theCall.call,
			voter: "dana@example.com",
			groups: ["finance"],
			verdict,
			via: "api" as const,
			digest: theCall.digest,
		};
		await this.approval.publishAfter(newEvent("approval", "approval.voted", vote, { at: new Date(), nth: "dana" }), said);
	}
}
