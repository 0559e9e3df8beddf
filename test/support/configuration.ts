// The configuration of the end-to-end tests: the demo's, and beside it what the demo has no need of.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { demoConfiguration } from "../../infra/local/demo/configuration.ts";
import { urlOf } from "../../infra/local/port-plan.ts";
import { sayTool } from "../../services/executor/dial-mcp/mcp-server.test-support.ts";
import { mcpBankPort, mcpBankTools } from "./mcp-bank-tools.ts";

/** An issuer whose key the tests hold: what it signs has a valid signature, so that everything else about a token can be wrong. */
export interface Forger {
	readonly privateJwk: JWK;
	readonly publicJwk: JWK;
}

/** Never asked: its keys are a file. */
export const forgerIssuer = "https://forger.example";

export async function makeForger(): Promise<Forger> {
	const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });
	const kid = "forger-1";
	return { privateJwk: { ...(await exportJWK(privateKey)), kid }, publicJwk: { ...(await exportJWK(publicKey)), kid } };
}

interface Places {
	readonly firstPort: number;
	/** Where a test may listen as a function: see lab.ts. */
	readonly labPort: number;
	readonly forger: Forger;
}

export async function writeConfiguration(dir: string, { firstPort, labPort, forger }: Places): Promise<void> {
	const files = {
		...demoConfiguration({ issuer: urlOf("idp", firstPort), bankUrl: urlOf("bank", firstPort) }),
		"forger.yaml": issuer,
		"forger.jwks.json": JSON.stringify({ keys: [forger.publicJwk] }),
		"lab.yaml": lab(labPort),
		"desk.yaml": desk(labPort),
		"late.yaml": late(labPort),
		"fixture.yaml": fixture(labPort + 1),
		"fixture.mcp.json": await readFile(new URL("../conformance/fixture.mcp.json", import.meta.url), "utf8"),
		"tools.yaml": JSON.stringify(tools(dir)),
		"tools.mcp.json": JSON.stringify({ protocolVersion: "2025-11-25", tools: [sayTool] }),
		"mcpbank.yaml": mcpBank(mcpBankPort(labPort)),
		"mcpbank.mcp.json": JSON.stringify({ protocolVersion: "2025-11-25", tools: mcpBankTools }),
		"tests.yaml": policy,
	};
	await mkdir(dir, { recursive: true });
	await mkdir(toolsDirOf(dir), { recursive: true });
	await writeFile(join(toolsDirOf(dir), "behaviour"), "answers with the note");
	for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
}

const issuer = `kind: Issuer
name: forger
issuer: ${forgerIssuer}
jwks: forger.jwks.json
audience: callgate
algorithms: [RS256]
claims: { groups: groups, email: email }
`;

const tag = `arguments: { type: object, properties: { tag: { type: string, maxLength: 200 } }, required: [tag], additionalProperties: false }`;

const mail = `arguments: { type: object, properties: { tag: { type: string }, to: { type: string, format: email }, text: { type: string } }, required: [tag, to], additionalProperties: false }`;

const lab = (port: number): string => `kind: Connection
name: lab
protocol: http
url: http://127.0.0.1:${port}
credential: { secret: bank-api-key, as: bearer }
forward: [accept, accept-language]
allowPrivateAddresses: true
functions:
  work: { method: POST, path: /work, timeout: 2s, ${tag} }
  repeatable: { method: POST, path: /repeatable, timeout: 2s, idempotent: true, ${tag} }
  guarded: { method: POST, path: /guarded, timeout: 2s, ${tag} }
  read: { method: GET, path: /file, ${tag} }
  look: { method: HEAD, path: /file, ${tag} }
  chat:
    method: POST
    path: /file/chat/completions
    stream: true
    timeout: 8s
    arguments: { type: object, properties: { model: { type: string }, messages: { type: array } }, required: [model, messages], additionalProperties: true }
  forbidden: { method: POST, path: /forbidden, ${tag} }
  say:
    method: POST
    path: /say
    arguments: { type: object, properties: { text: { type: string }, code: { type: string, maxLength: 1000, pattern: "[A-Za-z0-9]{1,1000}$" } } }
`;

/** Where an agent reads a customer and writes to them, and is to see neither name nor address: see tokens.test.ts. */
const desk = (port: number): string => `kind: Connection
name: desk
protocol: http
url: http://127.0.0.1:${port}
allowPrivateAddresses: true
functions:
  customer: { method: GET, path: /file, ${tag} }
  send: { method: POST, path: /send, ${mail} }
  sendOutside: { method: POST, path: /outside, ${mail} }
---
kind: Policy
name: desk
rules:
  - name: desk-is-for-agents
    match: { connection: desk, function: [customer, send], groups: [agents, ci] }
    effect: allow
  - name: desk-asks-finance
    match: { connection: desk, function: sendOutside }
    effect: hold
    approval: { anyOf: [finance], quorum: 1, expires: 10m }
mask:
  - match: { connection: desk, function: customer }
    response: { "$.email": tokenize, "$.name": tokenize name }
  - match: { connection: desk, function: [send, sendOutside] }
    detokenize: { "$.to": [email], "$.text": [name] }
`;

/** Its credential is not in the vault until a test puts it there. */
export const lateSecret = "put-there-by-a-test";

const late = (port: number): string => `kind: Connection
name: late
protocol: http
url: http://127.0.0.1:${port}
credential: { secret: ${lateSecret}, as: bearer }
allowPrivateAddresses: true
functions:
  spend:
    method: POST
    path: /work
    arguments: { type: object, properties: { tag: { type: string }, amount: { type: integer } }, required: [tag, amount] }
`;

