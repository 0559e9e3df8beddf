// Asks Callgate's HTTP APIs: where they are, with which token, how long and how much; and what each way of not getting an answer means.
import { type ClientRequest, type IncomingMessage, request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import type { Command } from "commander";
import { callIdPattern } from "#libs/contracts/call.ts";
import { tokenCharactersMax } from "#libs/identity/authorization-header.ts";
import { serviceUrl } from "#libs/service/port-plan.ts";
import { CommandFailed, exitCodes, wrongUsage } from "./command-failed.ts";
import type { Io } from "./io.ts";
import { readProblem, refused } from "./problem.ts";
import { readText } from "./read-input.ts";

/** This machine: what is sent there in the clear nobody reads on the way. */
export const loopbackHost = /^(127(\.\d{1,3}){3}|\[::1\]|localhost)$/;
const services = {
	ingress: { name: "Callgate", option: "url", variable: "CALLGATE_URL", byDefault: serviceUrl("ingress") },
	approval: {
		name: "Callgate's approval service",
		option: "approval-url",
		variable: "CALLGATE_APPROVAL_URL",
		byDefault: serviceUrl("approval"),
	},
	audit: { name: "Callgate's audit service", option: "audit-url", variable: "CALLGATE_AUDIT_URL", byDefault: serviceUrl("audit") },
} as const;
export type Service = keyof typeof services;

/** What every command that asks an API may be told, as commander hands it over. */
export interface ReachOptions {
	readonly url?: string;
	readonly approvalUrl?: string;
	readonly auditUrl?: string;
	readonly tokenFile?: string;
	readonly insecure?: true;
	readonly json?: true;
}

/** Adds the options that say where a service is, who asks and how the answer is shown. */
export function addReachOptions(command: Command, service: Service): Command {
	const { name, option, variable, byDefault } = services[service];
	return command
		.option("--json", "print what the API answers, for other programs")
		.option(`--${option} <url>`, `where ${name} listens (or ${variable}; default ${byDefault})`)
		.option("--token-file <file>", "file with your token (or CALLGATE_TOKEN); never the token itself: `ps` would show it")
		.option("--insecure", "send the token over plain http to another machine, where others can read it");
}

/** The answer's size that is held in memory: more than any result Callgate passes on. */
const answerBytesMax = 32 * 1_048_576;
const timeoutMsDefault = 30_000;

export interface Asked {
	readonly body?: object;
	/** A body that is JSON already. */
	readonly bodyText?: string;
	readonly headers?: Readonly<Record<string, string>>;
	/** Until the whole answer is there. */
	readonly timeoutMs?: number;
}

export interface Answer {
	readonly status: number;
	/** The JSON exactly as it came. */
	readonly text: string;
	readonly value: unknown;
}

/** Where one service is and who asks. @throws {CommandFailed} `wrongUsage` if there is no token, or it would cross a network in the clear. */
export async function reach(service: Service, options: ReachOptions, { environment }: Pick<Io, "environment">): Promise<ApiClient> {
	const { option, variable, byDefault } = services[service];
	const given = { ingress: options.url, approval: options.approvalUrl, audit: options.auditUrl }[service];
	const source = given !== undefined ? `--${option}` : variable;
	const text = given ?? environment[variable] ?? byDefault;
	const url = URL.canParse(text) ? new URL(text) : undefined;
	if (!url || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
		throw wrongUsage(`${source} is no URL such as ${byDefault}: it needs http or https, and no login, query or fragment. Correct it.`);
	}
	if (url.protocol === "http:" && !loopbackHost.test(url.hostname) && !options.insecure) {
		throw wrongUsage(
			`${source} would send your token in the clear to another machine. Use https; --insecure does it all the same, readable by anyone on the way.`,
		);
	}
	return new ApiClient(service, url, await tokenOf(options.tokenFile, environment));
}

async function tokenOf(file: string | undefined, environment: Io["environment"]): Promise<string> {
	const given = file === undefined ? environment.CALLGATE_TOKEN : await readText("--token-file", file, tokenCharactersMax);
	const token = given?.trim() ?? "";
	const source = file === undefined ? "CALLGATE_TOKEN" : "--token-file";
	if (token === "") {
		throw wrongUsage(
			"No token. Put a token of your identity provider into CALLGATE_TOKEN, or name a file that holds one with --token-file.",
		);
	}
	if (!/^[\x21-\x7e]+$/.test(token) || token.length > tokenCharactersMax) {
		throw wrongUsage(`${source} holds something else than a token: expected one word of visible ASCII characters, without \`Bearer\`.`);
	}
	return token;
}

/** @throws {CommandFailed} `wrongUsage`; what was typed is not repeated, it may be anything. */
export function callIdOf(text: string): string {
	if (new RegExp(callIdPattern).test(text)) return text;
	throw wrongUsage(
		"That is no call's id. Expected one such as 01890a5d-ac96-774b-bcce-b302099a8057: `callgate call` tells it, and the header Callgate-Call.",
	);
}

export class ApiClient {
	readonly url: string;
	private readonly service: Service;
	private readonly token: string;

	constructor(service: Service, url: URL, token: string) {
		this.service = service;
		this.url = url.href.replace(/\/$/, "");
		this.token = token;
	}

	/**
	 * One request and its whole answer.
	 *
	 * @throws {CommandFailed} with the problem that the API answered; `unreachable` if nobody answers, or not as Callgate.
	 */
	async ask(method: "GET" | "POST" | "DELETE", path: string, asked: Asked = {}): Promise<Answer> {
		const timeoutMs = asked.timeoutMs ?? timeoutMsDefault;
		const deadline = AbortSignal.timeout(timeoutMs);
		try {
			const response = await this.send(method, path, asked, deadline);
			const text = await readAll(response);
			return this.understand(response, text);
		} catch (error) {
			if (error instanceof CommandFailed) throw error;
			throw this.unreachable(deadline.aborted ? late(timeoutMs) : codeOf(error));
		}
	}

	/**
	 * The body of an answer as it comes, such as server-sent events. Aborting the signal ends it, with an error for whoever reads it.
	 *
	 * @throws {CommandFailed} as {@link ask}
	 */
	async stream(path: string, signal: AbortSignal): Promise<IncomingMessage> {
		const response = await this.begin(path, signal);
		if (response.statusCode === 200 && /^text\/event-stream\b/.test(response.headers["content-type"] ?? "")) return response;
		this.understand(response, await readAll(response));
		throw this.stranger();
	}

	/** The signal holds for the whole stream, the time limit until it begins. */
	private async begin(path: string, signal: AbortSignal): Promise<IncomingMessage> {
		const impatience = new AbortController();
		const timer = setTimeout(() => impatience.abort(), timeoutMsDefault);
		try {
			const headers = { accept: "text/event-stream" };
			return await this.send("GET", path, { headers }, AbortSignal.any([signal, impatience.signal]));
		} catch (error) {
			signal.throwIfAborted();
			throw this.unreachable(impatience.signal.aborted ? late(timeoutMsDefault) : codeOf(error));
		} finally {
			clearTimeout(timer);
		}
	}

	/** One request whose answer is the caller's to read, however long it takes. @throws {CommandFailed} `unreachable` */
	async exchange(path: string, bodyText: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<IncomingMessage> {
		try {
			return await this.send("POST", path, { bodyText, headers }, signal);
		} catch (error) {
			throw this.unreachable(codeOf(error));
		}
	}

	private send(method: string, path: string, { body, bodyText, headers = {} }: Asked, signal: AbortSignal): Promise<IncomingMessage> {
		const target = new URL(`${this.url}${path}`);
		const send = target.protocol === "https:" ? tlsRequest : plainRequest;
		const text = body === undefined ? bodyText : JSON.stringify(body);
		const sent = {
			accept: "application/json",
			...(text !== undefined && { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) }),
			...headers,
			authorization: `Bearer ${this.token}`,
		};
		return new Promise((resolve, reject) => {
			// Redirects are not followed and proxy variables not read: the token goes to the named address or nowhere.
			const request: ClientRequest = send(target, { method, headers: sent, signal, agent: false });
			request.once("response", resolve).once("error", reject);
			request.end(text);
		});
	}

	private understand({ statusCode: status = 0, headers }: IncomingMessage, text: string): Answer {
		const type = headers["content-type"] ?? "";
		const value = /^application\/(problem\+)?json\b/.test(type) ? parsed(text) : undefined;
		if (status >= 200 && status < 300 && value !== undefined) return { status, text, value };
		const problem = status >= 400 ? readProblem(value, status, headers["retry-after"]) : undefined;
		if (problem) throw refused(problem);
		throw this.stranger();
	}

	private unreachable(why: string): CommandFailed {
		const { name, option, variable } = services[this.service];
		const message = `${name} cannot be reached at ${this.url}: ${why}.\nIs it running there? Another address: --${option} or ${variable}.`;
		return new CommandFailed(message, { exitCode: exitCodes.unreachable });
	}

	private stranger(): CommandFailed {
		const { name, option, variable } = services[this.service];
		const message = `What answers at ${this.url} is not ${name}.\nIs the address right? Another: --${option} or ${variable}.`;
		return new CommandFailed(message, { exitCode: exitCodes.unreachable });
	}
}

function late(timeoutMs: number): string {
	return `it did not answer within ${timeoutMs / 1_000} seconds`;
}

/** @throws {CommandFailed} where it is larger than any answer of Callgate's */
export async function readAll(response: IncomingMessage): Promise<string> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of response as AsyncIterable<Buffer>) {
		bytes += chunk.length;
		if (bytes > answerBytesMax) {
			response.destroy();
			throw new CommandFailed(`The answer is larger than ${answerBytesMax / 1_048_576} MiB, more than this command reads.`);
		}
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString("utf8");
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text) as unknown;
	} catch {
		return undefined;
	}
}

/** Why there was no answer, in the system's short words: they hold no content. */
function codeOf(error: unknown): string {
	return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "the connection broke";
}
