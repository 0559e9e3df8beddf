// The configuration of a bench: what a small team would have, nothing turned off: a schema, conditions, a limitless allow rule, a hold, and masks on every answer.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface BenchPlaces {
	readonly issuer: string;
	readonly bankUrl: string;
}

export async function writeConfiguration(dir: string, places: BenchPlaces): Promise<void> {
	await mkdir(dir, { recursive: true });
	await writeFile(join(dir, "bench.yaml"), textOf(places));
}

/** The arguments of every call around its reference, in every lane: [before, after]. */
export const callArguments: readonly [string, string] = [
	'{"reference":"',
	'","amount":25,"currency":"EUR","iban":"DE89370400440532013000","note":"Invoice of last month, as agreed with the supplier"}',
];

const schema = `{ type: object, additionalProperties: false, required: [reference, amount, currency, iban], properties: { reference: { type: string, maxLength: 64 }, amount: { type: number, minimum: 0 }, currency: { type: string, enum: [EUR, USD] }, iban: { type: string, maxLength: 34 }, note: { type: string, maxLength: 200 } } }`;

const textOf = ({ issuer, bankUrl }: BenchPlaces): string => `kind: Issuer
name: demo
issuer: ${JSON.stringify(issuer)}
audience: callgate
algorithms: [RS256, ES256]
claims: { groups: groups, email: email }
---
kind: Connection
name: bank
protocol: http
url: ${JSON.stringify(bankUrl)}
credential: { secret: bank-api-key, as: bearer }
allowPrivateAddresses: true
functions:
  pay: { method: POST, path: /pay, timeout: 30s, arguments: ${schema} }
  payHeld: { method: POST, path: /pay-held, timeout: 30s, arguments: ${schema} }
---
kind: Group
name: finance
members: [dana@example.com, frank@example.com]
slack: "#finance-approvals"
---
kind: Policy
name: bench
rules:
  - name: ci-pays-invoices
    match: { connection: bank, function: pay, groups: [ci] }
    when: args.amount <= 1000 && args.currency in ["USD", "EUR"]
    effect: allow
  - name: engineers-pay-little
    match: { connection: bank, function: pay, groups: [engineering] }
    when: args.amount <= 50
    effect: allow
  - name: much-needs-finance
    match: { connection: bank, function: pay }
    when: args.amount > 1000
    effect: hold
    approval: { anyOf: [finance], quorum: 1, expires: 30m }
  - name: held-needs-finance
    match: { connection: bank, function: payHeld }
    effect: hold
    approval: { anyOf: [finance], quorum: 1, expires: 30m }
  - name: never-too-much
    match: { connection: bank }
    when: args.amount > 100000
    effect: deny
    message: Too much.
mask:
  - match: { connection: bank }
    response: { "$.customer.ssn": redact, "$..card": last4 }
    detect: [card, email, iban, secret]
`;
