// Runs the local OpenSearch, one node, with its security plugin: TLS everywhere, users with our roles, never as root.
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { askOpenSearch, type OpenSearchAccess } from "../opensearch/ask-opensearch.ts";
import { hashPassword, passwordHashSettings } from "../opensearch/password-hash.ts";
import {
	type OpenSearchUser,
	openSearchRoleMappings,
	openSearchRoles,
	openSearchTenants,
	openSearchUsers,
	type RecordPlaces,
	securityFiles,
} from "../opensearch/roles.ts";
import { type CertificateFiles, nodeName, provideCertificates } from "./certificates.ts";
import { openSearchVersion } from "./opensearch-parts.ts";
import { handOver, placeForServer, readableCopy, type ServerPlace } from "./other-user.ts";
import { loopback } from "./ports.ts";
import { askTimeoutMs, type RunningServer, startServer } from "./run-server.ts";
import { setupError } from "./setup-error.ts";

/** Where and how OpenSearch runs. */
export interface OpenSearchOptions {
	/** From `provideOpenSearch`. */
	readonly openSearchHome: string;
	/** From `provideJava`. */
	readonly javaHome: string;
	readonly dir: string;
	readonly port: number;
	/** Passwords, the same for every start on one `dir`, at least for `admin`; those of others may change. */
	readonly passwords: Readonly<Record<OpenSearchUser, string>>;
	/** What the users' roles are for. */
	readonly places: RecordPlaces;
	/** `minutes`, where undefined: starting soon counts more than what a document costs. */
	readonly livesFor?: "minutes" | "days";
}

/** An OpenSearch that runs. */
export interface RunningOpenSearch extends RunningServer {
	/** `https://127.0.0.1:9200` */
	readonly url: string;
	/** PEM file of the authority to trust. */
	readonly caFile: string;
	/** Where its index files really are: below `dir`, or elsewhere when `dir` is closed to the user that it runs as. */
	readonly dataDir: string;
}

/**
 * A server of a test starts with the quick compiler alone: half the processor time of a start (10 s instead of 19), which is what two busy cores
 * feel. For ever after it pays three to four times the processor for each document, so whoever stays gets the thorough one, and a heap in which
 * bulk requests of 10 MB do not trip the circuit breaker. It also gives way: callers wait for calls, for the index nobody but its readers.
 */
const javaFor = {
	minutes: { heapMb: 512, compiler: ["-XX:TieredStopAtLevel=1"], niceness: 0 },
	days: { heapMb: 1_024, compiler: [], niceness: 5 },
} as const;
/** 10 s on an idle machine of two cores; a busy one may need several times that. */
const readyWithinMs = 180_000;
const stopWithinMs = 20_000;
const passwordLengthMin = 16;

/**
 * Starts OpenSearch on 127.0.0.1 and resolves when the cluster serves, its security is in force, and users and roles are those of this
 * version of Callgate, also on data that an older one left.
 * @throws SetupError, see `startServer`; also when `dir` was made with another password of `admin`.
 */
export async function startOpenSearch(options: OpenSearchOptions): Promise<RunningOpenSearch> {
	const { dir, port, passwords } = options;
	const weak = openSearchUsers.find((user) => passwords[user].length < passwordLengthMin);
	if (weak !== undefined) throw new Error(`The OpenSearch password of ${weak} must have ${passwordLengthMin} characters or more.`);
	const place = await placeForServer(join(dir, "node"));
	const config = join(place.folder, "config");
	await mkdir(join(config, "opensearch-security"), { recursive: true, mode: 0o700 });
	await mkdir(join(place.folder, "tmp"), { recursive: true, mode: 0o700 });
	const certificates = await provideCertificates(join(config, "certificates"));
	const ca = await readFile(certificates.ca, "utf8");
	// The CA's certificate is public; clients that are not the server's user read it here.
	const caFile = join(dir, "ca.pem");
	await writeFile(caFile, ca, { mode: 0o644 });
	await writeConfig(options, place, certificates);
	const { command, args } = await javaCommand(options, place);
	await handOver(place);

	const access: OpenSearchAccess = { url: `https://${loopback}:${port}`, ca, user: "admin", password: passwords.admin };
	const server = await startServer({
		name: "opensearch",
		command,
		args,
		dir,
		port,
		niceness: javaFor[options.livesFor ?? "minutes"].niceness,
		...(place.user === undefined ? {} : { user: place.user }),
		readyWithinMs,
		stopWithinMs,
		isReady: () => isReady(access, dir),
	});
	try {
		await applySecurity(options, access, place);
	} catch (error) {
		await server.stop();
		throw error;
	}
	return Object.assign(server, { url: access.url, caFile, dataDir: join(place.folder, "data") });
}

