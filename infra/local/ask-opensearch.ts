// One HTTPS request to the local OpenSearch with a user's password: for readiness and for its security settings, before any client is set up.
import { request } from "node:https";
import { askTimeoutMs } from "./run-server.ts";

/** Where and as whom. */
export interface OpenSearchAccess {
	/** `https://127.0.0.1:9200` */
	readonly url: string;
	/** PEM text of the authority to trust. */
	readonly ca: string;
	readonly user: string;
	readonly password: string;
}

const answerBytesMax = 1024 * 1024;

/** Resolves with status and body, whatever they are; rejects when there is no answer in time. */
export function askOpenSearch(
	access: OpenSearchAccess,
	method: "GET" | "PUT",
	path: string,
	body?: object,
	timeoutMs: number = askTimeoutMs,
): Promise<{ status: number; body: string }> {
	return new Promise((resolve, reject) => {
		const auth = `${access.user}:${access.password}`;
		const headers = { "content-type": "application/json" };
		const ask = request(new URL(path, access.url), { method, auth, headers, ca: access.ca, timeout: timeoutMs, agent: false }, (answer) => {
			let text = "";
			answer.setEncoding("utf8");
			answer.on("data", (chunk: string) => {
				text += chunk;
				if (text.length > answerBytesMax) ask.destroy(new Error("The answer is too long."));
			});
			answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: text }));
			answer.on("error", reject);
		});
		ask.on("timeout", () => ask.destroy(new Error(`OpenSearch did not answer within ${timeoutMs} ms.`)));
		ask.on("error", reject);
		ask.end(body === undefined ? undefined : JSON.stringify(body));
	});
}
