// The session of a client that begins with `initialize`: an id, and no server keeps anything in it. From which level on the client hears of log messages stands
// beside the calls that are kept, so that every replica knows it.
import { createHash, randomUUID } from "node:crypto";
import type { Caller } from "#libs/contracts/call.ts";
import { canonicalJson } from "#libs/contracts/digest.ts";
import { isLogLevel, type LogLevel } from "#libs/mcp/read-notice.ts";
import type { IngressPorts } from "../../ports.ts";

export const sessionHeader = "mcp-session-id";

export function newSession(): string {
	return randomUUID();
}

const sessionPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Undefined where none was given here. One that somebody made up is one of which nothing is known. */
export function sessionIn(header: string | string[] | undefined): string | undefined {
	return typeof header === "string" && sessionPattern.test(header) ? header : undefined;
}

export async function setLevel({ bus }: IngressPorts, caller: Caller, session: string, level: LogLevel): Promise<void> {
	await bus.store("calls").put(keyOf(caller, session), level);
}

/** Undefined where the client did not set one, or 24 hours ago. */
export async function levelOf({ bus }: IngressPorts, caller: Caller, session: string): Promise<LogLevel | undefined> {
	const level = (await bus.store("calls").get(keyOf(caller, session)))?.value;
	return isLogLevel(level) ? level : undefined;
}

/** Of one caller: who knows another's session has it for themselves alone. */
function keyOf({ issuer, subject }: Caller, session: string): string {
	return `level.${createHash("sha256")
		.update(canonicalJson([issuer, subject, session]))
		.digest("hex")}`;
}