async function isReady(access: OpenSearchAccess, dir: string): Promise<boolean> {
	const { status, body } = await askOpenSearch(access, "GET", "/_cluster/health", undefined, askTimeoutMs);
	// Until its security index is read, the plugin answers 503; afterwards a 401 is about the password and will not go away.
	if (status === 401) {
		throw setupError({
			failed: `OpenSearch does not accept the password of \`admin\` that belongs to ${dir}.`,
			expected: "the password that this data folder was made with.",
			todo: `Bring back the credentials that were kept beside it, or move ${dir} away and run this again: audit refills the index from the stream.`,
		});
	}
	return status === 200 && /"status":"(green|yellow)"/.test(body);
}

async function writeConfig(options: OpenSearchOptions, place: ServerPlace, certificates: CertificateFiles): Promise<void> {
	const config = join(place.folder, "config");
	await writeFile(join(config, "opensearch.yml"), stringify(nodeSettings(options, place, certificates)), { mode: 0o600 });
	await writeFile(join(config, "log4j2.properties"), logSettings, { mode: 0o600 });
	// The plugin reads its files on the very first start only; later changes go through its API (`applySecurity`).
	if ((await appliedSecurity(place)) !== undefined) return;
	const hashes = await Promise.all(openSearchUsers.map(async (user) => [user, await hashPassword(options.passwords[user])] as const));
	const passwordHashes = Object.fromEntries(hashes) as Record<OpenSearchUser, string>;
	for (const [name, text] of Object.entries(securityFiles({ places: options.places, passwordHashes }))) {
		await writeFile(join(config, "opensearch-security", name), text, { mode: 0o600 });
	}
}

function nodeSettings(options: OpenSearchOptions, place: ServerPlace, certificates: CertificateFiles): object {
	const tls = (layer: "http" | "transport"): object => ({
		[`plugins.security.ssl.${layer}.pemcert_filepath`]: certificates.certificate,
		[`plugins.security.ssl.${layer}.pemkey_filepath`]: certificates.key,
		[`plugins.security.ssl.${layer}.pemtrustedcas_filepath`]: certificates.ca,
	});
	return {
		"cluster.name": "callgate",
		"node.name": "callgate-local",
		"discovery.type": "single-node",
		"network.host": loopback,
		"http.port": options.port,
		// One node talks to nobody, but it insists on a port: any free one.
		"transport.port": "0",
		"path.data": join(place.folder, "data"),
		"path.logs": join(place.folder, "logs"),
		// Whatever is not provisioned must not appear by someone writing to it.
		"action.auto_create_index": "false",
		// The defaults are per cent of the disk, which on a full developer's machine makes every index read-only.
		"cluster.routing.allocation.disk.watermark.low": "2gb",
		"cluster.routing.allocation.disk.watermark.high": "1gb",
		"cluster.routing.allocation.disk.watermark.flood_stage": "500mb",
		"plugins.security.ssl.http.enabled": true,
		"plugins.security.ssl.http.clientauth_mode": "NONE",
		...tls("http"),
		...tls("transport"),
		"plugins.security.nodes_dn": [nodeName],
		"plugins.security.allow_default_init_securityindex": true,
		"plugins.security.restapi.roles_enabled": ["all_access"],
		"plugins.security.audit.type": "noop",
		...passwordHashSettings,
	};
}

