// Kind `Issuer`: who may vouch for callers.
import { type Static, Type } from "typebox";
import { functionNamePattern, namePattern } from "#libs/contracts/call.ts";
import { weaknessOf } from "#libs/identity/key-strength.ts";
import { placeOfHost } from "#libs/outbound/place.ts";
import type { AddressPolicy } from "#libs/outbound/resolve-address.ts";
import { durationMs, durationPattern } from "#libs/policy/duration.ts";
import type { Fault } from "../configuration-error.ts";
import { addressPolicy, allowPrivateAddresses, parseHttpUrl, whyNotDialled } from "./addresses.ts";

/** Signature algorithms an issuer may use (RFC 7518, RFC 8037). `none` and shared secrets (`HS…`) are not among them (RFC 8725 section 3.1). */
export const issuerAlgorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"] as const;
export type IssuerAlgorithm = (typeof issuerAlgorithms)[number];

const claimName = { minLength: 1, maxLength: 256 } as const;
const pathRule =
	"A dot leads into an object or belongs to a name, as the token has it: `realm_access.roles`, `https://example.com/groups`.";

const closed = { additionalProperties: false } as const;
const functionName = Type.String({ pattern: functionNamePattern });
/** RFC 6749 section 3.3. */
const scopeName = Type.String({ pattern: "^[\\x21\\x23-\\x5b\\x5d-\\x7e]{1,128}$", expected: "a scope, without spaces" });
const audience = Type.String({ minLength: 1, maxLength: 512, expected: "an audience" });

export const IssuerDocument = Type.Object(
	{
		kind: Type.Literal("Issuer"),
		name: Type.String({ pattern: namePattern }),
		issuer: Type.String({
			maxLength: 512,
			expected: "the issuer's URL, exactly as its tokens say it in iss",
			description: "Compared byte for byte with `iss`. `http` only to this machine.",
		}),
		jwks: Type.Optional(
			Type.String({
				minLength: 1,
				maxLength: 512,
				expected: "a URL or a file of this folder",
				description: "Where the keys are: a URL, or a JWKS file beside this one. Without it, OIDC discovery finds them.",
			}),
		),
		allowPrivateAddresses,
		audience: Type.Union([audience, Type.Array(audience, { minItems: 1, maxItems: 16 })], {
			description: "What `aud` must name: one of these.",
		}),
		algorithms: Type.Array(Type.Enum([...issuerAlgorithms]), {
			minItems: 1,
			maxItems: issuerAlgorithms.length,
			description: "Signature algorithms that are accepted.",
		}),
		claims: Type.Optional(
			Type.Object(
				{
					subject: Type.Optional(
						Type.String({ ...claimName, default: "sub", description: `The claim that names the caller. ${pathRule}` }),
					),
					groups: Type.Optional(
						Type.String({
							...claimName,
							description: `The claim that lists the caller's groups. Without it callers have none. ${pathRule}`,
						}),
					),
					session: Type.Optional(
						Type.String({
							...claimName,
							description: `The claim that names the caller's session, such as sid: tokens that masks make end with it. ${pathRule}`,
						}),
					),
					email: Type.Optional(
						Type.String({ ...claimName, description: `The claim with the caller's e-mail. Without it callers have none. ${pathRule}` }),
					),
				},
				closed,
			),
		),
		tokenTypes: Type.Optional(
			Type.Array(Type.String({ pattern: "^[A-Za-z0-9+._-]{1,64}$", expected: "a token type such as at+jwt" }), {
				minItems: 1,
				maxItems: 8,
				default: ["at+jwt", "JWT"],
				description: "Accepted values of the header `typ`, compared without case (RFC 8725 section 3.11).",
			}),
		),
		allowUntyped: Type.Optional(
			Type.Boolean({
				default: false,
				description:
					"Whether tokens without the header `typ` are taken, as Cognito, Apple and Okta make them. ID tokens for this audience are then too.",
			}),
		),
		clockToleranceSeconds: Type.Optional(
			Type.Integer({ minimum: 0, maximum: 60, default: 5, description: "How far the issuer's clock may be off." }),
		),
		scopes: Type.Optional(
			Type.Array(
				Type.Object(
					{
						match: Type.Optional(
							Type.Object(
								{
									connection: Type.String({ pattern: namePattern }),
									function: Type.Optional(Type.Union([functionName, Type.Array(functionName, { minItems: 1, maxItems: 256 })])),
								},
								closed,
							),
						),
						needs: Type.Array(scopeName, { minItems: 1, maxItems: 16 }),
					},
					closed,
				),
				{
					minItems: 1,
					maxItems: 256,
					description:
						"Scopes of OAuth that a token needs: for every request, or (`match`) for calls of a connection or of some of its functions.",
				},
			),
		),
		maxTokenAge: Type.Optional(
			Type.String({ pattern: durationPattern, description: "Oldest `iat` that is accepted. Without it only `exp` counts." }),
		),
	},
	closed,
);
export type IssuerDocument = Static<typeof IssuerDocument>;

