// The people and programs of the tour: tokens as they get them, calls, clicks and commands as they make them.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Stack } from "./stack.ts";

const cli = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
/** Nothing on the tour takes longer on a busy machine. */
const patienceMs = 60_000;

export interface Answered {
	readonly status: number;
	readonly type: string;
	readonly text: string;
	readonly body: CallAnswer;
}
/** As much of every answer as the tour looks at. */
interface CallAnswer {
	readonly code?: string;
	readonly rules?: string[];
	readonly reasons?: { readonly message?: string }[];
	readonly result?: { readonly status?: number };
	readonly id?: string;
	readonly balance?: number;
	readonly card?: string;
	readonly customer?: { readonly email?: string; readonly ssn?: string };
}
interface SlackMessage {
	readonly channel: string;
	readonly channelName: string;
	readonly ts: string;
	readonly text: string;
	readonly ephemeralFor?: string;
	readonly blocks?: unknown;
}
interface BankRequest {
	readonly credentialSha256?: string;
	/** Of a call of the support desk: the message. */
	readonly body?: { readonly params?: { readonly name?: string } };
}
interface Account {
	readonly id: string;
	readonly card: string;
	readonly customer: { readonly email: string; readonly ssn: string };
}

/** As much of a result as the tour looks at: a tool's own, or a task. */
export interface McpResult {
	readonly isError?: boolean;
	readonly structuredContent?: { readonly status?: string };
	readonly taskId?: string;
	readonly status?: string;
	readonly statusMessage?: string;
	readonly result?: McpResult;
}
const mcpRevision = "2026-07-28";

export class TourCallers {
	private readonly stack: Stack;
	private readonly tokens = new Map<string, string>();
	readonly bankKey: string;

	constructor(stack: Stack) {
		this.stack = stack;
		this.bankKey = stack.keys.value("bank-api.key");
	}

	/** A workload proves itself with its secret, a person of the demo with a password. */
	async token(who: string): Promise<string> {
		const known = this.tokens.get(who);
		if (known) return known;
		const { keys } = this.stack;
		const secret = ({ ci: "client-ci.secret", "ai-agent": "client-agent.secret" } as const)[who];
		const body: Record<string, string> = secret
			? { grant_type: "client_credentials", client_id: who, client_secret: keys.value(secret) }
			: { grant_type: "password", client_id: "callgate-demo", username: who, password: keys.value("people.password") };
		const answer = await ask(`${this.stack.url("idp")}/token`, { method: "POST", body: new URLSearchParams(body) });
		const { access_token: token } = JSON.parse(answer.text) as { access_token?: string };
		if (!token) throw new Error(`the identity provider gave ${who} no token (${answer.status})`);
		this.tokens.set(who, token);
		return token;
	}

	async submit(who: string, args: object, waitSeconds = 30): Promise<Answered> {
		const headers = { ...(await this.bearer(who)), "content-type": "application/json", prefer: `wait=${waitSeconds}` };
		const body = JSON.stringify({ connection: "bank", function: "createTransfer", arguments: args, reason: "the tour" });
		return await ask(`${this.stack.url("ingress")}/v1/calls`, { method: "POST", headers, body }, (waitSeconds + 10) * 1_000);
	}

	async proxied(who: string, path: string): Promise<Answered> {
		return await ask(`${this.stack.url("ingress")}/proxy/bank${path}`, { headers: await this.bearer(who) });
	}

