// What an operator runs against NATS: `node infra/nats/main.ts provision` once and after each update, `accept-loss` when part of the stream was lost, and `trim` from time to time (a cron job, say every ten minutes).
import { readFileSync } from "node:fs";
import { type Static, Type } from "typebox";
import { connectLink } from "#libs/bus/nats-link.ts";
import { namePattern } from "#libs/contracts/call.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import { readConfig, secretSetting, setting } from "#libs/service/config.ts";
import { provisionStream } from "./provision-stream.ts";
import { operatorInbox } from "./server-config.ts";
import { keepMsDefault, trimStream } from "./trim-stream.ts";

const gibibyte = 1024 ** 3;
const hourMs = 3_600_000;

const OperatorConfig = Type.Object({
	servers: setting("CALLGATE_NATS_SERVERS", "comma-separated URLs of NATS", Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })),
	seed: secretSetting("CALLGATE_NATS_OPERATOR_SEED", "the operator's NKey seed", Type.String({ pattern: "^SU[A-Z2-7]+$" })),
	caFile: Type.Optional(setting("CALLGATE_NATS_CA_FILE", "PEM of the authority of NATS' certificate", Type.String())),
	pools: setting(
		"CALLGATE_POOLS",
		"comma-separated pools of executors",
		Type.Array(Type.String({ pattern: namePattern }), { minItems: 1, default: ["default"] }),
	),
	streamBytesMax: setting(
		"CALLGATE_STREAM_BYTES_MAX",
		"size at which the stream takes no more",
		Type.Integer({ minimum: 64 * 1024 ** 2, default: 16 * gibibyte }),
	),
	replicas: setting("CALLGATE_STREAM_REPLICAS", "copies in a NATS cluster", Type.Integer({ minimum: 1, maximum: 5, default: 1 })),
	identity: Type.Optional(
		setting(
			"CALLGATE_STREAM_IDENTITY",
			"the identity of the stream that there should be, as `provision` told it",
			Type.String({ minLength: 1 }),
		),
	),
	keepMs: setting(
		"CALLGATE_STREAM_KEEP_MS",
		"how long events stay that everyone has read",
		Type.Integer({ minimum: keepMsDefault, maximum: 31 * 24 * hourMs, default: keepMsDefault }),
	),
});

async function main(command: string | undefined): Promise<string> {
	if (command !== "provision" && command !== "accept-loss" && command !== "trim")
		throw new ExpectedError(
			`found ${command === undefined ? "no command" : JSON.stringify(command)}, expected one: node infra/nats/main.ts provision, accept-loss or trim`,
		);
	const config: Static<typeof OperatorConfig> = readConfig(OperatorConfig, process.env);
	const { servers, seed, caFile, pools } = config;
	const ca = caFile === undefined ? undefined : readFileSync(caFile, "utf8");
	const operator = await connectLink({
		servers,
		seed,
		ca,
		name: "callgate-operator",
		inboxPrefix: operatorInbox,
		onStatus: () => undefined,
	});
	try {
		if (command !== "trim") {
			const { identity: wanted, streamBytesMax, replicas } = config;
			const identity = await provisionStream(operator, {
				...{ pools, streamBytesMax, replicas, identity: wanted },
				acceptLoss: command === "accept-loss",
			});
			return `the stream, its consumers and the stores are as declared; the stream's identity is ${identity}`;
		}
		const { before, removed } = await trimStream(operator, { pools, keepMs: config.keepMs, now: new Date() });
		return `${removed} messages before position ${before} removed`;
	} finally {
		await operator.close();
	}
}

main(process.argv[2]).then(
	(line) => process.stdout.write(`${line}\n`),
	(error: unknown) => {
		process.stderr.write(`callgate: ${error instanceof Error ? error.message : "failed"}\n`);
		process.exitCode = 1;
	},
);
