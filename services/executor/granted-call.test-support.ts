// A granted call and an executor to run it, on the bus in memory with the demo's configuration: only the function is scripted.
import { createSecretKey, generateKeyPairSync } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import type { Bus, Conditional, Position } from "#libs/bus/bus.ts";
import { createMemoryBus, MemoryStream } from "#libs/bus/bus-memory.ts";
import { compileConfiguration } from "#libs/configuration/compile-configuration.ts";
import type { Configuration } from "#libs/configuration/configuration.ts";
import { digestOf } from "#libs/contracts/digest.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { CallgateEvent, Event } from "#libs/contracts/events.ts";
import { GrantVerifier, signGrant } from "#libs/contracts/grant.ts";
import type { JsonObject } from "#libs/contracts/json.ts";
import type { SigningKey } from "#libs/contracts/jws.ts";
import { type SealedArguments, SealingKeys } from "#libs/contracts/sealed.ts";
import { MaskingKeys } from "#libs/masking/keyed/session-keys.ts";
import { createAside } from "#libs/service/work-aside.ts";
import { createMemoryVault } from "#libs/vault/vault-memory.ts";
import { demoConfiguration } from "../../infra/local/demo/configuration.ts";
import { Claims } from "./claims.ts";
import { createHttpDialer } from "./dial-http/dial-http.ts";
import type { HttpClient, OutboundAnswer, OutboundRequest, OutboundStream } from "./dial-http/http-client.ts";
import { executeCall } from "./execute-call.ts";
import type { History } from "./history.ts";
import { Ledger } from "./ledger.ts";
import { type ExecutorPorts, leaseTermsDefault } from "./ports.ts";
import { createPresidioRecogniser } from "./recogniser-presidio.ts";
import { startExecutor } from "./service.ts";

export const bankKey = "bank-key-of-the-tests-0123456789";
export const caller = { issuer: "https://idp.example", subject: "ci-robot", groups: ["ci"] };
export const transfer = { to: "acc-2", amount: 10, currency: "EUR", country: "DE" };

export const configuration: Configuration = (() => {
	const compiled = compileConfiguration(demoConfiguration({ issuer: caller.issuer, bankUrl: "http://127.0.0.1:9" }));
	if (!compiled.ok) throw new Error(JSON.stringify(compiled.errors));
	return compiled.configuration;
})();

export const sealingKey = { id: "s1", secret: createSecretKey(new Uint8Array(32).fill(1)) };
const sealingKeys = new SealingKeys(new Map([["default", [sealingKey]]]));

function signingKey(id: string) {
	const { publicKey, privateKey } = generateKeyPairSync("ed25519");
	return { signing: { id, key: privateKey } satisfies SigningKey, publicKey };
}
const [policy, approval] = [signingKey("p1"), signingKey("a1")];
export const policyKey = policy.signing;
const grants = new GrantVerifier({ policy: new Map([["p1", policy.publicKey]]), approval: new Map([["a1", approval.publicKey]]) });

export const maskingKeys = new MaskingKeys([{ id: "m1", secret: createSecretKey(new Uint8Array(32).fill(2)) }]);

/** Starts no thread before a test brings something large. */
/** A job may take as long as a busy machine needs: no test is about its limit. */
const aside = createAside(new URL("./work.ts", import.meta.url), undefined, 600_000);

type Answering = (request: OutboundRequest) => Promise<OutboundAnswer> | OutboundAnswer;

export function answered(body: string, type = "application/json", status = 200): OutboundAnswer {
	const timings = {} as OutboundAnswer["timings"];
	return { status, headers: [["content-type", type]], body: new TextEncoder().encode(body), timings };
}

