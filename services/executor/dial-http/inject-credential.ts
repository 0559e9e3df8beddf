// Puts a function's credential into an outbound request, and hands back what keeps it out of everything that comes back.
import type { HttpCredential } from "#libs/configuration/kinds/connection.ts";
import { ExpectedError } from "#libs/contracts/expected-error.ts";
import { secretBytesMax } from "#libs/openapi/request-bounds.ts";
import { whyNotHeader } from "#libs/outbound/header-owners.ts";
import { isHeaderName } from "#libs/outbound/header-syntax.ts";
import type { Secret } from "#libs/vault/secret.ts";
import { CannotRun } from "../cannot-run.ts";
import type { Credential as Shown } from "../ports.ts";
import type { OutboundAnswer, OutboundRequest } from "./http-client.ts";
import type { HeaderField } from "./outbound-headers.ts";
import { type Scrubber, scrubber } from "./scrub-secret.ts";

/** Where a secret goes, as the `credential` of a Connection says it. `secret` is its name in the vault. */
export type Credential = HttpCredential & { readonly secret: string };

/**
 * - `secret_unusable` the stored value cannot be sent this way, or is too short to be kept out of answers
 * - `credential_invalid` the declaration cannot be carried out
 * - `already_present` the request brings its own value for the same place
 */
export type CredentialErrorCode = "secret_unusable" | "credential_invalid" | "already_present";

/** A credential that was not added; the call must not be made. The message names the secret and never holds its value. */
export class CredentialError extends ExpectedError {
	readonly code: CredentialErrorCode;

	constructor(code: CredentialErrorCode, message: string) {
		super(message);
		this.code = code;
	}
}

/** Shorter secrets would occur in answers by chance, and each such place would be overwritten. In UTF-8 bytes. */
export const SECRET_BYTES_MIN = 8;

/**
 * Adds the credential. The given request is not changed. The returned scrubber must be applied to everything that the dial brings,
 * answer or error: see {@link scrubAnswer}.
 * @throws CredentialError
 */
export const injectCredential = (
	request: OutboundRequest,
	credential: Credential,
	secret: Secret,
	scrubbers = new Scrubbers(),
): { request: OutboundRequest; scrub: Scrubber } => {
	const value = readSecret(credential, secret);
	return { request: addTo(request, credential, value), scrub: scrubbers.of(secret, value) };
};

/**
 * A request of a connection, with the credential that it declares.
 *
 * @throws {CannotRun} where the secret cannot be shown that way
 */
export function withCredential(
	request: OutboundRequest,
	declared: HttpCredential | undefined,
	credential: Shown | undefined,
	scrubbers: Scrubbers,
): { request: OutboundRequest; scrub: Scrubber } {
	if (!credential || !declared) return { request, scrub: scrubber([]) };
	try {
		return injectCredential(request, { ...declared, secret: credential.name }, credential.secret, scrubbers);
	} catch (error) {
		throw error instanceof CredentialError ? new CannotRun("credential_missing", error.message) : error;
	}
}

/** The answer without the credential: header values, names and body. A function that echoes its request learns nothing for its caller. */
export const scrubAnswer = async (answer: OutboundAnswer, scrub: Scrubber): Promise<OutboundAnswer> => ({
	...answer,
	headers: await scrubHeaders(answer.headers, scrub),
	body: await scrub.bytes(answer.body),
});

export const scrubHeaders = async (headers: readonly HeaderField[], scrub: Scrubber): Promise<HeaderField[]> => {
	const scrubbed: HeaderField[] = [];
	for (const [name, value] of headers) scrubbed.push([await scrubName(name, scrub), await scrub.text(value)]);
	return scrubbed;
};

const scrubName = async (name: string, scrub: Scrubber): Promise<string> => ((await scrub.text(name)) === name ? name : "x-removed");

const addTo = (request: OutboundRequest, credential: Credential, value: string): OutboundRequest => {
	switch (credential.as) {
		case "bearer":
			return addHeader(request, credential, "authorization", `Bearer ${value}`);
		case "basic":
			return addHeader(
				request,
				credential,
				"authorization",
				`Basic ${Buffer.from(`${credential.username}:${value}`, "utf8").toString("base64")}`,
			);
		case "header":
			return addHeader(request, credential, credential.name.toLowerCase(), value);
		case "query":
			return addParameter(request, credential, value);
	}
};

const addHeader = (request: OutboundRequest, credential: Credential, name: string, value: string): OutboundRequest => {
	const why = isHeaderName(name) ? whyNotHeader(name, "credential") : "it is no name of a header";
	if (why !== undefined)
		throw new CredentialError("credential_invalid", `secret ${credential.secret} is to go into a header that cannot carry it: ${why}`);
	if (request.headers.some(([present]) => present.toLowerCase() === name)) {
		throw new CredentialError("already_present", `the request brings its own ${name}, where secret ${credential.secret} goes`);
	}
	return { ...request, headers: [...request.headers, [name, value]] };
};

const addParameter = (request: OutboundRequest, credential: Credential & { as: "query" }, value: string): OutboundRequest => {
	const url = URL.parse(request.url);
	if (url === null || credential.name === "")
		throw new CredentialError("credential_invalid", `secret ${credential.secret} has no query to go into`);
	if (url.searchParams.has(credential.name)) {
		throw new CredentialError(
			"already_present",
			`the request brings its own parameter ${credential.name}, where secret ${credential.secret} goes`,
		);
	}
	// As text: URLSearchParams would write the other parameters anew, in its own way of escaping.
	const [beforeFragment = ""] = request.url.split("#");
	const separator = beforeFragment.includes("?") ? "&" : "?";
	return { ...request, url: `${beforeFragment}${separator}${encodeURIComponent(credential.name)}=${encodeURIComponent(value)}` };
};

const readSecret = (credential: Credential, secret: Secret): string => {
	const value = secret.reveal();
	const refuse = (why: string): CredentialError => new CredentialError("secret_unusable", `secret ${credential.secret} ${why}`);
	const bytes = Buffer.byteLength(value, "utf8");
	if (bytes < SECRET_BYTES_MIN) throw refuse(`is shorter than ${SECRET_BYTES_MIN} bytes and could not be kept out of answers`);
	if (bytes > secretBytesMax) throw refuse(`is longer than ${secretBytesMax} bytes`);
	// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
	if (/[\x00-\x1f\x7f]/.test(value)) throw refuse("holds a control character; a line feed at its end is the usual reason");
	if ((credential.as === "bearer" || credential.as === "header") && !/^[\x20-\x7e]+$/.test(value))
		throw refuse("holds characters that a header cannot carry");
	if (value.trim() !== value) throw refuse("begins or ends with white space");
	// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
	if (credential.as === "basic" && /[:\x00-\x1f\x7f]/.test(credential.username)) {
		throw new CredentialError(
			"credential_invalid",
			`the user name that goes with secret ${credential.secret} holds a colon or a control character`,
		);
	}
	return value;
};

/** A long secret is a long pattern; a vault hands out the same Secret until its value changes. */
export class Scrubbers {
	private readonly made = new WeakMap<Secret, Scrubber>();

	of(secret: Secret, value: string): Scrubber {
		const known = this.made.get(secret) ?? scrubber([value]);
		this.made.set(secret, known);
		return known;
	}
}
