// The NATS server's configuration: an account of its own for each service, a user whose permissions are derived from what is declared, and one for the operator.
import { serverQuestion } from "#libs/bus/inspect-stream.ts";
import { permissionsOf } from "#libs/bus/permissions.ts";
import { type Service, services } from "#libs/contracts/define-event.ts";
import { messageBytesMax } from "#libs/contracts/message-size.ts";

/** Public NKeys by user: `operator`, each service, and `executor-<pool>` for each further pool. */
export interface NatsUsers {
	readonly operator: string;
	readonly services: Readonly<Record<Exclude<Service, "executor">, string>>;
	/** Public NKey by pool. */
	readonly executors: Readonly<Record<string, string>>;
}

export interface ServerConfig {
	readonly users: NatsUsers;
	readonly storeDir: string;
	/** `always`: every acknowledged event survives a power cut; a duration like `2m`: it survives the death of the process (docs/operations.md). */
	readonly syncInterval?: string;
}

/** The text of `nats.conf`, without address and port. */
export function serverConfig({ users, storeDir, syncInterval = "always" }: ServerConfig): string {
	const pools = Object.keys(users.executors);
	const single = services
		.filter((service) => service !== "executor")
		.map((service) => [service, service, users.services[service]] as const);
	const executors = Object.entries(users.executors).map(([pool, key]) => [`executor-${pool}`, "executor", key, pool] as const);
	const accounts = {
		[system]: { exports: [{ service: serverQuestion, response_type: "stream" }] },
		[ledger]: { jetstream: "enabled", users: [{ nkey: users.operator }], exports: offered },
		...Object.fromEntries([...single, ...executors].map(([name, service, key, pool]) => [name, account(key, service, pools, pool)])),
	};
	return [
		`jetstream { store_dir: ${JSON.stringify(storeDir)}, sync_interval: ${JSON.stringify(syncInterval)} }`,
		`max_payload: ${messageBytesMax}`,
		`system_account: ${system}`,
		// A slow reader is cut off rather than held in the server's memory; it reads on from where it was.
		"write_deadline: 10s",
		`accounts: ${JSON.stringify(accounts, null, 2)}`,
		"",
	].join("\n");
}

/** The account that owns the stream and the stores. */
const ledger = "callgate";
/** NATS' own account, in which it answers for itself. It has no user; services may ask it one question, how the server keeps what it acknowledges. */
const system = "system";

/**
 * NATS checks where a client publishes, but not where it wants its answer: a request answered to someone else's subject would be written there
 * by the server itself, with content that the asker chose (a direct get of its own words). So no service shares an account with the stream:
 * what it publishes is imported by the owner of the stream, and an answer finds its way into the asker's own account only, where nobody else is.
 */
const offered: readonly { readonly service: string; readonly response_type?: "stream"; readonly response_threshold?: string }[] = [
	...["callgate.>", "$KV.>", "$JS.ACK.>"].map((service) => ({ service })),
	// The whole API, for each account has a JetStream of its own (none) that would answer too. Pulling is one request and many answers, so the way
	// back stays open until it was quiet for three heartbeats (see nats-link.ts).
	{ service: "$JS.API.>", response_type: "stream", response_threshold: "15s" },
];

function account(nkey: string, service: Service, pools: readonly string[], pool?: string) {
	return {
		users: [{ nkey, permissions: permissionsOf(service, pools, pool) }],
		imports: [
			...offered.map((one) => ({ service: { account: ledger, subject: one.service } })),
			{ service: { account: system, subject: serverQuestion } },
		],
	};
}

/** The operator may do anything; only provisioning uses it. */
export const operatorInbox = "_INBOX_operator";
