// The demo's identity provider: a standard OpenID Connect provider (`oidc-provider`) with the demo's people, a CI workload and an AI agent.
import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { errors, Provider } from "oidc-provider";
import { idpConfiguration, resource, resourceServer, scope } from "./idp-configuration.ts";
import { loadIdpKeys } from "./idp-keys.ts";
import { signInPage } from "./idp-pages.ts";
import { people } from "./people.ts";

export type IdpOptions = {
	/** 0 picks a free one; the issuer's name contains it, so keep it over a restart. */
	readonly port: number;
	/** Where the signing keys are kept. */
	readonly dataDir: string;
	/** What each of the people signs in with. */
	readonly password: string;
	/** A secret for each workload, by client id. */
	readonly clientSecrets: Readonly<Record<string, string>>;
};

export type Idp = {
	readonly issuer: string;
	/** An access token (valid 1 h) for a person (`dana`) or a workload (`ci`), asked for over HTTP like anyone would. */
	tokenFor(name: string): Promise<string>;
	/** The one command line that prints such a token, to paste. It contains the secret. */
	tokenCommand(name: string): string;
	stop(): Promise<void>;
};

const formBytesMax = 4096;

/**
 * Starts the provider on 127.0.0.1. Discovery and keys are where OpenID Connect Discovery 1.0 puts them; access tokens are JWTs after RFC 9068
 * with audience `callgate` and the claims `groups`, `email`, `email_verified`. Ways to a token:
 *
 * - CI: `curl -s -u ci:SECRET -d grant_type=client_credentials -d resource=urn:callgate:api -d scope=callgate $ISSUER/token`
 *   (`resource` and `scope` may be left out; `ai-agent` likewise, its tokens are signed with ES256);
 * - a person, for scripts: `curl -s -d grant_type=password -d client_id=callgate-demo -d username=dana -d password=PASSWORD $ISSUER/token`;
 * - a person at a browser: client `callgate-cli` with the device flow (RFC 8628), or with code and PKCE and a loopback redirect.
 */
export async function startIdp({ port, dataDir, password, clientSecrets }: IdpOptions): Promise<Idp> {
	const keys = await loadIdpKeys(dataDir);
	// The issuer's name is known when the port is, the provider only after that: whoever is quicker than both waits.
	const { promise: ready, resolve: setReady } = Promise.withResolvers<(request: IncomingMessage, response: ServerResponse) => void>();
	const server = createServer((request, response) => void ready.then((answer) => answer(request, response)));
	const issuer = await listen(server, port);
	const provider = new Provider(issuer, idpConfiguration(keys, clientSecrets));
	registerPasswordGrant(provider, password);
	const answer = provider.callback();
	setReady((request, response) => {
		if (!request.url?.startsWith("/interaction/")) return void answer(request, response);
		signIn(provider, password, request, response).catch((error: unknown) => {
			response.statusCode = error instanceof errors.OIDCProviderError ? error.statusCode : 500;
			response.end("The sign-in could not go on. Start it again from the program that asked for it.");
		});
	});
	return {
		issuer,
		tokenFor: async (name) => {
			const { parameters, basic } = tokenRequest(name, password, clientSecrets);
			const headers = basic ? { authorization: `Basic ${Buffer.from(basic).toString("base64")}` } : undefined;
			const reply = await fetch(`${issuer}/token`, {
				method: "POST",
				body: new URLSearchParams(parameters),
				...(headers ? { headers } : {}),
			});
			const body = (await reply.json()) as { access_token?: string; error?: string };
			if (body.access_token === undefined) throw new Error(`The identity provider gave no token for ${name}: ${body.error}.`);
			return body.access_token;
		},
		tokenCommand: (name) => {
			const { parameters, basic } = tokenRequest(name, password, clientSecrets);
			const data = Object.entries(parameters).map(([key, value]) => `--data-urlencode ${forShell(`${key}=${value}`)}`);
			return ["curl -s", ...(basic ? [`-u ${forShell(basic)}`] : []), ...data, `${issuer}/token`].join(" ");
		},
		stop: () => close(server),
	};
}

function tokenRequest(name: string, password: string, clientSecrets: Readonly<Record<string, string>>) {
	const person = people.find((one) => one.name === name);
	const secret = clientSecrets[name];
	if (person) return { parameters: { grant_type: "password", client_id: "callgate-demo", username: name, password } };
	if (secret === undefined) throw new Error(`The demo has nobody named ${name}.`);
	return { parameters: { grant_type: "client_credentials", resource, scope }, basic: `${name}:${secret}` };
}

function forShell(word: string): string {
	return /^[\w.:=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The password grant (RFC 6749, 4.3) for scripts: out of fashion for good reasons, and just right to get a person's token with one curl. */
function registerPasswordGrant(provider: Provider, password: string): void {
	const parameters = ["username", "password", "scope", "resource"];
	provider.registerGrantType<{ username?: string; password?: string }>(
		"password",
		async (ctx) => {
			const { client, params } = ctx.oidc;
			const person = people.find(({ name }) => name === params.username);
			if (!person || !equal(params.password ?? "", password)) throw new errors.InvalidGrant("no such person, or another password");
			const token = new provider.AccessToken({ client, accountId: person.name, grantId: "", gty: "password", scope });
			token.resourceServer = new provider.ResourceServer(resource, resourceServer(client.clientId));
			ctx.oidc.entity("AccessToken", token);
			ctx.body = { access_token: await token.save(), expires_in: token.expiration, token_type: token.tokenType, scope };
		},
		parameters,
	);
}

/** Shows the sign-in form, and finishes the interaction when the form comes back with the password. */
async function signIn(provider: Provider, password: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
	await provider.interactionDetails(request, response);
	const form = request.method === "POST" ? new URLSearchParams(await readForm(request)) : undefined;
	const person = people.find(({ name }) => name === form?.get("name"));
	if (person && equal(form?.get("password") ?? "", password)) {
		// A native client must not get a token from a session alone, any program could pose as it (RFC 8252, 8.6); the password just typed is the consent.
		return provider.interactionFinished(request, response, { login: { accountId: person.name }, consent: {} });
	}
	response.setHeader("Content-Type", "text/html; charset=utf-8");
	response.setHeader("Cache-Control", "no-store");
	response.statusCode = form ? 401 : 200;
	response.end(signInPage(people, form !== undefined));
}

async function readForm(request: IncomingMessage): Promise<string> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of request as AsyncIterable<Buffer>) {
		bytes += chunk.length;
		if (bytes > formBytesMax) throw new errors.InvalidRequest("the form is too large");
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString("utf8");
}

function equal(given: string, expected: string): boolean {
	const digest = (text: string) => createHash("sha256").update(text).digest();
	return timingSafeEqual(digest(given), digest(expected));
}

/** Resolves to the issuer once the port is open. */
function listen(server: Server, port: number): Promise<string> {
	return new Promise((resolve, reject) => {
		server.once("error", reject);
		server.listen(port, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
	});
}

function close(server: Server): Promise<void> {
	return new Promise((resolve, reject) => {
		server.close((error) => (error ? reject(error) : resolve()));
		server.closeAllConnections();
	});
}