/** Where an issuer's keys come from. */
export type IssuerKeys =
	| { readonly from: "discovery" }
	| { readonly from: "url"; readonly url: string }
	/** Public keys (RFC 7517), as the file has them. */
	| { readonly from: "file"; readonly keys: readonly Readonly<Record<string, unknown>>[] };

export type Issuer = {
	readonly name: string;
	readonly issuer: string;
	readonly keys: IssuerKeys;
	/** Where discovery and keys may be fetched from. */
	readonly addresses: AddressPolicy;
	readonly audience: readonly string[];
	readonly algorithms: readonly IssuerAlgorithm[];
	readonly claims: { readonly subject: string; readonly groups?: string; readonly email?: string; readonly session?: string };
	/** Lower case. */
	readonly tokenTypes: readonly string[];
	/** Whether a token may have no type. */
	readonly allowUntyped: boolean;
	readonly clockToleranceSeconds: number;
	/** What its tokens need, each for what it names: every request, the calls of a connection, or those of some functions. */
	readonly scopes: readonly { readonly connection?: string; readonly functions?: readonly string[]; readonly needs: readonly string[] }[];
	readonly maxTokenAgeSeconds?: number;
};

/** The file that `jwks:` names, relative to the document's own; undefined where it is a URL or absent. */
export function jwksFileOf(document: Pick<IssuerDocument, "jwks">): string | undefined {
	return document.jwks === undefined || /^[a-z][a-z0-9+.-]*:\/\//i.test(document.jwks) ? undefined : document.jwks;
}

/** Compiles a document that fits its schema; `jwksText` is the content of the file it names. */
export function compileIssuer(
	document: IssuerDocument,
	jwksText: string | undefined,
): { readonly issuer: Issuer; readonly faults: readonly Fault[] } {
	const faults: Fault[] = [];
	const url = parseHttpUrl(document.issuer, { plain: false });
	if (typeof url === "string") faults.push({ path: ["issuer"], message: url });
	const keys = keysOf(document, jwksText, faults);
	const { claims = {}, tokenTypes = ["at+jwt", "JWT"], clockToleranceSeconds = 5 } = document;
	const maxTokenAgeMs = document.maxTokenAge === undefined ? undefined : durationMs(document.maxTokenAge);
	const { subject = "sub", groups, email, session } = claims;
	return {
		issuer: {
			name: document.name,
			issuer: document.issuer,
			keys,
			addresses: addressesOf(document, keys, faults),
			audience: typeof document.audience === "string" ? [document.audience] : document.audience,
			algorithms: document.algorithms,
			claims: {
				subject,
				...(groups !== undefined && { groups }),
				...(email !== undefined && { email }),
				...(session !== undefined && { session }),
			},
			tokenTypes: tokenTypes.map((type) => type.toLowerCase()),
			allowUntyped: document.allowUntyped ?? false,
			clockToleranceSeconds,
			scopes: (document.scopes ?? []).map(({ match, needs }) => ({
				needs,
				...(match && { connection: match.connection }),
				...(match?.function !== undefined && { functions: [match.function].flat() }),
			})),
			...(maxTokenAgeMs !== undefined && { maxTokenAgeSeconds: maxTokenAgeMs / 1_000 }),
		},
		faults,
	};
}