/** A client that keeps the real one's promise: the gate is passed in the turn in which the first byte leaves. */
class ScriptedClient implements HttpClient {
	readonly requests: OutboundRequest[] = [];
	answering: Answering = () => answered('{"id":"t1"}', "application/json", 201);
	streaming: ((request: OutboundRequest) => OutboundStream) | undefined;
	async dial(request: OutboundRequest): Promise<OutboundAnswer> {
		request.beforeFirstByte?.();
		this.requests.push(request);
		return await this.answering(request);
	}
	async dialInPieces(request: OutboundRequest): Promise<OutboundAnswer | OutboundStream> {
		request.beforeFirstByte?.();
		this.requests.push(request);
		return await (this.streaming ?? this.answering)(request);
	}
	async close(): Promise<void> {}
}

interface GrantOptions {
	readonly function?: string;
	readonly arguments?: JsonObject;
	readonly sealed?: Partial<SealedArguments>;
	/** Of another configuration than the bench's own. */
	readonly revision?: string;
	/** Of the event, after it was signed. */
	readonly data?: Partial<Event<"call.granted">["data"]>;
	readonly expiresInMs?: number;
	readonly key?: SigningKey;
	/** For a call in the ledger; null: for one with subjects of its own. */
	readonly since?: number | null;
}

/** A ledger that is opened when it is first asked. */
function ledgerFor(parts: Parameters<typeof Ledger.open>[0]): Pick<Ledger, "of"> {
	let opening: Promise<Ledger> | undefined;
	const opened = async (since: number): Promise<History> => {
		opening ??= Ledger.open(parts);
		return (await opening).of(since);
	};
	return {
		of: (since) => ({
			told: async (granted) => await (await opened(since)).told(granted),
			claim: async (started, after) => await (await opened(since)).claim(started, after),
			end: async (ended, claim) => await (await opened(since)).end(ended, claim),
			endOthers: async (ended, after) => await (await opened(since)).endOthers(ended, after),
		}),
	};
}

/** The bus, with `hook` in place of each conditional write: it is given what was to be written, and the write itself. */
export function intercepted(bus: Bus, hook: (event: CallgateEvent, write: () => Promise<Conditional>) => Promise<Conditional>): Bus {
	return {
		...bus,
		publishAfter: async (event, after) => await hook(event, () => bus.publishAfter(event, after)),
		ledger: (terms) => {
			const writer = bus.ledger(terms);
			return { write: async (event, holds) => await hook(event, () => writer.write(event, holds)) };
		},
	};
}

export class Bench {
	/** Calls that a ledger remembers. */
	rememberedMax = 1_000;
	/** Of the calls that are granted: see {@link GrantOptions.since}. */
	readonly since: number | null;
	constructor(since: number | null = null) {
		this.since = since;
	}

	readonly stream = new MemoryStream();
	readonly dialer = new ScriptedClient();
	readonly vault = createMemoryVault({ "bank-api-key": bankKey });
	readonly failures: unknown[] = [];
	readonly told: string[] = [];
	readonly policy: Bus = createMemoryBus(this.stream, "policy");
	/** Moved by tests; every executor of the bench measures with it. */
	elapsedMs = 0;
	readonly now = new Date("2026-01-01T12:00:00.000Z");

	executor(over: Partial<ExecutorPorts> = {}): ExecutorPorts {
		const {
			bus = createMemoryBus(this.stream, "executor"),
			name = uuidv7(),
			clock = { now: () => this.now },
			lease = leaseTermsDefault,
		} = over;
		const failed = (error: unknown) => void this.failures.push(error);
		return {
			bus,
			ledger: ledgerFor({ bus, pool: "default", name, clock, lease, failed, rememberedMax: this.rememberedMax }),
			configuration: { at: async (revision) => (revision === configuration.revision ? configuration : undefined) },
			...{ grants, sealingKeys, maskingKeys, vault: this.vault, dialer: createHttpDialer(this.dialer), aside, pool: "default", name },
			recogniser: createPresidioRecogniser(),
			claims: new Claims(),
			quarantine: { note: () => undefined },
			clock,
			elapsedMs: () => this.elapsedMs,
			storeRetryMs: 1,
			ended: (_granted, ending, code) => void this.told.push(`${ending} ${code}`),
			failed,
			...over,
		};
	}

