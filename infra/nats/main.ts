// What runs against NATS as its operator: `node infra/nats/main.ts provision` once and after each update, `accept-loss` when part of the stream was lost; `keep` is the process that keeps the stream short, `trim` one run of it.
import { readFileSync } from "node:fs";
import { type Static, Type } from "typebox";
import { connectLink, type Link } from "#libs/bus/nats-link.ts";
import { namePattern } from "#libs/contracts/call.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import { systemClock } from "#libs/service/clock.ts";
import { readConfig, secretSetting, setting } from "#libs/service/config.ts";
import { createHttp } from "#libs/service/http.ts";
import { createMetrics } from "#libs/service/metrics.ts";
import { keeperPortDefault } from "#libs/service/port-plan.ts";
import { runService } from "#libs/service/run.ts";
import { keepStreamShort } from "./keep-stream.ts";
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

const KeeperConfig = Type.Object({
	...OperatorConfig.properties,
	everyMs: setting(
		"CALLGATE_TRIM_EVERY_MS",
		"how long after one run of `keep` the next begins",
		Type.Integer({ minimum: 1_000, maximum: hourMs, default: 600_000 }),
	),
	host: setting("CALLGATE_HOST", "address on which `keep` listens", Type.String({ default: "127.0.0.1" })),
	port: setting(
		"CALLGATE_PORT",
		"port of health, readiness and metrics of `keep`",
		Type.Integer({ minimum: 1, maximum: 65_535, default: keeperPortDefault }),
	),
});

async function connect({ servers, seed, caFile }: Static<typeof OperatorConfig>): Promise<Link> {
	const ca = caFile === undefined ? undefined : readFileSync(caFile, "utf8");
	return await connectLink({ servers, seed, ca, name: "callgate-operator", inboxPrefix: operatorInbox, onStatus: () => undefined });
}

const commands = ["provision", "accept-loss", "trim", "keep"];

function keep(): void {
	runService("keeper", async (log, environment) => {
		const config = readConfig(KeeperConfig, environment);
		const metrics = createMetrics("keeper");
		const operator = await connect(config);
		const { pools, keepMs, everyMs, host, port } = config;
		const trim = () => trimStream(operator, { pools, keepMs, now: new Date() });
		const keeper = keepStreamShort({ trim, everyMs, clock: systemClock, log, metrics });
		const http = createHttp({ log, metrics, ready: { trimming: keeper.checkReady }, bodyBytesMax: 1_024 });
		await http.listen({ host, port });
		return {
			stop: async () => {
				await keeper.stop();
				await operator.close();
				await http.close();
			},
		};
	});
}

async function once(command: string | undefined): Promise<string> {
	if (command === undefined || !commands.includes(command))
		throw new ExpectedError(
			`found ${command === undefined ? "no command" : JSON.stringify(command)}, expected one: node infra/nats/main.ts ${commands.join(", ")}`,
		);
	const config = readConfig(OperatorConfig, process.env);
	const { pools } = config;
	const operator = await connect(config);
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

if (process.argv[2] === "keep") keep();
else
	once(process.argv[2]).then(
		(line) => process.stdout.write(`${line}\n`),
		(error: unknown) => {
			process.stderr.write(`callgate: ${error instanceof Error ? error.message : "failed"}\n`);
			process.exitCode = 1;
		},
	);
