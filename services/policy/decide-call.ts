// May this call happen? Opens the arguments, checks that they are what the digest says, decides, and puts the decision on the record.
import { Unprocessable } from "#libs/bus/bus.ts";
import type { Configuration } from "#libs/configuration/configuration.ts";
import { newEvent } from "#libs/contracts/envelope.ts";
import type { Event } from "#libs/contracts/events.ts";
import { signHold } from "#libs/contracts/grant.ts";
import { SealBroken } from "#libs/contracts/sealed.ts";
import type { ApprovalDemand, Decision } from "#libs/policy/decide.ts";
import { decideOpened, type Opened } from "#libs/policy/decide-opened.ts";
import { hereCharsMax, turnOf } from "#libs/service/work-aside.ts";
import { chargeLimits } from "./charge-limits.ts";
import type { PolicyPorts } from "./ports.ts";

type Received = Event<"call.received">;

/** A replica of ingress that learns of a new revision later than this is too far behind: its calls are refused. */
const staleMsMax = 60_000;

/**
 * Decides one received call. The decision follows from the event and the revision that ingress checked it against, so a call that is
 * delivered again is decided in the same way; the limits remember which calls they counted.
 *
 * @throws {Unprocessable} if the seal, the digest or the pool is not right: someone tampered, or keys do not match.
 */
export async function decideCall(ports: PolicyPorts, received: Received, storedAt: Date): Promise<void> {
	const configuration = await revisionOf(ports, received, storedAt);
	if (!configuration) return await end(ports, received, { ending: "failed", code: "revision_superseded", rules: [], reasons: [] });

	// Which executors get the arguments is the configuration's to say, not ingress's.
	const known = configuration.connection(received.data.connection);
	if (known && known.pool !== received.data.pool) throw new Unprocessable("the call's pool is not its connection's");
	const decision = await decideSealed(ports, configuration, received);
	const { call, pool } = received.data;
	const charged = decision.effect === "grant" ? await chargeLimits(ports, { call, pool, storedAt }, decision) : decision;
	ports.decided(charged.effect, received);
	switch (charged.effect) {
		case "grant":
			return await grant(ports, received, charged);
		case "hold":
			return await hold(ports, received, charged);
		case "deny":
			return await end(ports, received, { ending: "denied", code: "denied", detail: charged.message, ...why(charged) });
	}
}

async function revisionOf({ configuration }: PolicyPorts, { data }: Received, storedAt: Date): Promise<Configuration | undefined> {
	const current = configuration.current();
	if (data.revision === current.revision) return current;
	const named = await configuration.at(data.revision);
	// It may not have arrived yet; one that never does was never activated, and the event is parked.
	if (!named) throw new Error("the call's revision is not known here");
	const until = configuration.supersededAt(data.revision);
	// In force so recently that this replica has not heard of it, or so long ago that nobody remembers: that one must not decide again.
	if (!until) throw new Error("the call's revision is not known here to have been in force");
	return storedAt.getTime() - until.getTime() > staleMsMax ? undefined : named;
}

async function decideSealed({ sealingKeys, aside }: PolicyPorts, configuration: Configuration, { data }: Received): Promise<Decision> {
	const { call, pool, caller, connection, function: name, digest, receivedAt, sealed } = data;
	const text = opened(() => sealingKeys.openText(pool, call, "arguments", sealed));
	const asked = { text, caller, connection, function: name, digest, receivedAt };
	const decision =
		text.length <= hereCharsMax
			? decideOpened(configuration, asked)
			: await aside.run<Opened, Decision | undefined>("decideLarge", turnOf(configuration, caller), asked);
	if (!decision) throw new Unprocessable("the sealed arguments are not those of the digest");
	return decision;
}

function opened<T>(open: () => T): T {
	try {
		return open();
	} catch (error) {
		throw error instanceof SealBroken ? new Unprocessable(error.message) : error;
	}
}

async function grant(ports: PolicyPorts, received: Received, decision: Decision): Promise<void> {
	const expiresAt = new Date(ports.clock.now().getTime() + ports.grantTtlMs);
	const token = await ports.grants.sign(received.data, expiresAt);
	const isCharged = (decision.limits ?? []).length > 0;
	const { since } = received.data;
	const more = {
		...{ expiresAt: expiresAt.toISOString(), grant: token },
		...(isCharged && { charged: true }),
		...(since !== undefined && { since }),
	};
	const data = { ...passedOn(received), ...why(decision), ...more };
	await ports.bus.publish(newEvent("policy", "call.granted", data, saying(ports, received)));
}

async function hold(ports: PolicyPorts, received: Received, decision: Decision): Promise<void> {
	const terms = termsOf(decision.approval, ports.clock.now());
	const token = signHold(ports.signingKey, received.data, terms.requirements, new Date(terms.expiresAt));
	const data = { ...passedOn(received), arguments: received.data.arguments, ...why(decision), terms, hold: token };
	await ports.bus.publish(newEvent("policy", "call.held", data, saying(ports, received)));
}

/** Times count from the decision. */
function termsOf(demand: ApprovalDemand | undefined, now: Date): Event<"call.held">["data"]["terms"] {
	if (!demand) throw new Error("a hold without people is a bug in decide");
	const at = (afterMs: number) => new Date(now.getTime() + afterMs).toISOString();
	return {
		requirements: demand.requirements.map((one) => ({ ...one, anyOf: [...one.anyOf] })),
		expiresAt: at(demand.expiresMs),
		remindAt: demand.remindMs.map(at),
		escalations: demand.escalations.map(({ afterMs, to, ...rest }) => ({ at: at(afterMs), to: [...to], ...rest })),
	};
}

type Ended = Pick<Event<"call.ended">["data"], "ending" | "rules" | "reasons"> & { code: string; detail?: string | undefined };

async function end(ports: PolicyPorts, received: Received, { detail, ...ended }: Ended): Promise<void> {
	const { call, caller, connection, function: name, pool, digest, revision } = received.data;
	const data = { call, caller, connection, function: name, pool, digest, revision, ...ended, ...(detail !== undefined && { detail }) };
	// Lost to itself: the call was delivered again after it was ended.
	await ports.bus.publishAfter(newEvent("policy", "call.ended", data, saying(ports, received)), 0);
}

/** The last word about a call that policy could not process: it ends, and its caller learns that it did not run. */
export async function endUndecided(ports: PolicyPorts, received: Received): Promise<void> {
	await end(ports, received, { ending: "failed", code: "internal", rules: [], reasons: [] });
}

function passedOn({ data }: Received) {
	const { call, connection, function: name, pool, digest, revision, caller, callReason, receivedAt, sealed } = data;
	return { call, connection, function: name, pool, digest, revision, caller, receivedAt, sealed, ...(callReason && { callReason }) };
}

function why({ rules, reasons }: Pick<Decision, "rules" | "reasons">) {
	return { rules: [...rules], reasons: reasons.map((reason) => ({ ...reason })) };
}

function saying({ clock }: PolicyPorts, { traceparent }: Received) {
	return { at: clock.now(), traceparent };
}
