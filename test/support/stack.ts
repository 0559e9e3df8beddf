// A test's view of the running stack: URLs, tokens as callers get them, calls as callers make them, and the means to disturb it.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { JWK } from "jose";
import { expect, inject } from "vitest";
import { type ProblemCode, problems } from "#libs/contracts/problems.ts";
import type { Target, Verb } from "./stack-control.ts";

/** The line of `npm start -- --json`, as far as tests use it, and what the tests' own setup adds. */
export interface StackFacts {
	readonly dataDir: string;
	readonly firstPort: number;
	readonly urls: Readonly<
		Record<
			"ingress" | "approval" | "audit" | "policy" | "executor" | "keeper" | "bank" | "idp" | "slack" | "nats" | "valkey" | "opensearch",
			string
		>
	>;
	readonly openSearch: { readonly caFile: string; readonly admin: { readonly user: string; readonly password: string } };
	/** It runs as another user and may keep its files elsewhere. */
	readonly openSearchDataDir: string;
	readonly issuer: string;
	readonly clients: readonly { readonly id: string; readonly secret?: string }[];
	readonly people: readonly { readonly name: string; readonly slackId: string; readonly email: string; readonly password: string }[];
	readonly bankApiKeyFile: string;
	readonly slackSigningSecretFile: string;
	readonly natsOperatorSeedFile: string;
	readonly proof: { readonly origin: string; readonly dir: string; readonly checkpointKeysFile: string };
	readonly vault: { readonly file: string; readonly keyFile: string };
	readonly logs: Readonly<Record<string, number>>;
	/** Where the connection `lab` leads: see lab.ts. */
	readonly labPort: number;
	/** The private key of the issuer `forger`. */
	readonly forger: JWK;
	readonly controlUrl: string;
}

declare module "vitest" {
	interface ProvidedContext {
		stack: StackFacts;
	}
}

export const stack = inject("stack");

/** The URL of a service's second replica. */
export function secondReplica(service: "ingress" | "approval" | "audit"): string {
	const url = new URL(stack.urls[service]);
	url.port = String(Number(url.port) + 20);
	return url.origin;
}

/** Both replicas of ingress, one after the other. */
export function anyIngress(nth: number): string {
	return nth % 2 === 0 ? stack.urls.ingress : secondReplica("ingress");
}

export const readKey = (file: string): string => readFileSync(file, "utf8").trim();
export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

const tokens = new Map<string, Promise<string>>();

/** A token of a workload (`ci`, `ai-agent`) or a person (`dana`, …), fetched once. */
export function tokenOf(name: string): Promise<string> {
	const known = tokens.get(name);
	if (known) return known;
	const asked = requestToken(name);
	tokens.set(name, asked);
	return asked;
}

async function requestToken(name: string): Promise<string> {
	const client = stack.clients.find(({ id, secret }) => id === name && secret !== undefined);
	const person = stack.people.find((one) => one.name === name);
	const body = client
		? { grant_type: "client_credentials", client_id: name, client_secret: client.secret ?? "" }
		: { grant_type: "password", client_id: "callgate-demo", username: name, password: person?.password ?? "" };
	const answer = await fetch(`${stack.issuer}/token`, { method: "POST", body: new URLSearchParams(body) });
	const { access_token: token } = (await answer.json()) as { access_token?: string };
	if (!token) throw new Error(`the identity provider gave ${name} no token: ${answer.status}`);
	return token;
}

export interface Answer {
	readonly status: number;
	readonly headers: Headers;
	// biome-ignore lint/suspicious/noExplicitAny: a test reads answers of every shape and asserts on what it finds
	readonly body: any;
	readonly text: string;
}

export async function ask(url: string, init: RequestInit & { as?: string } = {}): Promise<Answer> {
	const { as, ...rest } = init;
	const headers = new Headers(rest.headers);
	if (as) headers.set("authorization", `Bearer ${await tokenOf(as)}`);
	const answer = await fetch(url, { ...rest, headers });
	const text = await answer.text();
	const isJson = /json/.test(answer.headers.get("content-type") ?? "");
	return { status: answer.status, headers: answer.headers, text, body: isJson && text !== "" ? JSON.parse(text) : text };
}

/** Callers whose calls have not ended yet, at one replica. */
export async function callersWaiting(ingress: string): Promise<number> {
	const { text } = await ask(`${ingress}/metrics`);
	return Number(/^callgate_callers_waiting(?:\{.*\})? (\d+)$/m.exec(text)?.[1]);
}

