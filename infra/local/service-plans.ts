// How each of the five services is started here: its program and the environment that tells it all it may know, its own secrets by file.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Service } from "#libs/contracts/define-event.ts";
import { type KeyRing, localPool } from "./key-ring.ts";
import { type Part, portOf, urlOf } from "./port-plan.ts";
import { loopback } from "./ports.ts";

/** What the services need to be told beyond their keys. */
export interface StackFacts {
	readonly firstPort: number;
	readonly keys: KeyRing;
	readonly dataDir: string;
	readonly natsUrl: string;
	readonly streamIdentity: string;
	readonly redisUrlFile: string;
	readonly openSearch: { readonly url: string; readonly caFile: string };
	readonly configurationDir: string;
	readonly slackApiUrl: string;
}

export interface ServicePlan {
	readonly name: string;
	/** Within a checkout. */
	readonly script: string;
	readonly port: number;
	readonly env: Readonly<Record<string, string>>;
}

export function vaultFiles(dataDir: string, keys: KeyRing): { file: string; keyFile: string } {
	return { file: join(dataDir, "vault.json"), keyFile: keys.file("vault.key") };
}

/** The name of a local stack's tree over its record. */
export const proofOrigin = "callgate.local/record";

export function proofDir(dataDir: string): string {
	return join(dataDir, "proof");
}

export function servicePlan(service: Service, replica: number, facts: StackFacts): ServicePlan {
	const port = portOf(service satisfies Part, facts.firstPort, replica);
	return {
		name: replica === 0 ? service : `${service}-${replica + 1}`,
		script: join("services", service, "main.ts"),
		port,
		env: {
			CALLGATE_HOST: loopback,
			CALLGATE_PORT: String(port),
			CALLGATE_NATS_SERVERS: facts.natsUrl,
			CALLGATE_STREAM_IDENTITY: facts.streamIdentity,
			CALLGATE_NATS_SEED_FILE: facts.keys.file(`nats-${service}.seed`),
			...own[service](facts, replica),
		},
	};
}

const own: Record<Service, (facts: StackFacts, replica: number) => Record<string, string>> = {
	ingress: ({ keys, firstPort }, replica) => ({
		CALLGATE_SEALING_KEYS_FILE: keys.file("sealing-keys.json"),
		CALLGATE_PUBLIC_URL: `http://${loopback}:${portOf("ingress", firstPort, replica)}`,
	}),
	policy: ({ keys, configurationDir }, replica) => ({
		CALLGATE_SEALING_KEYS_FILE: keys.file("sealing-keys.json"),
		CALLGATE_SIGNING_KEY_FILE: keys.file("policy-signing.jwk"),
		// One replica activates; the others follow, as every service does.
		...(replica === 0 && { CALLGATE_CONFIGURATION_DIR: configurationDir }),
	}),
	approval: ({ keys, redisUrlFile, slackApiUrl }) => ({
		CALLGATE_SIGNING_KEY_FILE: keys.file("approval-signing.jwk"),
		CALLGATE_REDIS_URL_FILE: redisUrlFile,
		CALLGATE_SLACK_TOKEN_FILE: keys.file("slack-bot.token"),
		CALLGATE_SLACK_SIGNING_SECRET_FILE: keys.file("slack-signing.secret"),
		CALLGATE_SLACK_API_URL: slackApiUrl,
	}),
	executor: ({ keys, dataDir }) => ({
		CALLGATE_POOL: localPool,
		CALLGATE_SEALING_KEYS_FILE: keys.file("sealing-keys.json"),
		CALLGATE_MASKING_KEYS_FILE: keys.file("masking-keys.json"),
		CALLGATE_GRANT_KEYS_FILE: keys.file("grant-keys.json"),
		CALLGATE_VAULT_FILE: vaultFiles(dataDir, keys).file,
		CALLGATE_VAULT_KEY_FILE: vaultFiles(dataDir, keys).keyFile,
	}),
	audit: ({ keys, dataDir, openSearch, firstPort }, replica) => ({
		CALLGATE_OPENSEARCH_URL: openSearch.url,
		CALLGATE_OPENSEARCH_CA_FILE: openSearch.caFile,
		CALLGATE_OPENSEARCH_WRITER_PASSWORD_FILE: keys.file("opensearch-writer.password"),
		CALLGATE_OPENSEARCH_STORY_WRITER_PASSWORD_FILE: keys.file("opensearch-stories.password"),
		CALLGATE_OPENSEARCH_READER_PASSWORD_FILE: keys.file("opensearch-reader.password"),
		CALLGATE_PROOF_ORIGIN: proofOrigin,
		CALLGATE_PROOF_STORE: pathToFileURL(proofDir(dataDir)).href,
		CALLGATE_CHECKPOINT_KEYS_FILE: keys.file("checkpoint-keys.json"),
		CALLGATE_PAGE_URL: `http://${loopback}:${portOf("audit", firstPort, replica)}`,
		CALLGATE_PAGE_ISSUER: urlOf("idp", firstPort),
		CALLGATE_PAGE_CLIENT: "callgate-audit",
		CALLGATE_PAGE_SESSION_KEY_FILE: keys.file("page-session.key"),
	}),
};
