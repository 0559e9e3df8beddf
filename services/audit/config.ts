// What the audit process must be told.
import { type Static, Type } from "typebox";
import { storePattern } from "#libs/proof/open-store.ts";
import { secretSetting, setting } from "#libs/service/config.ts";
import { servicePort } from "#libs/service/port-plan.ts";
import { natsSettings } from "#libs/service/service-bus.ts";
import { batchDefault, treeDefault } from "./service.ts";

const integer = (minimum: number, maximum: number, fallback: number) => Type.Integer({ minimum, maximum, default: fallback });
const password = Type.String({ minLength: 1 });

export const AuditConfig = Type.Object({
	...natsSettings,
	openSearchUrl: setting("CALLGATE_OPENSEARCH_URL", "https://host:port of OpenSearch", Type.String({ pattern: "^https?://[^/]+/?$" })),
	openSearchCaFile: Type.Optional(
		setting("CALLGATE_OPENSEARCH_CA_FILE", "PEM of the authority of OpenSearch's certificate, where it is not a public one", Type.String()),
	),
	writerUser: setting("CALLGATE_OPENSEARCH_WRITER", "the user that may only add documents", Type.String({ default: "audit-writer" })),
	writerPassword: secretSetting("CALLGATE_OPENSEARCH_WRITER_PASSWORD", "its password", password),
	storyWriterUser: setting(
		"CALLGATE_OPENSEARCH_STORY_WRITER",
		"the user that may only write the stories of calls",
		Type.String({ default: "story-writer" }),
	),
	storyWriterPassword: secretSetting("CALLGATE_OPENSEARCH_STORY_WRITER_PASSWORD", "its password", password),
	readerUser: setting("CALLGATE_OPENSEARCH_READER", "the user that may only search", Type.String({ default: "audit-reader" })),
	readerPassword: secretSetting("CALLGATE_OPENSEARCH_READER_PASSWORD", "its password", password),
	requestTimeoutMs: setting("CALLGATE_OPENSEARCH_TIMEOUT_MS", "longest one request to OpenSearch may take", integer(500, 25_000, 10_000)),
	batchEventsMax: setting("CALLGATE_AUDIT_BATCH_EVENTS", "events in one bulk request", integer(1, 10_000, batchDefault.eventsMax)),
	batchWaitMs: setting(
		"CALLGATE_AUDIT_BATCH_WAIT_MS",
		"how long after one batch the next is asked for",
		integer(1, 5_000, batchDefault.waitMs),
	),
	proofOrigin: setting(
		"CALLGATE_PROOF_ORIGIN",
		"the name of the record's tree, which no other has: a host and a path, such as callgate.example.com/record",
		Type.String({ pattern: "^[a-z0-9][a-z0-9./-]{2,127}$" }),
	),
	proofStore: setting(
		"CALLGATE_PROOF_STORE",
		"where the record's tree is kept, outside OpenSearch and NATS: file:///folder, or s3://bucket/prefix",
		Type.String({ pattern: storePattern }),
	),
	checkpointKeys: secretSetting(
		"CALLGATE_CHECKPOINT_KEYS",
		"keys that sign checkpoints, all of them each: [private JWK, Ed25519, …]",
		Type.String({ minLength: 2 }),
	),
	witnesses: setting(
		"CALLGATE_WITNESSES",
		'who is asked to sign the tree\'s checkpoints too: ["https://witness.example/prefix name+id+key", …]',
		Type.String({ default: "[]" }),
	),
	signWithinMs: setting(
		"CALLGATE_CHECKPOINT_WITHIN_MS",
		"how long after an event its checkpoint is signed at the latest",
		integer(100, 60_000, treeDefault.signWithinMs),
	),
	signEveryMs: setting(
		"CALLGATE_CHECKPOINT_EVERY_MS",
		"how often a checkpoint is signed where nothing happens",
		integer(1_000, 60_000, treeDefault.signEveryMs),
	),
	pageUrl: Type.Optional(
		setting(
			"CALLGATE_PAGE_URL",
			"turns the [audit page](audit.md#the-page) on: where browsers find this service, https://host, or http to this machine",
			Type.String({ pattern: "^(?:https://[^/?#@]+|http://(?:127\\.0\\.0\\.1|\\[::1\\]|localhost)(?::\\d+)?)$" }),
		),
	),
	pageIssuer: Type.Optional(
		setting(
			"CALLGATE_PAGE_ISSUER",
			"of the page: the issuer that auditors sign in with, found by OIDC discovery",
			Type.String({ minLength: 8 }),
		),
	),
	pageClient: Type.Optional(setting("CALLGATE_PAGE_CLIENT", "of the page: its client id there", Type.String({ minLength: 1 }))),
	pageClientSecret: Type.Optional(
		secretSetting("CALLGATE_PAGE_CLIENT_SECRET", "of the page: the client's secret; without one it is a public client", password),
	),
	pageScope: setting("CALLGATE_PAGE_SCOPE", "of the page: what it asks for", Type.String({ default: "openid" })),
	pageResource: Type.Optional(
		setting(
			"CALLGATE_PAGE_RESOURCE",
			"of the page: for whom its tokens are to be, where the issuer must be told (RFC 8707)",
			Type.String({ minLength: 1 }),
		),
	),
	pageSessionKey: Type.Optional(
		secretSetting(
			"CALLGATE_PAGE_SESSION_KEY",
			"of the page: seals its cookies, 32 bytes in base64url, the same for all replicas",
			Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" }),
		),
	),
	host: setting("CALLGATE_HOST", "address to listen on", Type.String({ default: "127.0.0.1" })),
	port: setting("CALLGATE_PORT", "port of the auditors' API, health, readiness and metrics", integer(1, 65_535, servicePort("audit"))),
});
export type AuditConfig = Static<typeof AuditConfig>;
