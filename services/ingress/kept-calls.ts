// Calls a caller may still ask about: those answered with 202, idempotency keys, and requests that attach to a pending call. Kept for 24 hours.
import { createHash, timingSafeEqual } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Bus, Position } from "#libs/bus/bus.ts";
import type { Caller } from "#libs/contracts/call.ts";
import { canonicalJson } from "#libs/contracts/digest.ts";
import { Refusal } from "#libs/contracts/problems.ts";
import { type CheckedCall, claimsOf, fingerprintOf } from "./accept-call.ts";
import type { IngressPorts } from "./ports.ts";

/** A call that its caller may ask about: it was answered with its address, or equal requests attach to it. */
export interface KeptCall {
	readonly call: string;
	readonly caller: Pick<Caller, "issuer" | "subject">;
	readonly connection: string;
	readonly function: string;
	readonly pool: string;
	readonly receivedAt: string;
	/** Of a call that was to end while its caller waited, and did not: nothing was said of it before there, and its executors say it in their ledger. */
	readonly since?: Position | undefined;
}

export async function keepCall(bus: Bus, kept: KeptCall): Promise<void> {
	await bus.store("calls").put(`call.${kept.call}`, JSON.stringify(kept));
}

export async function keptCall(bus: Bus, call: string): Promise<KeptCall | undefined> {
	const entry = await bus.store("calls").get(`call.${call}`);
	return entry && (JSON.parse(entry.value) as KeptCall);
}

/** What an idempotency key stands for. */
interface KeyEntry {
	readonly call: string;
	readonly fingerprint: string;
	readonly at: number;
	/** The call is durable: nobody needs to publish it again. */
	readonly published: boolean;
	/**
	 * What else the call is decided by, so that it has one content whoever publishes it: the revision it was first checked against, and
	 * {@link claimsOf} its caller. Entries of older versions lack them.
	 */
	readonly revision?: string;
	readonly claims?: string;
}

/** Whoever took the key publishes within this; a later request with the key takes over what a dead replica left. */
const takenMsMax = 5_000;
/** How often a request looks whether the other one that took its key has published. */
const lookAgainMs = 50;
/** By then someone has published, or nobody can. */
const looksMax = 600;

export type KeyUse =
	/** The key is this request's: publish under `call` and `revision`, which may be one that was superseded since, then `confirm`. */
	| { readonly mine: true; readonly call: string; readonly revision: string; confirm(): Promise<void> }
	/** The key stands for a call that is durable. */
	| { readonly mine: false; readonly call: string };

/**
 * Takes an idempotency key for a call, or finds the call it stands for. Keys are scoped to caller and function. A call that another request
 * is about to publish is waited for: if that one died, nobody may be told of a call that never was.
 *
 * @throws {Refusal} `idempotency_mismatch` where it was used with other arguments, or has to be published again for a caller whose claims changed.
 */
export async function useKey(ports: IngressPorts, key: string, checked: CheckedCall, newCall: string): Promise<KeyUse> {
	const store = ports.bus.store("calls");
	const { issuer, subject } = checked.asked.caller;
	const scope = canonicalJson([issuer, subject, checked.connection.name, checked.fn.name, key]);
	const name = `key.${createHash("sha256").update(scope).digest("hex")}`;
	const fingerprint = fingerprintOf(ports.sealingKeys, checked);
	const claims = claimsOf(ports.sealingKeys, checked);
	const entryFor = (call: string, revision: string, published: boolean) =>
		JSON.stringify({ call, fingerprint, at: ports.clock.now().getTime(), published, revision, claims } satisfies KeyEntry);
	const mine = (call: string, revision: string): KeyUse => ({
		...{ mine: true, call, revision },
		confirm: () => store.put(name, entryFor(call, revision, true)),
	});

	const now = checked.configuration.revision;
	if ((await store.write(name, entryFor(newCall, now, false), 0)).won) return mine(newCall, now);
	let seen = { version: 0, sinceMs: 0 };
	for (let look = 0; look < looksMax; look++) {
		const known = await store.get(name);
		if (!known) break;
		const entry = JSON.parse(known.value) as KeyEntry;
		if (!isSameDigest(entry.fingerprint, fingerprint)) {
			throw new Refusal("idempotency_mismatch", { detail: "the key stands for a call with other arguments", call: entry.call });
		}
		if (entry.published) return { mine: false, call: entry.call };
		if (seen.version !== known.version) seen = { version: known.version, sinceMs: performance.now() };
		// By its own time of day, or by what this request saw itself: the other replica's clock may be ahead.
		const abandoned = ports.clock.now().getTime() - entry.at > takenMsMax || performance.now() - seen.sinceMs > takenMsMax;
		if (abandoned) {
			// Whoever left it may still wake and publish it: nobody may publish it with anything that is decided in another way.
			if (entry.claims !== undefined && !isSameDigest(entry.claims, claims)) {
				throw new Refusal("idempotency_mismatch", {
					detail: "the key stands for a call of yours with other groups or e-mail",
					call: entry.call,
				});
			}
			const revision = entry.revision ?? now;
			if ((await store.write(name, entryFor(entry.call, revision, false), known.version)).won) return mine(entry.call, revision);
		}
		await delay(lookAgainMs);
	}
	throw new Refusal("events_unavailable", { detail: "the idempotency key is taken and nobody has published its call; try again" });
}

function isSameDigest(one: string, other: string): boolean {
	const [first, second] = [Buffer.from(one), Buffer.from(other)];
	return first.length === second.length && timingSafeEqual(first, second);
}

/** The pending call that an equal proxied request attaches to. */
export interface Attachment {
	readonly call: string;
	/** Says that a request was answered with the call's ending: true for the first, and nothing attaches to the call after it. */
	take(): Promise<boolean>;
}

function attachmentKey(ports: IngressPorts, checked: CheckedCall): string {
	return `same.${fingerprintOf(ports.sealingKeys, checked)}`;
}

/** @param call only if it is this one. */
export async function findAttachment(ports: IngressPorts, checked: CheckedCall, call?: string): Promise<Attachment | undefined> {
	const store = ports.bus.store("calls");
	const key = attachmentKey(ports, checked);
	const entry = await store.get(key);
	if (!entry || entry.value === taken || (call !== undefined && entry.value !== call)) return undefined;
	return { call: entry.value, take: async () => (await store.write(key, taken, entry.version)).won };
}

const taken = "taken";

/** From now on an equal request attaches to this call, which is kept: who attaches must know where its ending will be. */
export async function offerAttachment(ports: IngressPorts, checked: CheckedCall, call: string): Promise<void> {
	await ports.bus.store("calls").put(attachmentKey(ports, checked), call);
}
