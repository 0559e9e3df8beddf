// One HTTPS request to OpenSearch with a user's password: to learn whether it is ready and to set it up. Services have their own, long-lived connections.
import { request } from "node:https";

/** Where and as whom. */
export interface OpenSearchAccess {
	/** `https://127.0.0.1:9200` */
	readonly url: string;
	/** PEM text of the authority to trust. */
	readonly ca: string;
	readonly user: string;
	readonly password: string;
	/** Whose saved objects of Dashboards are meant, where it is about them. */
	readonly tenant?: string;
}

/** A whole mapping is some tens of kilobytes. */
const answerBytesMax = 4 * 1024 * 1024;
/** Making an index waits for the disk. */
const timeoutMsDefault = 30_000;

/** Resolves with status and body, whatever they are; rejects when there is no answer in time. */
export function askOpenSearch(
	access: OpenSearchAccess,
	method: "GET" | "PUT" | "POST" | "DELETE",
	path: string,
	body?: object,
	timeoutMs: number = timeoutMsDefault,
): Promise<{ status: number; body: string }> {
	return new Promise((resolve, reject) => {
		const auth = `${access.user}:${access.password}`;
		const headers = { "content-type": "application/json", ...(access.tenant !== undefined && { securitytenant: access.tenant }) };
		const ask = request(new URL(path, access.url), { method, auth, headers, ca: access.ca, timeout: timeoutMs, agent: false }, (answer) => {
			let text = "";
			answer.setEncoding("utf8");
			answer.on("data", (chunk: string) => {
				text += chunk;
				if (text.length > answerBytesMax) ask.destroy(new Error("OpenSearch answered with more than can be meant."));
			});
			answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: text }));
			answer.on("error", reject);
		});
		ask.on("timeout", () => ask.destroy(new Error(`OpenSearch did not answer within ${timeoutMs} ms.`)));
		ask.on("error", reject);
		ask.end(body === undefined ? undefined : JSON.stringify(body));
	});
}