	/** One request of MCP (2026-07-28) to a connection's tools, by a client that speaks of tasks. */
	async mcp(who: string, connection: string, method: string, params: Readonly<Record<string, unknown>>): Promise<McpResult> {
		const name = params.name ?? params.taskId;
		const headers = {
			...(await this.bearer(who)),
			...{ "content-type": "application/json", accept: "application/json, text/event-stream" },
			...{ "mcp-protocol-version": mcpRevision, "mcp-method": method, ...(typeof name === "string" && { "mcp-name": name }) },
		};
		const _meta = {
			"io.modelcontextprotocol/protocolVersion": mcpRevision,
			"io.modelcontextprotocol/clientCapabilities": { extensions: { "io.modelcontextprotocol/tasks": {} } },
		};
		const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta } });
		const answer = await ask(`${this.stack.url("ingress")}/mcp/${connection}`, { method: "POST", headers, body });
		const { result, error } = JSON.parse(answer.text) as { result?: McpResult; error?: { message: string } };
		if (!result) throw new Error(`${method} was answered ${answer.status}: ${error?.message ?? "no result"}`);
		return result;
	}

	private async bearer(who: string): Promise<{ authorization: string }> {
		return { authorization: `Bearer ${await this.token(who)}` };
	}

	/** What the bank recorded of each request to it. */
	async bankRequests(): Promise<BankRequest[]> {
		const answer = await ask(`${this.stack.url("bank")}/_demo/requests`, { headers: { authorization: `Bearer ${this.bankKey}` } });
		const { requests } = JSON.parse(answer.text) as { requests: BankRequest[] };
		return requests;
	}

	/** The account as the bank itself tells it, straight from the bank. */
	async bankAccount(): Promise<Account> {
		const answer = await ask(`${this.stack.url("bank")}/accounts/acc-1`, { headers: { authorization: `Bearer ${this.bankKey}` } });
		return JSON.parse(answer.text) as Account;
	}

	async slackMessages(): Promise<SlackMessage[]> {
		return (await this.slackState()).messages;
	}

	private async slackState(since?: number): Promise<{ version: number; messages: SlackMessage[] }> {
		const path = since === undefined ? "/_demo/messages" : `/_demo/wait?since=${since}`;
		return JSON.parse((await ask(`${this.stack.url("slack")}${path}`, {})).text) as { version: number; messages: SlackMessage[] };
	}

	/** The first message after `known` of them; Slack is asked again whenever it changes. */
	async nextSlackMessage(known: number): Promise<SlackMessage> {
		return await this.slackUntil((messages) => messages[known], "no message was posted to Slack");
	}

	private async slackUntil(find: (messages: SlackMessage[]) => SlackMessage | undefined, failure: string): Promise<SlackMessage> {
		const until = performance.now() + patienceMs;
		let state = await this.slackState();
		for (;;) {
			const found = find(state.messages);
			if (found) return found;
			if (performance.now() > until) throw new Error(failure);
			await this.slackState(state.version);
			state = await this.slackState();
		}
	}

	/** Clicks a button on the message about a call; resolves with what the clicker alone was told, or with "" where nothing was said. */
	async click(person: string, action: string, call: string): Promise<string> {
		const messages = await this.slackMessages();
		const message = messages.find((one) => one.ephemeralFor === undefined && JSON.stringify(one).includes(call));
		if (!message) throw new Error("the message about the call is gone");
		const body = JSON.stringify({ user: person, channel: message.channel, ts: message.ts, action_id: action });
		const answer = await ask(`${this.stack.url("slack")}/_demo/click`, {
			method: "POST",
			headers: { "content-type": "application/json" },
			body,
		});
		if (answer.status !== 200) throw new Error(`the click was not taken (${answer.status})`);
		const known = new Set(messages.map(({ ts }) => ts));
		const told = await this.slackUntil(
			(now) => now.find((one) => one.ephemeralFor !== undefined && !known.has(one.ts)) ?? settled(now, message),
			"nothing came of the click",
		);
		return told.ephemeralFor === undefined ? "" : told.text;
	}

	/** Runs the command line as `who`, as a person would. */
	async auditShow(who: string, call: string): Promise<{ code: number; out: string }> {
		const env = { ...process.env, CALLGATE_AUDIT_URL: this.stack.url("audit"), CALLGATE_TOKEN: await this.token(who) };
		return await run([cli, "audit", "show", call], env);
	}

	/** The record follows the events, on a cold index by seconds: a story without its end is asked for again. */
	async wholeStory(who: string, call: string): Promise<{ code: number; out: string }> {
		const until = performance.now() + patienceMs;
		for (;;) {
			const shown = await this.auditShow(who, call);
			if (shown.out.includes("call.ended") || performance.now() > until) return shown;
		}
	}
}

/** The message after its buttons are gone. */
function settled(messages: SlackMessage[], { channel, ts }: SlackMessage): SlackMessage | undefined {
	return messages.find((one) => one.channel === channel && one.ts === ts && !JSON.stringify(one.blocks).includes('"action_id":"approve"'));
}

async function ask(url: string, init: RequestInit, timeoutMs = patienceMs): Promise<Answered> {
	const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) });
	const text = await answer.text();
	const type = answer.headers.get("content-type") ?? "";
	return { status: answer.status, type, text, body: /json/.test(type) ? (JSON.parse(text) as CallAnswer) : {} };
}

function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ code: number; out: string }> {
	return new Promise((resolve, reject) => {
		const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
		let out = "";
		child.stdout.on("data", (chunk: Buffer) => {
			out += chunk;
		});
		child.stderr.resume();
		child.on("error", reject);
		child.on("close", (code) => resolve({ code: code ?? 1, out }));
	});
}
