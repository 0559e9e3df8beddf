// The configuration of a fault run: one function that may be repeated, one that may not and one that answers in pieces, and a rule for each path a call can take.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface Places {
	readonly issuer: string;
	readonly bankUrl: string;
}

/** In every call's note: nowhere but at the bank may it be found. */
export const planted = { card: "4242424242424242", email: "jamie.okafor@private.example", answerCard: "5105105105105100" } as const;
/** How long a function may take; a lease is this and the two terms below. */
export const functionTimeoutMs = 3_000;
export const leaseTerms = { startWithinMs: 2_000, settleWithinMs: 3_000 } as const;
/** Instead of five minutes and of a day: so that a run is long enough for something to be old. */
export const grantTtlMs = 20_000;
export const retention = { keepMs: 40_000, guardMs: 20_000 } as const;
export const leaseMs = leaseTerms.startWithinMs + functionTimeoutMs + leaseTerms.settleWithinMs;

export async function writeConfiguration(dir: string, { issuer, bankUrl }: Places): Promise<void> {
	await mkdir(dir, { recursive: true });
	await writeFile(join(dir, "faults.yaml"), text(issuer, bankUrl));
}

const args = `{ type: object, additionalProperties: false, required: [reference, amount, behaviour, note], properties: { reference: { type: string, maxLength: 64 }, amount: { type: number }, behaviour: { type: string, maxLength: 16 }, note: { type: string, maxLength: 200 } } }`;

const text = (issuer: string, bankUrl: string): string => `kind: Issuer
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
  pay: { method: POST, path: /pay, timeout: ${functionTimeoutMs / 1_000}s, arguments: ${args} }
  payOnce: { method: POST, path: /pay-once, timeout: ${functionTimeoutMs / 1_000}s, idempotent: true, arguments: ${args} }
  tell: { method: POST, path: /tell, timeout: ${functionTimeoutMs / 1_000}s, stream: true, arguments: ${args} }
---
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
kind: Policy
name: faults
rules:
  - name: small
    match: { connection: bank }
    when: args.amount <= 1000
    effect: allow
  - name: one-person
    match: { connection: bank }
    when: args.amount > 1000 && args.amount < 6000
    effect: hold
    approval: { anyOf: [finance], quorum: 1, expires: 30m, escalate: { after: 2s, to: [cfo] } }
  - name: soon-over
    match: { connection: bank }
    when: args.amount >= 6000 && args.amount < 7000
    effect: hold
    approval: { anyOf: [finance], quorum: 1, expires: 1m, escalate: { after: 2s, to: [cfo] } }
  - name: two-people
    match: { connection: bank }
    when: args.amount >= 7000 && args.amount < 8000
    effect: hold
    approval: { anyOf: [finance], quorum: 2, expires: 30m }
  - name: too-much
    match: { connection: bank }
    when: args.amount > 9000
    effect: deny
    message: Too much.
mask:
  - match: { connection: bank }
    detect: [card, email, iban, secret]
`;
