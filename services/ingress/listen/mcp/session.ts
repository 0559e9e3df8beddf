// The session of a client that begins with `initialize`: an id that says what the client declared, and no server keeps anything in it. From which level on the
// client hears of log messages stands beside the calls that are kept, so that every replica knows it.
import { createHash, randomUUID } from "node:crypto";
import type { Caller } from "#libs/contracts/call.ts";
import { canonicalJson } from "#libs/contracts/digest.ts";
import { type Askable, askables, declaredIn } from "#libs/mcp/questions.ts";
import { isLogLevel, type LogLevel } from "#libs/mcp/read-notice.ts";
import type { IngressPorts } from "../../ports.ts";

export const sessionHeader = "mcp-session-id";

export interface Session {
	readonly id: string;
	/** What the client said that it can be asked for. It says so of itself: nothing is granted by that. */
	readonly declared: readonly Askable[];
}

/** @param capabilities as the client declares them */
export function newSession(capabilities: unknown): string {
	return [randomUUID(), ...declaredIn(capabilities)].join(".");
}

const sessionPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}((?:\.[a-z]{1,16}){0,3})$/;

/** Undefined where none was given here. One that somebody made up is one of which nothing is known. */
export function sessionIn(header: string | string[] | undefined): Session | undefined {
	const named = typeof header === "string" ? sessionPattern.exec(header)?.[1] : undefined;
	if (named === undefined) return undefined;
	return { id: String(header), declared: askables.filter((one) => named.split(".").includes(one)) };
}

export async function setLevel({ bus }: IngressPorts, caller: Caller, session: Session, level: LogLevel): Promise<void> {
	await bus.store("calls").put(keyOf(caller, session), level);
}

/** Undefined where the client did not set one, or 24 hours ago. */
export async function levelOf({ bus }: IngressPorts, caller: Caller, session: Session): Promise<LogLevel | undefined> {
	const level = (await bus.store("calls").get(keyOf(caller, session)))?.value;
	return isLogLevel(level) ? level : undefined;
}

/** Of one caller: who knows another's session has it for themselves alone. */
function keyOf({ issuer, subject }: Caller, { id }: Session): string {
	return `level.${createHash("sha256")
		.update(canonicalJson([issuer, subject, id]))
		.digest("hex")}`;
}
