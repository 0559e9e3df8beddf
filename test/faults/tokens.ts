// Tokens as the callers and approvers of a fault run get them, each asked for once in a while.
import type { Stack } from "../../infra/local/stack.ts";

/** Tokens live for an hour; a run may be longer. */
const keepMs = 20 * 60_000;

export function tokensOf({ keys, url }: Pick<Stack, "keys" | "url">): (who: string) => Promise<string> {
	const known = new Map<string, { readonly token: Promise<string>; readonly at: number }>();
	return (who) => {
		const cached = known.get(who);
		if (cached && Date.now() - cached.at < keepMs) return cached.token;
		const asked = ask(url("idp"), who, who === "ci" ? keys.value("client-ci.secret") : keys.value("people.password"));
		known.set(who, { token: asked, at: Date.now() });
		asked.catch(() => known.delete(who));
		return asked;
	};
}

async function ask(issuer: string, who: string, secret: string): Promise<string> {
	const body: Record<string, string> =
		who === "ci"
			? { grant_type: "client_credentials", client_id: "ci", client_secret: secret }
			: { grant_type: "password", client_id: "callgate-demo", username: who, password: secret };
	const answer = await fetch(`${issuer}/token`, { method: "POST", body: new URLSearchParams(body) });
	const { access_token: token } = (await answer.json()) as { access_token?: string };
	if (!token) throw new Error(`the identity provider gave ${who} no token (${answer.status})`);
	return token;
}