	async grant(options: GrantOptions = {}): Promise<Event<"call.granted">> {
		const call = uuidv7();
		const { function: name = "createTransfer", arguments: args = transfer, expiresInMs = 300_000, key = policyKey } = options;
		const { revision = configuration.revision, since = this.since } = options;
		const salt = "0".repeat(32);
		const digest = digestOf({ caller, connection: "bank", function: name, arguments: args, salt });
		const sealed = sealingKeys.seal("default", call, "arguments", { arguments: args, salt, headers: [], ...options.sealed });
		const granted = { call, connection: "bank", function: name, pool: "default", digest, revision, ...(since !== null && { since }) };
		const expiresAt = new Date(this.now.getTime() + expiresInMs);
		const grant = signGrant("policy", key, granted, { grantId: uuidv7(), expiresAt });
		const rest = { caller, receivedAt: this.now.toISOString(), rules: ["r"], reasons: [], expiresAt: expiresAt.toISOString() };
		return newEvent("policy", "call.granted", { ...granted, ...rest, grant, sealed, ...options.data }, { at: this.now });
	}

	/** Another executor claims the call, and is never heard of again. Says where its claim stands. */
	async abandon(
		granted: Event<"call.granted">,
		attempt = 1,
		after: Position = 0,
		leaseUntil = instantAfter(this.now, 25_000),
	): Promise<Position> {
		const { call, connection, function: name, pool, digest, revision, caller: who, since } = granted.data;
		const claim = { call, connection, function: name, pool, digest, revision, caller: who, grantId: "g", executor: "dead", attempt };
		const started = newEvent("executor", "call.started", { ...claim, leaseUntil }, { at: this.now, nth: attempt });
		const { bus, ledger } = this.executor({ name: "dead" });
		const claimed = since === undefined ? await bus.publishAfter(started, after) : await ledger.of(since).claim(started, after);
		if (!claimed.won) throw new Error("the claim was lost");
		return claimed.position;
	}

	/** Grants, executes, and says how it ended. */
	async run(options: GrantOptions = {}, over: Partial<ExecutorPorts> = {}): Promise<Event<"call.ended">> {
		const granted = await this.grant(options);
		await executeCall(this.executor(over), granted);
		return this.ending(granted);
	}

	/** The process: consumes what is granted. */
	async start(ports = this.executor()): Promise<{ ports: ExecutorPorts; stop(): Promise<void> }> {
		const { stop } = await startExecutor(ports, 16);
		return { ports, stop };
	}

	of<Kind extends CallgateEvent["type"]>(type: Kind): Event<Kind>[] {
		return this.stream.events().filter((event): event is Event<Kind> => event.type === type);
	}

	/** Where the last message with such an event stands. */
	position(type: CallgateEvent["type"]): Position {
		return this.stream.messages.findLast(({ subject }) => subject.endsWith(`.${type}`))?.position ?? 0;
	}

	/** The one ending of a call. */
	ending({ subject }: { readonly subject: string }): Event<"call.ended"> {
		const endings = this.of("call.ended").filter((event) => event.subject === subject);
		const [ended] = endings;
		if (!ended || endings.length > 1) throw new Error(`the call has ${endings.length} endings`);
		return ended;
	}

	result({ data }: Event<"call.ended">) {
		return sealingKeys.open(data.pool, data.call, "result", data.sealed ?? "");
	}
}

function instantAfter(now: Date, ms: number): string {
	return new Date(now.getTime() + ms).toISOString();
}

/** Waits until `check` holds; the test's own time limit bounds it. */
export async function until(check: () => boolean): Promise<void> {
	while (!check()) await new Promise((resolve) => setImmediate(resolve));
}
