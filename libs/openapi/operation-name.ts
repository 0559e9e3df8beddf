// The name of an operation's function: its `operationId`, or one made of method and path where the document gives none that can be written.
import { createHash } from "node:crypto";
import { functionNamePattern } from "#libs/contracts/call.ts";
import type { HttpMethod } from "./http-transport.ts";

const namePattern = new RegExp(functionNamePattern);
const nameCharsMax = 127;

/**
 * `GET /accounts/{id}` without a usable `operationId` is `GET/accounts/:id`. Where a path has characters that a name cannot have, or is too
 * long, they become `_` or are cut, and some of the hash of method and path is added: the name stays the same and is no other operation's.
 */
export function operationName(operationId: unknown, method: HttpMethod, template: string): string {
	if (typeof operationId === "string" && namePattern.test(operationId)) return operationId;
	const braces = template.replace(/\{([^{}]+)\}/g, ":$1");
	const plain = `${method}${braces.replace(/[^A-Za-z0-9_.:/-]/g, "_")}`;
	const isExact = plain.length <= nameCharsMax && plain === `${method}${braces}` && !template.includes(":");
	if (isExact) return plain;
	const hash = createHash("sha256").update(`${method} ${template}`).digest("hex").slice(0, 8);
	return `${plain.slice(0, nameCharsMax - hash.length - 1)}_${hash}`;
}
