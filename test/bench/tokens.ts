// A token for each caller of a bench, as the identity provider gives them to a CI workload: all different, so that none is known from another's call.
import type { Stack } from "../../infra/local/stack.ts";

/** Requests to the identity provider at once. */
const atOnce = 16;

export async function benchTokens(stack: Pick<Stack, "keys" | "url">, count: number): Promise<string[]> {
	const tokens: string[] = [];
	while (tokens.length < count) {
		const batch = Math.min(atOnce, count - tokens.length);
		tokens.push(...(await Promise.all(Array.from({ length: batch }, () => ciToken(stack)))));
	}
	return tokens;
}

async function ciToken({ keys, url }: Pick<Stack, "keys" | "url">): Promise<string> {
	const body = { grant_type: "client_credentials", client_id: "ci", client_secret: keys.value("client-ci.secret") };
	const answer = await fetch(`${url("idp")}/token`, { method: "POST", body: new URLSearchParams(body) });
	const { access_token: token } = (await answer.json()) as { access_token?: string };
	if (!token) throw new Error(`the identity provider gave no token (${answer.status})`);
	return token;
}
