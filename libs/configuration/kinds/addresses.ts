// URLs that people write: exact, encrypted unless they stay on this machine, never with a password inside, and never to what is not dialled.
import { Type } from "typebox";
import { placeOfHost } from "#libs/outbound/place.ts";
import { type AddressPolicy, mayDial } from "#libs/outbound/resolve-address.ts";

/** A member of every document with a URL that is dialled. */
export const allowPrivateAddresses = Type.Optional(
	Type.Boolean({ default: false, description: "Whether the URL may lead to addresses that are not on the public internet." }),
);

/** What may be dialled for a document: every address that a name leads to is looked at, and again at the socket. */
export function addressPolicy(document: { readonly allowPrivateAddresses?: boolean }): AddressPolicy {
	const { allowPrivateAddresses: allowed = false } = document;
	return { allowLoopback: allowed, allowPrivate: allowed };
}

/** Why a URL's host is not dialled, where it is written as an address; where a name leads is known when it is resolved. */
export function whyNotDialled({ hostname }: URL, policy: AddressPolicy): string | undefined {
	const place = placeOfHost(hostname);
	if (place === "name" || mayDial(place, policy)) return undefined;
	return `found the private address ${hostname}, expected allowPrivateAddresses: true beside it`;
}

/** Parses an http(s) URL; a text says why it is refused. `plain`: whether http is allowed to other machines too. */
export function parseHttpUrl(text: string, { plain }: { readonly plain: boolean }): URL | string {
	const url = URL.parse(text);
	if (url === null || !/^https?:$/.test(url.protocol) || !/^https?:\/\//.test(text))
		return `found ${JSON.stringify(text.slice(0, 80))}, expected a URL that starts with https://`;
	if (url.username !== "" || url.password !== "")
		return "found a user or password in the URL, expected neither: credentials are named under credential: and kept in the vault";
	if (url.hash !== "" || text.endsWith("#")) return "found a fragment (#) in the URL, expected none";
	if (url.search !== "" || text.endsWith("?")) return "found a query (?) in the URL, expected none";
	if (/[\s\\]|\/\.{1,2}(?:\/|$)|%2e|%2f|%5c/i.test(text))
		return "found spaces, backslashes, dot segments or encoded slashes in the URL, expected a plain path";
	const place = placeOfHost(url.hostname);
	if (place === "never")
		return `found ${url.host}, expected an address of the internet or of a private network: link-local, metadata, tunnel and reserved addresses are never dialled`;
	if (url.protocol === "http:" && !plain && place !== "loopback")
		return `found ${url.protocol}//${url.host}, expected https: plain http is for this machine only`;
	return url;
}