/** To standard output, which goes into the log file; no rotation, a local stack writes little. */
const logSettings = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
# While it starts, the plugin calls each question before its index is read an error.
logger.registry.name = org.opensearch.security.auth.BackendRegistry
logger.registry.level = fatal
`;

async function javaCommand(options: OpenSearchOptions, place: ServerPlace): Promise<{ command: string; args: string[] }> {
	const manifest = "callgate-manifest.json";
	const home = await readableCopy(place, options.openSearchHome, manifest);
	const javaHome = await readableCopy(place, options.javaHome, "release");
	const { heapMb, compiler } = javaFor[options.livesFor ?? "minutes"];
	const temporary = join(place.folder, "tmp");
	const args = [
		`-Xms${heapMb}m`,
		`-Xmx${heapMb}m`,
		// Starts fastest and costs least memory with so small a heap.
		"-XX:+UseSerialGC",
		...compiler,
		"-XX:+ExitOnOutOfMemoryError",
		`-XX:ErrorFile=${join(place.folder, "java-error.log")}`,
		`-Djava.io.tmpdir=${temporary}`,
		`-Djna.tmpdir=${temporary}`,
		"-Dfile.encoding=UTF-8",
		"-Djava.awt.headless=true",
		"-Dlog4j2.disable.jmx=true",
		// OpenSearch closes its log itself, after the last line.
		"-Dlog4j.shutdownHookEnabled=false",
		"-Dio.netty.noUnsafe=true",
		"--add-opens=java.base/java.nio.channels=ALL-UNNAMED",
		"--enable-native-access=ALL-UNNAMED",
		"--sun-misc-unsafe-memory-access=allow",
		`-javaagent:${join(home, "agent", `opensearch-agent-${openSearchVersion}.jar`)}`,
		`-Dopensearch.path.home=${home}`,
		`-Dopensearch.path.conf=${join(place.folder, "config")}`,
		"-Dopensearch.distribution.type=tar",
		"-cp",
		join(home, "lib/*"),
		"org.opensearch.bootstrap.OpenSearch",
	];
	return { command: join(javaHome, "bin/java"), args };
}

function appliedFile(place: ServerPlace): string {
	return join(place.folder, "security-applied.sha256");
}

/** A digest of the users and roles in force, if this folder has any. */
async function appliedSecurity(place: ServerPlace): Promise<string | undefined> {
	return readFile(appliedFile(place), "utf8").catch(() => undefined);
}

/** Users and roles live in an index once it exists; this brings that index to what this version of Callgate and these passwords ask for. */
async function applySecurity(options: OpenSearchOptions, access: OpenSearchAccess, place: ServerPlace): Promise<void> {
	const { places, passwords } = options;
	const roles = openSearchRoles(places);
	const mappings = openSearchRoleMappings();
	const wanted = createHash("sha256")
		.update(JSON.stringify({ roles, mappings, tenants: openSearchTenants, passwords }))
		.digest("hex");
	const applied = await appliedSecurity(place);
	if (applied === wanted) return;
	if (applied !== undefined) {
		for (const [name, tenant] of Object.entries(openSearchTenants)) await put(access, `tenants/${name}`, tenant);
		for (const [name, role] of Object.entries(roles)) await put(access, `roles/${name}`, role);
		for (const [name, mapping] of Object.entries(mappings)) await put(access, `rolesmapping/${name}`, mapping);
		for (const user of openSearchUsers) {
			if (user !== "admin") await put(access, `internalusers/${user}`, { hash: await hashPassword(passwords[user]) });
		}
	}
	await writeFile(appliedFile(place), wanted, { mode: 0o600 });
}

async function put(access: OpenSearchAccess, what: string, body: object): Promise<void> {
	const { status, body: answer } = await askOpenSearch(access, "PUT", `/_plugins/_security/api/${what}`, body);
	if (status === 200 || status === 201) return;
	throw setupError({
		failed: `OpenSearch refused the security setting ${what} with status ${status}.`,
		expected: "200 or 201.",
		todo: "Move OpenSearch's data folder away and run this again: audit refills the index from the stream.",
		detail: answer.slice(0, 500),
	});
}