/**
 * What of a token decides between two documents for one `iss` is its audience and its type. Where both could be meant, rights would depend on
 * which is asked first, and the refusal of the other one be told. A caller is known by `iss` and subject: were the subject another claim in each,
 * whoever may choose the one could be the person of the other.
 */
export function whyNotToldApart(one: Issuer, other: Issuer): Fault | undefined {
	if (one.issuer !== other.issuer) return undefined;
	if (one.claims.subject !== other.claims.subject) {
		const message = `found ${JSON.stringify(one.claims.subject)}, expected ${JSON.stringify(other.claims.subject)}: callers of one issuer are known by one claim, and the Issuer "${other.name}" names that`;
		return { path: ["claims", "subject"], message };
	}
	const audience = one.audience.find((name) => other.audience.includes(name));
	const type = one.tokenTypes.find((name) => other.tokenTypes.includes(name));
	if (audience === undefined || (type === undefined && !(one.allowUntyped && other.allowUntyped))) return undefined;
	const message = `found ${JSON.stringify(audience)}, expected an audience of its own, or other tokenTypes: tokens of this issuer could be for the Issuer "${other.name}" as well`;
	return { path: ["audience"], message };
}

function keysOf(document: IssuerDocument, jwksText: string | undefined, faults: Fault[]): IssuerKeys {
	if (document.jwks === undefined) return { from: "discovery" };
	if (jwksFileOf(document) === undefined) {
		const url = parseHttpUrl(document.jwks, { plain: false });
		if (typeof url === "string") faults.push({ path: ["jwks"], message: url });
		return { from: "url", url: document.jwks };
	}
	const keys = parseJwks(jwksText ?? "");
	if (typeof keys === "string") faults.push({ path: ["jwks"], message: keys });
	return { from: "file", keys: typeof keys === "string" ? [] : keys };
}

/** An author who writes this machine into a URL means it; but a name must not lead there, nor any URL to a private network, unasked. */
function addressesOf(document: IssuerDocument, keys: IssuerKeys, faults: Fault[]): AddressPolicy {
	const policy = addressPolicy(document);
	const fetched = parseHttpUrl(keys.from === "url" ? keys.url : document.issuer, { plain: false });
	if (typeof fetched === "string" || keys.from === "file") return policy;
	if (placeOfHost(fetched.hostname) === "loopback") return { ...policy, allowLoopback: true };
	const fault = whyNotDialled(fetched, policy);
	if (fault !== undefined) faults.push({ path: [keys.from === "url" ? "jwks" : "issuer"], message: fault });
	return policy;
}

/** Members that only private keys have (RFC 7518 sections 6.2.2, 6.3.2 and 6.4). */
const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

function parseJwks(text: string): readonly Readonly<Record<string, unknown>>[] | string {
	let parsed: unknown;
	try {
		parsed = JSON.parse(text);
	} catch {
		return "found a file that is not JSON, expected a JWK set (RFC 7517)";
	}
	const keys = isMapping(parsed) ? parsed.keys : undefined;
	if (!Array.isArray(keys) || keys.length === 0 || keys.length > 64)
		return "found no list of keys, expected a JWK set with 1 to 64 keys (RFC 7517)";
	if (!keys.every(isMapping)) return "found a key that is not an object, expected a JWK set (RFC 7517)";
	if (keys.some((key) => key.kty === "oct" || privateMembers.some((name) => Object.hasOwn(key, name))))
		return "found a private or shared key, expected public keys only";
	if (!keys.every((key) => ["RSA", "EC", "OKP"].includes(String(key.kty))))
		return "found a key of an unknown type, expected kty: RSA, EC or OKP";
	for (const key of keys) {
		const weakness = weaknessOf(key);
		if (weakness !== undefined) return `found a key (kid ${JSON.stringify(String(key.kid ?? "").slice(0, 64))}) that is ${weakness}`;
	}
	return keys;
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
