// One POST to a receiver, by the rules for all of them: nothing follows a redirection, what is answered is bounded, a certificate is checked.
import { Agent, request } from "undici";
import { codeOf, NotDelivered } from "./target.ts";

export interface Answer {
	readonly status: number;
	readonly text: string;
	/** What `Retry-After` asks for. */
	readonly afterMs: number;
}

export interface Poster {
	/** @throws {NotDelivered} where nothing was answered */
	post(url: string, headers: Readonly<Record<string, string>>, body: string): Promise<Answer>;
	close(): Promise<void>;
}

const timeoutMs = 30_000;
const answerBytesMax = 1_048_576;
/** Whoever asks for more is asked again after this. */
const patienceMaxMs = 5 * 60_000;

/**
 * @param name of the receiver, in messages
 * @param ca PEM of the authority of its certificate, where it is not a public one
 */
export function createPoster(name: string, ca?: string | undefined): Poster {
	const agent = new Agent({
		connect: { timeout: timeoutMs, ...(ca !== undefined && { ca }) },
		...{ headersTimeout: timeoutMs, bodyTimeout: timeoutMs, maxResponseSize: answerBytesMax },
	});
	return {
		async post(url, headers, body) {
			try {
				const { statusCode, headers: told, body: answered } = await request(url, { dispatcher: agent, method: "POST", headers, body });
				return { status: statusCode, text: await answered.text(), afterMs: patienceOf(told["retry-after"]) };
			} catch (error) {
				throw new NotDelivered(`${name} cannot be reached (${codeOf(error)})`);
			}
		},
		close: () => agent.destroy(),
	};
}

/** Seconds or a date (RFC 9110 section 10.2.3). */
function patienceOf(value: string | string[] | undefined): number {
	if (typeof value !== "string") return 0;
	const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
	return Number.isNaN(ms) ? 0 : Math.min(patienceMaxMs, Math.max(0, ms));
}

/** 4xx is a receiver that will not take it, but for those that ask for patience. */
export function isRefusal(status: number): boolean {
	return status >= 400 && status < 500 && ![408, 425, 429].includes(status);
}