/** The MCP server of the conformance suite, on the port after the lab's. */
const fixture = (port: number): string => `kind: Connection
name: fixture
protocol: mcp
url: http://127.0.0.1:${port}/mcp
mcp: fixture.mcp.json
media: pass
allowPrivateAddresses: true
functions:
  test_tool_with_progress: { stream: true }
  test_tool_with_logging: { stream: true }
  test_elicitation: { asks: [elicitation] }
  test_elicitation_sep1034_defaults: { asks: [elicitation] }
  test_elicitation_sep1330_enums: { asks: [elicitation] }
  test_sampling: { asks: [sampling] }
  test_input_required_result_elicitation: { asks: [elicitation, sampling, roots] }
  test_input_required_result_sampling: { asks: [elicitation, sampling, roots] }
  test_input_required_result_list_roots: { asks: [elicitation, sampling, roots] }
  test_input_required_result_request_state: { asks: [elicitation, sampling, roots] }
  test_input_required_result_tampered_state: { asks: [elicitation, sampling, roots] }
  test_input_required_result_multiple_inputs: { asks: [elicitation, sampling, roots] }
  test_input_required_result_multi_round: { asks: [elicitation, sampling, roots] }
  test_tool_with_task: { asks: [elicitation, sampling, roots] }
  confirm_delete: { asks: [elicitation] }
  multi_input: { asks: [elicitation] }
  test_input_required_result_capabilities: { asks: [elicitation, sampling, roots] }
  test_missing_capability: { asks: [elicitation, sampling, roots] }
  prompts/get: { asks: [elicitation] }
`;

/** The bank's functions once more, as tools of an MCP server, under the same rules: see mcp-bank.ts. */
const mcpBank = (port: number): string => `kind: Connection
name: mcpbank
protocol: mcp
url: http://127.0.0.1:${port}/mcp
mcp: mcpbank.mcp.json
credential: { secret: bank-api-key, as: bearer }
allowPrivateAddresses: true
functions: { createTransfer: { timeout: 10s } }
---
kind: Policy
name: mcpbank
rules:
  - name: mcpbank-small-transfers
    match: { connection: mcpbank, function: createTransfer, groups: [ci] }
    when: args.amount <= 1000
    effect: allow
  - name: mcpbank-reading
    match: { connection: mcpbank, function: [getAccount, chat], groups: [ci] }
    effect: allow
  - name: mcpbank-large-transfers
    match: { connection: mcpbank, function: createTransfer }
    when: args.amount > 1000
    effect: hold
    approval: { anyOf: [finance], quorum: 1, expires: 30m }
  - name: mcpbank-held-for-a-moment
    match: { connection: mcpbank, function: createTransfer }
    when: has(args.reference) && args.reference.startsWith("expires soon")
    effect: hold
    approval: { anyOf: [finance], quorum: 1, expires: 1m }
  - name: mcpbank-never
    match: { connection: mcpbank, function: createTransfer }
    when: args.country == "XX"
    effect: deny
mask:
  - match: { connection: mcpbank }
    response: { "$.structuredContent.card": last4, "$.structuredContent.customer.ssn": redact }
    detect: [card, email, iban, national-id]
`;

/** Beside the data of the stack, which is searched for what must not be stored: the program notes what it was given, and its credential. */
export const toolsDirOf = (configDir: string): string => `${dirname(configDir)}-tools`;

/** An MCP server that is a program. It says what it is given, and notes each call in the file `calls`. */
const tools = (dir: string) => ({
	...{ kind: "Connection", name: "tools", protocol: "mcp", command: process.execPath, mcp: "tools.mcp.json" },
	args: [fileURLToPath(new URL("../../services/executor/dial-mcp/program-peer.test-support.ts", import.meta.url)), toolsDirOf(dir)],
	credential: { secret: "bank-api-key", as: "env", name: "API_KEY" },
});

const policy = `kind: Policy
name: tests
mask:
  - match: { connection: tools }
    response: { "$.structuredContent.ssn": redact }
    detect: [card]
rules:
  - name: tools-say
    match: { connection: tools, function: say, groups: [ci] }
    when: has(args.note) && !args.note.startsWith("ask")
    effect: allow
  - name: tools-ask-finance
    match: { connection: tools, function: say }
    when: has(args.note) && args.note.startsWith("ask")
    effect: hold
    approval: { anyOf: [finance], quorum: 1, expires: 10m }
  - name: tools-never
    match: { connection: tools, function: say }
    when: has(args.note) && args.note.contains("never")
    effect: deny
  - name: held-for-a-moment
    match: { connection: bank, function: createTransfer }
    when: has(args.reference) && args.reference.startsWith("expires soon")
    effect: hold
    approval: { anyOf: [finance], quorum: 1, expires: 1m }
  - name: lab-is-open
    match: { connection: lab, function: [work, repeatable, read, look, chat], groups: [ci] }
    effect: allow
  - name: fixture-is-open
    match: { connection: fixture, groups: [ci] }
    effect: allow
  - name: late-spends-ten
    match: { connection: late, function: spend, groups: [ci] }
    effect: allow
    limit: { sum: args.amount, per: caller, window: 24h, max: 10 }
  - name: lab-asks-finance
    match: { connection: lab, function: guarded }
    effect: hold
    approval: { anyOf: [finance], quorum: 1, expires: 10m }
`;
