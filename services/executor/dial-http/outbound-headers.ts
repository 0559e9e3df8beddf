// Which headers travel to a function and which come back. Who owns which: #libs/outbound/header-owners.ts.
import { isHopByHop, isOfDialer, whyNotHeader } from "#libs/outbound/header-owners.ts";
import { isHeaderValue } from "#libs/outbound/header-syntax.ts";

/** One header field: name and value, in the order they are sent. */
export type HeaderField = [name: string, value: string];

/** The fields of an outbound request, by who says them. */
export type HeaderSources = {
	/** Of the caller's request. */
	caller: readonly HeaderField[];
	/** Names of the caller's fields that the connection passes on. */
	forward: readonly string[];
	/** What the function's arguments and body say: it wins over the caller's field of the same name. */
	own: readonly HeaderField[];
	/** What is said where nobody else says it. */
	defaults: readonly HeaderField[];
};

/**
 * The headers of an outbound request. A caller's field that is not declared, may never pass, or could not be written safely is dropped; the
 * dialer refuses those of our own that cannot be written.
 */
export const buildOutboundHeaders = ({ caller, forward, own, defaults }: HeaderSources): HeaderField[] => {
	const lower = ([name, value]: HeaderField): HeaderField => [name.toLowerCase(), value];
	const declared = new Set(forward.map((name) => name.toLowerCase()).filter((name) => whyNotHeader(name, "forward") === undefined));
	for (const [name] of own) declared.delete(name.toLowerCase());
	const forwarded = caller.map(lower).filter(([name, value]) => declared.has(name) && isHeaderValue(value));
	const said = [...forwarded, ...own.map(lower)];
	const names = new Set(said.map(([name]) => name));
	return [...said, ...defaults.map(lower).filter(([name]) => !names.has(name))];
};

/** Without the hop-by-hop fields, and without those that a Connection field names. */
export const dropHopByHop = (headers: readonly HeaderField[]): HeaderField[] => {
	const named = new Set<string>();
	for (const [name, value] of headers) {
		if (name.toLowerCase() === "connection") for (const token of value.split(",")) named.add(token.trim().toLowerCase());
	}
	return headers.filter(([name]) => !isHopByHop(name) && !named.has(name.toLowerCase()));
};

/** Without what the dialer sets itself. */
export const dropDialerOwned = (headers: readonly HeaderField[]): HeaderField[] => headers.filter(([name]) => !isOfDialer(name));
