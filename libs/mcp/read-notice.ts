// What an MCP server says of a call while it works on it: progress and log messages, read as nothing but what MCP has in them.
import { isJsonObject, type JsonObject, JsonRefused, type JsonValue, parseJsonStrictly } from "#libs/contracts/json.ts";

/** https://modelcontextprotocol.io/specification/2026-07-28/server/utilities/logging: by RFC 5424, the least urgent first. */
export const logLevels = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"] as const;
export type LogLevel = (typeof logLevels)[number];

/** From which level on servers are asked to tell: what is below it is for whoever runs them. */
export const askedLevel = "info" satisfies LogLevel;

export const noticeMethods = ["notifications/progress", "notifications/message"] as const;
export type NoticeMethod = (typeof noticeMethods)[number];

/** What the parameters of a notice have as JSON text at the most; with more it is none. */
export const noticeCharsMax = 8_192;
const messageCharsMax = 2_000;
const loggerCharsMax = 128;

export function isNotice(method: string): method is NoticeMethod {
	return noticeMethods.some((one) => one === method);
}

export function isLogLevel(value: unknown): value is LogLevel {
	return logLevels.some((one) => one === value);
}

/**
 * The parameters that are passed on; undefined where they are not those of such a notice. The token is not among them: it is between Callgate and the
 * server alone.
 *
 * @param token that the call was sent with
 */
export function readNotice(method: NoticeMethod, text: string, token: string): JsonObject | undefined {
	const params = text.length <= noticeCharsMax ? parsed(text) : undefined;
	if (!isJsonObject(params)) return undefined;
	return method === "notifications/progress" ? progressIn(params, token) : messageIn(params);
}

function parsed(text: string): JsonValue | undefined {
	try {
		return parseJsonStrictly(text);
	} catch (error) {
		if (error instanceof JsonRefused) return undefined;
		throw error;
	}
}

function progressIn({ progressToken, progress, total, message }: JsonObject, token: string): JsonObject | undefined {
	if (progressToken !== token || typeof progress !== "number" || !["number", "undefined"].includes(typeof total)) return undefined;
	if (message !== undefined && !isText(message, messageCharsMax)) return undefined;
	return { progress, ...(total !== undefined && { total }), ...(message !== undefined && { message }) };
}

function messageIn({ level, logger, data }: JsonObject): JsonObject | undefined {
	if (!isLogLevel(level) || data === undefined || (logger !== undefined && !isText(logger, loggerCharsMax))) return undefined;
	return { level, ...(logger !== undefined && { logger }), data };
}

function isText(value: JsonValue, charsMax: number): boolean {
	return typeof value === "string" && value.length <= charsMax;
}
