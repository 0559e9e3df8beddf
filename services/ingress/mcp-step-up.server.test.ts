// The official client steps up by itself: it begins with what every request needs, is told of more by the one call that needs it, and gets a token of a real provider.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Client, ClientCredentialsProvider, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Provider } from "oidc-provider";
import { afterEach, expect, test } from "vitest";
import { createAuthenticator } from "#libs/identity/authenticate.ts";
import { TokenScopes } from "#libs/identity/token-scopes.ts";
import { findFreePorts } from "../../infra/local/ports.ts";
import { openConfiguration } from "../../test/support/open-configuration.ts";
import { Backstage, inForce } from "./ingress.test-support.ts";

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
	for (const undo of cleanup.splice(0).reverse()) await undo();
});

/** A provider that follows RFC 8707: tokens are for the address that they are asked for. Notes what each was asked with. */
async function startProvider(resource: string): Promise<{ readonly issuer: string; readonly asked: URLSearchParams[] }> {
	let answer: (request: IncomingMessage, response: ServerResponse) => unknown = () => undefined;
	const server = createServer((request, response) => void answer(request, response));
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	cleanup.push(async () => {
		server.closeAllConnections();
		await new Promise((resolve) => server.close(resolve));
	});
	const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const asked: URLSearchParams[] = [];
	const provider = new Provider(issuer, {
		clients: [
			{ client_id: "agent", client_secret: "agent-secret", grant_types: ["client_credentials"], redirect_uris: [], response_types: [] },
		],
		scopes: ["mcp", "pay"],
		features: {
			devInteractions: { enabled: false },
			clientCredentials: { enabled: true },
			resourceIndicators: {
				enabled: true,
				getResourceServerInfo: (_ctx, indicator) => ({
					scope: "mcp pay",
					audience: indicator,
					accessTokenFormat: "jwt",
					jwt: { sign: { alg: "RS256" } },
				}),
			},
		},
	});
	provider.on("grant.success", ({ oidc }) => asked.push(new URLSearchParams(oidc.params as Record<string, string>)));
	answer = provider.callback();
	expect(resource).toContain("/mcp/");
	return { issuer, asked };
}

test("a client gets the scopes that a call needs when it needs them, and its tokens go no further", async () => {
	const [port = 0] = await findFreePorts(1);
	const publicUrl = `http://127.0.0.1:${port}`;
	const resource = `${publicUrl}/mcp/crm`;
	const { issuer, asked } = await startProvider(resource);
	const configuration = openConfiguration({
		...{ issuer, audience: resource },
		issuerMore: `scopes:
  - needs: [mcp]
  - match: { connection: crm, function: pay }
    needs: [pay]
`,
		connections: `kind: Connection
name: crm
protocol: http
url: https://crm.example
functions:
  note: { method: POST, path: /notes, arguments: { properties: { text: { type: string } } } }
  pay: { method: POST, path: /pay, arguments: { properties: { text: { type: string } } } }
`,
	});
	const stage = new Backstage();
	cleanup.push(() => stage.close());
	const scopes = new TokenScopes();
	const authenticator = createAuthenticator(configuration.issuers, undefined, undefined, scopes);
	const tokens = new Set<string>();
	const authenticate = async (authorization: readonly string[]) => {
		const caller = await authenticator.authenticate(authorization);
		for (const one of authorization) tokens.add(one.replace("Bearer ", ""));
		return caller;
	};
	const { http } = await stage.replica({ configuration: inForce(configuration), scopes, authenticate }, { publicUrl });
	await http.listen({ host: "127.0.0.1", port });

	const authProvider = new ClientCredentialsProvider({ clientId: "agent", clientSecret: "agent-secret", expectedIssuer: issuer });
	const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } });
	await client.connect(new StreamableHTTPClientTransport(new URL(resource), { authProvider }));
	cleanup.push(() => client.close());
	expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["note", "pay"]);
	const scopesAsked = () => asked.map((one) => [one.get("scope"), one.get("resource")]);
	expect(scopesAsked()).toEqual([["mcp", resource]]);

	const noting = client.callTool({ name: "note", arguments: { text: "x" } });
	await stage.complete(await stage.received());
	expect((await noting).isError).toBe(false);
	expect(asked).toHaveLength(1);

	const paying = client.callTool({ name: "pay", arguments: { text: "x" } });
	await stage.complete(await stage.received(1));
	expect((await paying).isError).toBe(false);
	expect(scopesAsked()).toEqual([
		["mcp", resource],
		["mcp pay", resource],
	]);
	expect(tokens.size).toBe(2);
	const said = JSON.stringify(stage.stream.events());
	for (const token of tokens) for (const part of token.split(".")) expect(said).not.toContain(part);
});
