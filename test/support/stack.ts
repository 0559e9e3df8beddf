// A test's view of the running stack: URLs, tokens as callers get them, calls as callers make them.
import { inject } from "vitest";

/** The line of `npm start -- --json`, as far as tests use it. */
export interface StackFacts {
	readonly dataDir: string;
	readonly firstPort: number;
	readonly urls: Readonly<
		Record<"ingress" | "approval" | "audit" | "policy" | "executor" | "bank" | "idp" | "slack" | "nats" | "valkey" | "opensearch", string>
	>;
	readonly openSearch: { readonly caFile: string; readonly admin: { readonly user: string; readonly password: string } };
	readonly issuer: string;
	readonly clients: readonly { readonly id: string; readonly secret?: string }[];
	readonly people: readonly { readonly name: string; readonly slackId: string; readonly email: string; readonly password: string }[];
	readonly bankApiKeyFile: string;
	readonly natsOperatorSeedFile: string;
	readonly vault: { readonly file: string; readonly keyFile: string };
	readonly logs: Readonly<Record<string, number>>;
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
	return { status: answer.status, headers: answer.headers, text, body: isJson ? JSON.parse(text) : text };
}

/** `POST /v1/calls` as `as`, waiting for `wait` seconds. */
export function submit(
	as: string,
	call: object,
	{ wait = 30, headers = {}, at = stack.urls.ingress }: { wait?: number; headers?: Record<string, string>; at?: string } = {},
) {
	const all = { "content-type": "application/json", ...(wait > 0 && { prefer: `wait=${wait}` }), ...headers };
	return ask(`${at}/v1/calls`, { method: "POST", as, headers: all, body: JSON.stringify(call) });
}

export const transfer = (amount: number, more: object = {}) => ({
	connection: "bank",
	function: "createTransfer",
	arguments: { amount, currency: "EUR", to: "DE89370400440532013000", country: "DE", ...more },
});

/** Asks again until `read` yields something; the test's own time limit bounds it. */
export async function eventually<T>(read: () => Promise<T | undefined> | T | undefined): Promise<T> {
	for (;;) {
		const value = await read();
		if (value !== undefined) return value;
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}
