// Puts saved objects into a running OpenSearch Dashboards through its saved objects API. Objects of the same ids are replaced.
import { ExpectedError } from "#libs/contracts/expected-error.ts";

export interface DashboardsAccess {
	/** `https://dashboards.example.com`, with the base path if it has one. */
	readonly url: string;
	readonly user: string;
	readonly password: string;
	/** Whose Dashboards: the security plugin keeps saved objects apart by tenant. */
	readonly tenant: string;
}

const timeoutMs = 60_000;
const answerCharsShown = 500;

/** How many objects it took. @throws ExpectedError where it took not all of them, or did not answer. */
export async function importSavedObjects({ url, user, password, tenant }: DashboardsAccess, text: string): Promise<number> {
	const form = new FormData();
	form.set("file", new Blob([text], { type: "application/ndjson" }), "callgate.ndjson");
	const address = `${url.replace(/\/$/, "")}/api/saved_objects/_import?overwrite=true`;
	const headers = {
		authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
		// Dashboards refuses what a page of another site could send.
		"osd-xsrf": "true",
		securitytenant: tenant,
	};
	const answer = await fetch(address, { method: "POST", headers, body: form, signal: AbortSignal.timeout(timeoutMs) }).catch(
		(error: unknown) => {
			const { cause } = error as { cause?: unknown };
			throw new ExpectedError(
				`OpenSearch Dashboards at ${url} does not answer: ${cause instanceof Error ? cause.message : "no answer in time"}`,
			);
		},
	);
	const said = await answer.text();
	const result = answer.ok ? (JSON.parse(said) as { success?: boolean; successCount?: number }) : {};
	if (result.success !== true)
		throw new ExpectedError(`OpenSearch Dashboards answered ${answer.status}: ${said.slice(0, answerCharsShown)}`);
	return result.successCount ?? 0;
}