export interface Submitting {
	/** Seconds; 0 asks for the call's address at once. */
	readonly wait?: number;
	readonly headers?: Record<string, string>;
	readonly at?: string;
}

/** `POST /v1/calls` as `as`. */
export function submit(as: string, call: object, { wait = 30, headers = {}, at = stack.urls.ingress }: Submitting = {}): Promise<Answer> {
	const all = { "content-type": "application/json", ...(wait > 0 && { prefer: `wait=${wait}` }), ...headers };
	return ask(`${at}/v1/calls`, { method: "POST", as, headers: all, body: JSON.stringify(call) });
}

/** Submits a call without waiting for it; its id. */
export async function accepted(as: string, call: object, more: Omit<Submitting, "wait"> = {}): Promise<string> {
	const answer = await submit(as, call, { ...more, wait: 0 });
	expect(answer.status, answer.text).toBe(202);
	return answer.body.call;
}

export const iban = "DE89370400440532013000";

export const transfer = (amount: number, more: object = {}) => ({
	connection: "bank",
	function: "createTransfer",
	arguments: { amount, currency: "EUR", to: iban, country: "DE", ...more },
});

/** Where a call stands, as its caller sees it. */
export const show = (as: string, call: string, at = stack.urls.ingress): Promise<Answer> => ask(`${at}/v1/calls/${call}`, { as });

const open = ["received", "held", "started"];

/** The call's ending as its caller reads it, once there is one. */
export function ending(as: string, call: string): Promise<Answer> {
	return eventually(async () => {
		const shown = await show(as, call).catch(() => undefined);
		return shown?.status === 200 && !open.includes(shown.body.state) ? shown : undefined;
	});
}

/** No single thing takes longer, on a machine that is busy with something else. */
const patienceMs = 110_000;

/** Asks again until `read` yields something, with a pause between. @throws where it never does. */
export async function eventually<T>(read: () => Promise<T | undefined> | T | undefined, pauseMs = 50): Promise<T> {
	const late = new Error("what was waited for did not come");
	for (const until = performance.now() + patienceMs; performance.now() < until; ) {
		const value = await read();
		if (value !== undefined) return value;
		await new Promise((resolve) => setTimeout(resolve, pauseMs));
	}
	throw late;
}

/** The one shape of every refusal (RFC 9457), held against the catalogue. */
export function expectProblem(answer: Answer, code: ProblemCode): void {
	const { status, title, advice } = problems[code];
	expect(answer.headers.get("content-type"), answer.text).toMatch(/^application\/problem\+json\b/);
	expect(answer.body).toMatchObject({ code, status, title, advice, type: `urn:callgate:problem:${code}` });
	expect(answer.status).toBe(status);
	if (answer.body.call !== undefined) expect(answer.headers.get("callgate-call")).toBe(answer.body.call);
}

export interface SeenByBank {
	readonly method: string;
	readonly path: string;
	readonly credentialSha256?: string;
	readonly idempotencyKey?: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly body?: { readonly reference?: string };
	readonly status?: number;
}

/** Every request that the bank ever saw. */
export async function bankRequests(): Promise<SeenByBank[]> {
	const headers = { authorization: `Bearer ${readKey(stack.bankApiKeyFile)}` };
	const { body } = await ask(`${stack.urls.bank}/_demo/requests`, { headers });
	return body.requests;
}

/** Those about one transfer, told by its reference. */
export async function transfersNamed(reference: string): Promise<SeenByBank[]> {
	return (await bankRequests()).filter(({ body }) => body?.reference === reference);
}

let named = 0;
/** A reference that no other test uses, also not one of an earlier run of this one. */
export const newReference = (what: string): string => `${what} ${process.pid.toString(36)}-${Date.now().toString(36)}-${named++}`;

/** Does something to the stack; resolves when it is done. */
export async function disturb(verb: Verb, target: Target): Promise<void> {
	await askControl(`${verb}/${target}`);
}

/** Stops the whole stack and starts it again on the same data folder. */
export async function startOver(): Promise<void> {
	await askControl("start-over");
}

async function askControl(path: string): Promise<void> {
	const answer = await fetch(`${stack.controlUrl}/${path}`, { method: "POST" });
	if (answer.status !== 204) throw new Error(`${path}: ${await answer.text()}`);
}
