// What a ready stack says of itself: for people a short tour to paste, for programs one line of JSON.
import { people, workloads } from "./demo/people.ts";
import type { Part } from "./port-plan.ts";
import { proofDir, proofOrigin, vaultFiles } from "./service-plans.ts";
import type { Stack } from "./stack.ts";

const shown: readonly Part[] = ["ingress", "approval", "audit", "policy", "executor", "keeper", "bank", "idp", "slack"];

/** Every URL and demo credential. */
export function jsonOf(stack: Stack): object {
	const { keys } = stack;
	return {
		ready: true,
		dataDir: stack.dataDir,
		urls: {
			...Object.fromEntries(shown.map((part) => [part, stack.url(part)])),
			nats: stack.nats.url,
			valkey: stack.valkey.url,
			opensearch: stack.openSearch.url,
		},
		openSearch: { caFile: stack.openSearch.caFile, admin: { user: "admin", password: keys.value("opensearch-admin.password") } },
		issuer: stack.url("idp"),
		clients: [
			{ id: "ci", secret: keys.value("client-ci.secret"), grant: "client_credentials" },
			{ id: "ai-agent", secret: keys.value("client-agent.secret"), grant: "client_credentials" },
			{ id: "callgate-demo", grant: "password" },
		],
		people: people.map(({ name, email, groups, slackId }) => ({ name, email, groups, slackId, password: keys.value("people.password") })),
		bankApiKeyFile: keys.file("bank-api.key"),
		slackSigningSecretFile: keys.file("slack-signing.secret"),
		natsOperatorSeedFile: keys.file("nats-operator.seed"),
		vault: vaultFiles(stack.dataDir, keys),
		proof: { origin: proofOrigin, dir: proofDir(stack.dataDir), checkpointKeysFile: keys.file("checkpoint-keys.json") },
		logs: Object.fromEntries(Object.values(stack.services).flatMap((ones) => ones.map(({ logFile, pid }) => [logFile, pid]))),
	};
}

type Described = Pick<Stack, "dataDir" | "keys" | "url">;

/** The readable tour. */
export function describeStack(stack: Described, { config }: { readonly config: string | undefined }): string {
	const url = (part: Part) => stack.url(part);
	const persons = people.map(({ name, note }) => `${name} (${note})`).join(", ");
	const head = `
Callgate is ready. Ctrl-C stops it; starting again keeps the data in ${stack.dataDir}

  calls       ${url("ingress")}          API document: ${url("ingress")}/openapi.json
  approvals   ${url("approval")}          Slack stand-in: ${url("slack")} (open it: its buttons really click)
  record      ${url("audit")}          for auditors at a browser: ${url("audit")}/audit
  logs        ${stack.dataDir}/services/*/*.log
`;
	const { file, keyFile } = vaultFiles(stack.dataDir, stack.keys);
	const secrets = `
  A credential that a Connection names (credential: { secret: NAME }) is put into this stack's vault, with its value on standard input:
   CALLGATE_VAULT_FILE=${file} CALLGATE_VAULT_KEY_FILE=${keyFile} npm run -s callgate -- secret set NAME
`;
	return config === undefined
		? `${head}${secrets}${demoTour(stack, persons)}`
		: `${head}${secrets}\nThe configuration in force is ${config}\n`;
}

function demoTour(stack: Described, persons: string): string {
	const ingress = stack.url("ingress");
	const idp = stack.url("idp");
	const urls = `CALLGATE_URL=${ingress} CALLGATE_APPROVAL_URL=${stack.url("approval")} CALLGATE_AUDIT_URL=${stack.url("audit")}`;
	const call = (
		wait: number,
		args: string,
	) => `curl -s ${ingress}/v1/calls -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -H 'Prefer: wait=${wait}' \\
     -d '{"connection":"bank","function":"createTransfer","arguments":${args}}'`;
	return `
The tour (${workloads.map(({ clientId, note }) => `${clientId}: ${note}`).join("; ")}; people: ${persons})

 1. A token for the CI pipeline:
   TOKEN=$(curl -s -u 'ci:${stack.keys.value("client-ci.secret")}' -d grant_type=client_credentials ${idp}/token | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')

 2. Allowed: a small transfer. The bank sees its own key, never this token.
   ${call(30, '{"amount":250,"currency":"EUR","to":"DE89370400440532013000","country":"DE"}')}

 3. Denied: 403 with rule and reason. The bank sees nothing.
   ${call(30, '{"amount":250,"currency":"EUR","to":"DE89370400440532013000","country":"XX"}')}

 4. Held: waits for a click. Open ${stack.url("slack")} as dana, approve, and watch this answer.
   ${call(300, '{"amount":5000,"currency":"EUR","to":"DE89370400440532013000","country":"DE"}')}

 5. Masked: cards and e-mails come back without what matters. Only the base URL of the bank's client changed.
   curl -s ${ingress}/proxy/bank/accounts/acc-1 -H "Authorization: Bearer $TOKEN"

 6. As tools for an AI agent, over MCP. This is an MCP server behind Callgate, the bank's support desk; ${ingress}/mcp/bank are the functions above,
    ${ingress}/mcp is everything. List with --method tools/list; leave out --cli to click in the inspector. A large refund (refundTicket) is held, as in 4.
   npx -y @modelcontextprotocol/inspector --cli ${ingress}/mcp/support --transport http --header "Authorization: Bearer $TOKEN" \\
     --method tools/call --tool-name searchTickets --tool-arg words=card

 7. The whole story of one call, for an auditor (alice); CALL is an id from above:
   export CALLGATE_TOKEN=$(curl -s -d grant_type=password -d client_id=callgate-demo -d username=alice -d 'password=${stack.keys.value("people.password")}' ${idp}/token | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
   ${urls} npm run -s callgate -- audit show CALL

 8. The record proven, by files alone (what happened in the last seconds is not signed yet):
   KEY=$(npm run -s callgate -- audit key --checkpoint-keys ${stack.keys.file("checkpoint-keys.json")} --origin ${proofOrigin})
   npm run -s callgate -- audit export --store ${proofDir(stack.dataDir)} --output record.ndjson
   npm run -s callgate -- audit verify record.ndjson --key "$KEY"

Or let it do all of that itself: npm start -- --tour
`;
}
