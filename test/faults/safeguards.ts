// The safeguards that can be taken away, one at a time, to see that a fault run notices: `npm run faults -- --without NAME`.
import type { Change } from "./changed-copy.ts";

export interface Safeguard {
	readonly what: string;
	readonly changes: readonly Change[];
}

const bus = "libs/bus/bus-nats.ts";
const ledger = "services/executor/ledger.ts";
const condition = "const condition = conditionOn(reading.filter, reading.position());";

/** What is written about a call on subjects of its own is a plain write. */
function ownPlain(from: string, [event, after]: readonly [string, string]): Change {
	const bus = "this.bus as unknown as { publish(event: unknown): Promise<Position> }";
	return {
		file: "services/executor/history.ts",
		from,
		to: `return { won: true, position: await (${bus}).publish(${event}), after: ${after} } as Conditional;`,
	};
}

export const safeguards: Readonly<Record<string, Safeguard>> = {
	claim: {
		what: "the claim of a call with subjects of its own is a plain write: everyone gets it",
		changes: [ownPlain("return await this.bus.publishAfter(started, after);", ["started", "after"])],
	},
	"expected-sequence": {
		what: "an ending of a call with subjects of its own is written whatever was said before",
		changes: [
			ownPlain("return await this.bus.publishAfter(ended, claim);", ["ended", "claim"]),
			ownPlain("return await this.bus.publishAfter(ended, after);", ["ended", "after"]),
		],
	},
	"ledger-claim": {
		what: "a claim in the ledger is written whatever was read",
		changes: [
			{
				file: bus,
				from: condition,
				to: "const condition = reading.filter.endsWith('.>') ? {} : conditionOn(reading.filter, reading.position());",
			},
			{
				file: ledger,
				from: 'return word !== "unread" && !word?.ended && (word?.claimed.position ?? 0) === after;',
				to: "return word === word || after === 0;",
			},
		],
	},
	"ledger-ending": {
		what: "an ending in the ledger is written whoever took the call",
		changes: [
			{
				file: bus,
				from: condition,
				to: "const condition = reading.filter.endsWith('.>') ? conditionOn(reading.filter, reading.position()) : {};",
			},
			{ file: ledger, from: "this.endingWriter.write(ended, () => !own.isLost);", to: "this.endingWriter.write(ended, () => true);" },
			{ file: ledger, from: "if (own?.position !== claim) return", to: "if (!own) return" },
		],
	},
	"ledger-take-over": {
		what: "a call in the ledger is ended by others without a take-over, whoever has it",
		changes: [
			{
				file: ledger,
				from: "return taken.won ? await this.end(ended, taken.position) : taken;",
				to: "return taken;",
			},
			{
				file: ledger,
				from: "const taken = await this.take(ended, attempts, after, since);",
				to: "const taken = await this.endingWriter.write(ended, () => after === 0 || attempts > 0);",
			},
		],
	},
	"digest-executor": {
		what: "the executor does not compare what it opened with the digest that was granted",
		changes: [
			{
				file: "services/executor/read-granted.ts",
				from: "if (digestOf({ caller, connection, function: name, arguments: args, salt }) !== digest) return undefined;",
				to: "void [digestOf, caller, salt, digest];",
			},
		],
	},
	"digest-policy": {
		what: "policy decides on arguments that are not those of the digest",
		changes: [
			{
				file: "libs/policy/decide-opened.ts",
				from: "if (digestOf({ caller, connection, function: name, arguments: args, salt }) !== digest) return undefined;",
				to: "void [digestOf, salt, digest];",
			},
		],
	},
	signature: {
		what: "a grant counts whoever signed it",
		changes: [
			{
				file: "libs/contracts/jws.ts",
				from: "return isGood ? claims : undefined;",
				to: "return isGood || key ? claims : undefined;",
			},
		],
	},
	hold: {
		what: "approval's key alone is enough to grant",
		changes: [
			{
				file: "libs/contracts/grant.ts",
				from: "verifyHold(claims, this.keys, expected);",
				to: "void verifyHold;",
			},
		],
	},
	"expected-sequence-approval": {
		what: "a vote, an expiry or a cancelling is written whatever was said before",
		changes: [
			{
				file: "services/approval/carry-out.ts",
				from: "const written = await parts.bus.publishAfter(event, approval.last);",
				to: "const bus = parts.bus as unknown as Bus;\n\t\tconst written: Conditional = { won: true, position: await bus.publish(event) };",
			},
			{
				file: "services/approval/carry-out.ts",
				from: 'import { EventsUnavailable } from "#libs/bus/bus.ts";',
				to: 'import { type Bus, type Conditional, EventsUnavailable } from "#libs/bus/bus.ts";',
			},
		],
	},
	"retention-guard": {
		what: "claims and endings are trimmed as soon as everyone has read them, before the grants that they guard",
		changes: [
			{
				file: "infra/nats/trim-stream.ts",
				from: "let removed = 0;\n\tfor (const filter of [",
				to: 'let removed = await purge(operator, "callgate.*.*.executor.>", Math.min(floor, await firstSince(operator, now)));\n\tfor (const filter of [',
			},
		],
	},
	"tree-writer": {
		what: "the record's tree is written by everyone at once, over what others wrote",
		changes: [
			{
				file: "services/audit/proof/hold-lease.ts",
				from: "this.quietMs() < leaseMs) return false;",
				to: "this.quietMs() < -leaseMs) return false;",
			},
			{
				file: "services/audit/proof/hold-lease.ts",
				from: "if (!result.won) return false;",
				to: "if (!result.won) return true;",
			},
			{
				file: "libs/proof/store-files.ts",
				from: "await link(temporary, path).then(",
				to: "await copyFile(temporary, path).then(",
			},
			{
				file: "libs/proof/store-files.ts",
				from: "import { link, mkdir,",
				to: "import { copyFile, mkdir,",
			},
		],
	},
	"bulk-items": {
		what: "a bulk request that was answered counts as indexed, whatever it says of each document",
		changes: [
			{
				file: "services/audit/index-opensearch.ts",
				from: 'if (status === 200 || status === 201) return { kind: "created" };',
				to: 'if (status > 0) return { kind: "created" };',
			},
		],
	},
	"reconnect-pace": {
		what: "when a lost connection to NATS is dialled again goes by the time of day",
		changes: [
			{
				file: "libs/bus/nats-link.ts",
				from: "reconnectDelayHandler: createReconnectPace(),",
				to: "reconnectTimeWait: 250 + 0 * createReconnectPace.length,",
			},
		],
	},
};
