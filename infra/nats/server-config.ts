// The NATS server's configuration: one user per service whose permissions are derived from what is declared, and one for the operator.
import { permissionsOf } from "#libs/bus/permissions.ts";
import { type Service, services } from "#libs/contracts/define-event.ts";

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
	readonly maxPayloadBytes?: number;
}

/** Events carry sealed arguments and results: the bodies Callgate accepts, in base64, twice. */
const maxPayloadBytesDefault = 8 * 1024 * 1024;

/** The text of `nats.conf`, without address and port. */
export function serverConfig({ users, storeDir, syncInterval = "always", maxPayloadBytes = maxPayloadBytesDefault }: ServerConfig): string {
	const pools = Object.keys(users.executors);
	const single = services.filter((service) => service !== "executor").map((service) => user(users.services[service], service, pools));
	const executors = Object.entries(users.executors).map(([pool, key]) => user(key, "executor", pools, pool));
	const operator = { nkey: users.operator };
	return [
		`jetstream { store_dir: ${JSON.stringify(storeDir)}, sync_interval: ${JSON.stringify(syncInterval)} }`,
		`max_payload: ${maxPayloadBytes}`,
		// A slow reader is cut off rather than held in the server's memory; it reads on from where it was.
		"write_deadline: 10s",
		`authorization { users: ${JSON.stringify([operator, ...single, ...executors], null, 2)} }`,
		"",
	].join("\n");
}

function user(nkey: string, service: Service, pools: readonly string[], pool?: string) {
	return { nkey, permissions: permissionsOf(service, pools, pool) };
}

/** The operator may do anything; only provisioning uses it. */
export const operatorInbox = "_INBOX_operator";
