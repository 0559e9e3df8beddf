// Which Issuer document a token is for, read before anything of it is verified: of one `iss` there may be several, told apart by audience and type.
import { decodeJwt, decodeProtectedHeader } from "jose";
import type { Issuer } from "#libs/configuration/kinds/issuer.ts";
import { NotAuthenticated } from "#libs/contracts/not-authenticated.ts";
import { refused } from "./refused.ts";

/** What a token says of itself. */
interface Claimed {
	readonly iss: unknown;
	readonly aud: unknown;
	readonly typ: unknown;
}

/** @param trusted the documents by their `iss`. @throws {NotAuthenticated} where the token is for none of them, or for several. */
export function whichIssuer<T extends Issuer>(token: string, trusted: ReadonlyMap<unknown, readonly T[]>): T {
	const claimed = claimedBy(token);
	const documents = trusted.get(claimed.iss) ?? [];
	const [only] = documents;
	if (only === undefined) throw new NotAuthenticated("issuer_unknown");
	if (documents.length === 1) return only;
	const audiences: readonly unknown[] = Array.isArray(claimed.aud) ? claimed.aud : [claimed.aud];
	const named = documents.filter(({ audience }) => audience.some((name) => audiences.includes(name)));
	if (named.length === 0) throw new NotAuthenticated("audience_not_allowed");
	const [meant, ...more] = named.length === 1 ? named : named.filter((issuer) => mayHaveType(issuer, claimed.typ));
	if (meant === undefined) throw new NotAuthenticated("type_not_allowed");
	// To take the first would let the order of files decide which claims count.
	if (more.length > 0) throw new NotAuthenticated("issuer_ambiguous");
	return meant;
}

function claimedBy(token: string): Claimed {
	try {
		const { iss, aud } = decodeJwt(token);
		return { iss, aud, typ: decodeProtectedHeader(token).typ };
	} catch {
		throw new NotAuthenticated("not_a_token");
	}
}

/** @throws {NotAuthenticated} `type_not_allowed` */
export function refuseType(issuer: Issuer, typ: unknown): void {
	if (mayHaveType(issuer, typ)) return;
	const types = issuer.tokenTypes.join(", ");
	const why = typ === undefined ? `it has no type; allowUntyped in its Issuer would take it` : `its type is not one of ${types}`;
	throw refused("type_not_allowed", why);
}

/** RFC 7515 section 4.1.9: `application/` may be left out, and case does not matter. */
function mayHaveType({ tokenTypes, allowUntyped }: Issuer, typ: unknown): boolean {
	if (typ === undefined) return allowUntyped;
	return typeof typ === "string" && tokenTypes.includes(typ.toLowerCase().replace(/^application\//, ""));
}
