// Every key and password of a local stack: made once per data folder, each in a file that only its owner can read.
import { generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exportJWK, generateKeyPair } from "jose";
import { newUserKey, publicKeyOf } from "#libs/bus/nats-link.ts";
import type { NatsUsers } from "../nats/server-config.ts";
import type { OpenSearchUser } from "../opensearch/roles.ts";
import { hasCode } from "./setup-error.ts";

export const localPool = "default";

/** Files by what they hold; a service gets the paths of its own and no others. */
export interface KeyRing {
	readonly dir: string;
	/** The path of one file. */
	file(name: SecretName): string;
	/** The content of one file. */
	value(name: SecretName): string;
	readonly natsUsers: NatsUsers;
	readonly openSearchPasswords: Readonly<Record<OpenSearchUser, string>>;
}

const password = () => randomBytes(24).toString("base64url");
const natsSeed = () => newUserKey().seed;

/** How each secret is made. Pairs of keys are made together below. */
const makers = {
	"nats-operator.seed": natsSeed,
	"nats-ingress.seed": natsSeed,
	"nats-policy.seed": natsSeed,
	"nats-approval.seed": natsSeed,
	"nats-executor.seed": natsSeed,
	"nats-audit.seed": natsSeed,
	"sealing-keys.json": () => {
		const key = { kty: "oct", kid: `seal-${randomUUID().slice(0, 8)}`, k: randomBytes(32).toString("base64url") };
		return JSON.stringify({ [localPool]: [key] });
	},
	"masking-keys.json": () =>
		JSON.stringify([{ kty: "oct", kid: `mask-${randomUUID().slice(0, 8)}`, k: randomBytes(32).toString("base64url") }]),
	"checkpoint-keys.json": () => JSON.stringify([generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" })]),
	"page-session.key": () => randomBytes(32).toString("base64url"),
	"vault.key": () => randomBytes(32).toString("base64url"),
	"valkey.password": password,
	"opensearch-admin.password": password,
	"opensearch-provisioner.password": password,
	"opensearch-writer.password": password,
	"opensearch-stories.password": password,
	"opensearch-reader.password": password,
	"slack-bot.token": () => `xoxb-${randomBytes(6).toString("hex")}-${randomBytes(12).toString("hex")}`,
	"slack-signing.secret": () => randomBytes(16).toString("hex"),
	"bank-api.key": () => `bank_${randomBytes(24).toString("base64url")}`,
	"people.password": () => randomBytes(9).toString("base64url"),
	"client-ci.secret": password,
	"client-agent.secret": password,
} as const;

const signingFiles = ["policy-signing.jwk", "approval-signing.jwk", "grant-keys.json"] as const;
export type SecretName = keyof typeof makers | (typeof signingFiles)[number];

/** Opens the key ring of a data folder, making what is missing. */
export async function openKeyRing(dir: string): Promise<KeyRing> {
	await mkdir(dir, { recursive: true, mode: 0o700 });
	await chmod(dir, 0o700);
	const values = new Map<SecretName, string>();
	for (const [name, make] of Object.entries(makers) as [keyof typeof makers, () => string][]) {
		values.set(name, (await readSecret(dir, name)) ?? (await writeSecret(dir, name, make())));
	}
	for (const [name, value] of await signingKeys(dir)) values.set(name, value);
	const value = (name: SecretName) => values.get(name) ?? "";
	const publicKey = (service: string) => publicKeyOf(value(`nats-${service}.seed` as SecretName));
	return {
		dir,
		file: (name) => join(dir, name),
		value,
		natsUsers: {
			operator: publicKey("operator"),
			services: { ingress: publicKey("ingress"), policy: publicKey("policy"), approval: publicKey("approval"), audit: publicKey("audit") },
			executors: { [localPool]: publicKey("executor") },
		},
		openSearchPasswords: {
			admin: value("opensearch-admin.password"),
			provisioner: value("opensearch-provisioner.password"),
			"audit-writer": value("opensearch-writer.password"),
			"story-writer": value("opensearch-stories.password"),
			"audit-reader": value("opensearch-reader.password"),
		},
	};
}

/** Policy's and approval's private keys, and one file with the public halves for executors: made together, because they belong together. */
async function signingKeys(dir: string): Promise<[SecretName, string][]> {
	const known = await Promise.all(signingFiles.map((name) => readSecret(dir, name)));
	if (known.every((value) => value !== undefined)) return signingFiles.map((name, index) => [name, known[index] ?? ""]);
	const pair = async (signer: string) => {
		const { privateKey, publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
		const kid = `${signer}-${randomUUID().slice(0, 8)}`;
		return { secret: { ...(await exportJWK(privateKey)), kid }, open: { ...(await exportJWK(publicKey)), kid } };
	};
	const [policy, approval] = [await pair("policy"), await pair("approval")];
	const values: [SecretName, string][] = [
		["policy-signing.jwk", JSON.stringify(policy.secret)],
		["approval-signing.jwk", JSON.stringify(approval.secret)],
		["grant-keys.json", JSON.stringify({ policy: [policy.open], approval: [approval.open] })],
	];
	for (const [name, value] of values) await writeSecret(dir, name, value);
	return values;
}

async function readSecret(dir: string, name: string): Promise<string | undefined> {
	try {
		return (await readFile(join(dir, name), "utf8")).trim();
	} catch (error) {
		if (hasCode(error, "ENOENT")) return undefined;
		throw error;
	}
}

async function writeSecret(dir: string, name: string, value: string): Promise<string> {
	await writeFile(join(dir, name), `${value}\n`, { mode: 0o600 });
	return value;
}
