// The safeguards that can be taken away, one at a time, to see that a fault run notices: `npm run faults -- --without NAME`.
import type { Change } from "./changed-copy.ts";

export interface Safeguard {
	readonly what: string;
	readonly changes: readonly Change[];
}

const execute = "services/executor/execute-call.ts";

export const safeguards: Readonly<Record<string, Safeguard>> = {
	claim: {
		what: "the claim is a plain write: everyone gets it",
		changes: [
			{
				file: execute,
				from: "const claimed = await ports.bus.publishAfter(event, after);",
				to: "const claimed = { won: true, position: await ports.bus.publish(event), after };",
			},
		],
	},
	"expected-sequence": {
		what: "an ending is written whatever was said before",
		changes: [
			{
				file: execute,
				from: "return await ports.bus.publishAfter(\n\t\tnewEvent(",
				to: "const publishAlways = async (event: Event<'call.ended'>, _after: Position): Promise<Conditional> => ({ won: true, position: await ports.bus.publish(event) });\n\treturn await publishAlways(\n\t\tnewEvent(",
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
				file: "services/policy/decide-opened.ts",
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
