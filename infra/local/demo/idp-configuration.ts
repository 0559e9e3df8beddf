// How the demo's identity provider is set up: clients, claims, tokens that are JWTs for Callgate, pages that load nothing from elsewhere.
import { type Client, type ClientMetadata, type Configuration, errors, type KoaContextWithOIDC, type ResourceServer } from "oidc-provider";
import type { IdpKeys } from "./idp-keys.ts";
import { idpMemory } from "./idp-memory.ts";
import { devicePage, messagePage } from "./idp-pages.ts";
import { people, workloads } from "./people.ts";

/** The resource indicator (RFC 8707) of Callgate; used when a client names none. */
export const resource = "urn:callgate:api";
/** The one scope that the resource has. */
export const scope = "callgate";

const hourS = 3600;
const dayS = 24 * hourS;

/** How tokens for Callgate look: JWTs with audience `callgate`, valid for one hour, signed with the algorithm of the client. */
export function resourceServer(clientId: string): ResourceServer {
	const algorithm = workloads.find((workload) => workload.clientId === clientId)?.algorithm ?? "RS256";
	return { scope, audience: "callgate", accessTokenTTL: hourS, accessTokenFormat: "jwt", jwt: { sign: { alg: algorithm } } };
}

/** Everything is set that `oidc-provider` would otherwise print a notice about: standard output belongs to the line that says ready. */
export function idpConfiguration({ jwks, cookieKey }: IdpKeys, clientSecrets: Readonly<Record<string, string>>): Configuration {
	return {
		adapter: idpMemory(),
		jwks: { keys: [...jwks] } as NonNullable<Configuration["jwks"]>,
		cookies: { keys: [cookieKey] },
		clients: clients(clientSecrets),
		scopes: ["openid", "offline_access", "email", "groups"],
		claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
		enabledJWA: { idTokenSigningAlgValues: ["RS256", "ES256"] },
		extraTokenClaims: (_ctx, token) => claimsOf("accountId" in token ? String(token.accountId) : String(token.clientId)),
		findAccount: (_ctx, name) =>
			people.some((person) => person.name === name) ? { accountId: name, claims: () => ({ sub: name, ...claimsOf(name) }) } : undefined,
		features: {
			devInteractions: { enabled: false },
			rpInitiatedLogout: { enabled: false },
			clientCredentials: { enabled: true },
			deviceFlow: { enabled: true, ...devicePages },
			resourceIndicators: {
				enabled: true,
				defaultResource: () => resource,
				useGrantedResource: () => true,
				getResourceServerInfo: (_ctx, indicator, client) => knownResource(indicator, client),
			},
		},
		clientBasedCORS: () => false,
		interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
		issueRefreshToken: (_ctx, client) => client.grantTypeAllowed("refresh_token"),
		loadExistingGrant: grantEverything,
		renderError: (ctx, out) => {
			ctx.type = "html";
			ctx.body = messagePage("That did not work", `${out.error}: ${out.error_description ?? ""}`);
		},
		ttl: {
			AccessToken: hourS,
			AuthorizationCode: 60,
			ClientCredentials: hourS,
			DeviceCode: 600,
			Grant: 14 * dayS,
			IdToken: hourS,
			Interaction: hourS,
			RefreshToken: 14 * dayS,
			Session: dayS,
		},
	};
}

function claimsOf(name: string): { groups: readonly string[]; email?: string; email_verified?: boolean } {
	const person = people.find((one) => one.name === name);
	if (person) return { groups: person.groups, email: person.email, email_verified: true };
	return { groups: workloads.find(({ clientId }) => clientId === name)?.groups ?? [] };
}

function clients(secrets: Readonly<Record<string, string>>): ClientMetadata[] {
	const programs = workloads.map(({ clientId }) => {
		const secret = secrets[clientId];
		if (secret === undefined) throw new Error(`The identity provider needs a secret for the client ${clientId}.`);
		return { client_id: clientId, client_secret: secret, grant_types: ["client_credentials"], redirect_uris: [], response_types: [] };
	});
	return [
		...programs,
		{
			client_id: "callgate-demo",
			token_endpoint_auth_method: "none",
			grant_types: ["password"],
			redirect_uris: [],
			response_types: [],
		},
		{
			client_id: "callgate-cli",
			client_name: "the callgate command line",
			application_type: "native",
			token_endpoint_auth_method: "none",
			grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
			// A native client may come back on any port of the loopback address (RFC 8252, 7.3).
			redirect_uris: ["http://127.0.0.1/callback"],
			response_types: ["code"],
		},
		{
			client_id: "callgate-audit",
			client_name: "the audit page",
			// So that each replica's page, on a port of its own of this machine, may be come back to.
			application_type: "native",
			token_endpoint_auth_method: "none",
			grant_types: ["authorization_code"],
			redirect_uris: ["http://127.0.0.1/audit/signed-in"],
			response_types: ["code"],
		},
	];
}

function knownResource(indicator: string, client: Client): ResourceServer {
	if (indicator === resource) return resourceServer(client.clientId);
	throw new errors.InvalidTarget();
}

/** Signing in is consent enough here: the clients are all ours, and a second page would teach nothing. */
async function grantEverything(ctx: KoaContextWithOIDC) {
	const { client, session, provider, requestParamOIDCScopes, resourceServers } = ctx.oidc;
	if (!client || !session?.accountId) return undefined;
	const known = session.grantIdFor(client.clientId);
	const grant =
		(known && (await provider.Grant.find(known))) || new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
	grant.addOIDCScope([...requestParamOIDCScopes].join(" "));
	for (const indicator of Object.keys(resourceServers ?? {})) grant.addResourceScope(indicator, scope);
	await grant.save();
	return grant;
}

const devicePages = {
	userCodeInputSource: (ctx: KoaContextWithOIDC, form: string, _out?: unknown, error?: unknown) => {
		const text = error ? "That code was not found. Type it as the command line shows it." : "Type the code that the command line shows.";
		ctx.body = devicePage("Connect a device", text, form, "op.deviceInputForm");
	},
	userCodeConfirmSource: (ctx: KoaContextWithOIDC, form: string, client: Client, _device: unknown, code: string) => {
		const text = `${client.clientName ?? client.clientId} wants to act for you. It should be showing ${code}.`;
		ctx.body = devicePage("Is this yours?", text, form, "op.deviceConfirmForm");
	},
	successSource: (ctx: KoaContextWithOIDC) => {
		ctx.body = messagePage("Signed in", "You can close this page and go back to the command line.");
	},
};
