// The digest of what a caller was shown of a function: whoever pins it notices a changed name, description or schema.
import { canonicalJson, sha256 } from "#libs/contracts/digest.ts";
import type { JsonValue } from "#libs/contracts/json.ts";
import type { MadeFunction } from "./function.ts";

/** `sha256:` over the RFC 8785 form of name, description and the schema of the arguments. */
export function contractOf({ name, description, argumentsSchema }: Pick<MadeFunction, "name" | "description" | "argumentsSchema">): string {
	return sha256(canonicalJson({ name, description, arguments: argumentsSchema as JsonValue }));
}
