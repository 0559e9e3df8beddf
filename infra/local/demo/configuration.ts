// The demo's configuration, as its users would write it: start-up knows ports only when it runs, so the files are made, then read like any others.
import { readFileSync } from "node:fs";

/** The files of the demo's configuration folder, by name. `issuer` and `bankUrl` are URLs on this machine, without a slash at the end. */
export function demoConfiguration({ issuer, bankUrl }: { readonly issuer: string; readonly bankUrl: string }): Record<string, string> {
	return {
		"identity.yaml": identity(issuer),
		"bank.yaml": bank(bankUrl),
		"bank.openapi.yaml": readFileSync(new URL("./bank.openapi.yaml", import.meta.url), "utf8"),
		"support.yaml": support(`${bankUrl.replace(/\/$/, "")}${supportDeskPath}`),
		"support.mcp.json": readFileSync(new URL("./support.mcp.json", import.meta.url), "utf8"),
		"people.yaml": people,
		"policy.yaml": policy,
	};
}

/** Where the bank's support desk is, an MCP server, on the bank's own server. */
export const supportDeskPath = "/mcp";

/** The `aud` of tokens that are for Callgate. */
export const demoAudience = "callgate";

const identity = (issuer: string): string => `# Who may vouch for callers.
kind: Issuer
name: demo
issuer: ${JSON.stringify(issuer)}
audience: ${demoAudience}
algorithms: [RS256, ES256]
claims: { groups: groups, email: email }
`;

const bank = (bankUrl: string): string => `# Where functions live: one for each operationId of the bank's own document.
kind: Connection
name: bank
protocol: http
url: ${JSON.stringify(bankUrl)}
openapi: bank.openapi.yaml
credential: { secret: bank-api-key, as: bearer } # its name; the key itself is in the vault
allowPrivateAddresses: true # the demo's bank runs on this machine
functions:
  createTransfer: { idempotent: false, timeout: 10s }
  getAccount: { idempotent: true }
  listTransactions: { idempotent: true }
  getStatement: { idempotent: true }
`;

const support = (url: string): string => `# The tools of an MCP server: one function each, as callgate pull pinned them.
kind: Connection
name: support
protocol: mcp
url: ${JSON.stringify(url)}
mcp: support.mcp.json
credential: { secret: bank-api-key, as: bearer }
allowPrivateAddresses: true
functions:
  refundTicket: { timeout: 10s }
---
kind: Policy
name: support
rules:
  - name: agents-read-tickets
    match: { connection: support, function: searchTickets, groups: [agents, ci] }
    effect: allow

  - name: agents-refund-little
    match: { connection: support, function: refundTicket, groups: [agents, ci] }
    when: args.amount <= 100
    effect: allow

  - name: large-refunds-need-finance
    match: { connection: support, function: refundTicket }
    when: args.amount > 100
    effect: hold
    approval: { anyOf: [finance], quorum: 1, expires: 30m }
mask:
  - match: { connection: support }
    detect: [card, email, iban, secret]
`;

const people = `# Who may approve, and who may read the record.
kind: Group
name: finance
members: [dana@example.com, frank@example.com]
slack: "#finance-approvals"
---
kind: Group
name: cfo
members: [carol@example.com]
slack: "#cfo-approvals"
---
kind: Group
name: auditors # this name may read the record
groups: [auditors] # whoever the identity provider says is one
`;

const policy = `# What may happen. Default is deny; deny beats hold beats allow.
kind: Policy
name: bank
rules:
  - name: ci-makes-small-transfers
    match: { connection: bank, function: createTransfer, groups: [ci] }
    when: args.amount <= 1000 && args.currency in ["USD", "EUR"]
    effect: allow

  - name: reading-is-allowed
    match:
      connection: bank
      function: [getAccount, listTransactions, getStatement]
      groups: [ci, engineering, agents]
    effect: allow

  - name: large-transfers-need-finance
    match: { connection: bank, function: createTransfer }
    when: args.amount > 1000
    effect: hold
    approval: { anyOf: [finance], quorum: 1, expires: 30m, remind: [15m], escalate: { after: 20m, to: [cfo] } }

  - name: closing-needs-two-people
    match: { connection: bank, function: closeAccount }
    effect: hold
    approval: { anyOf: [finance, cfo], quorum: 2, expires: 30m, reason: required }

  - name: never-to-blocked-countries
    match: { connection: bank, function: createTransfer }
    when: args.country in ["XX"]
    effect: deny
    message: Transfers to this country are not permitted.
mask:
  - match: { connection: bank }
    response: { "$.customer.ssn": redact, "$..card": last4 }
    detect: [card, email, iban, secret, national-id]
`;
