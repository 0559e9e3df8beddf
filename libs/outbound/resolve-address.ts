// Names become addresses here, once, and only addresses that the policy allows are handed to connect.
import type { LookupAddress } from "node:dns";
import { lookup as systemLookup } from "node:dns/promises";
import { isIP } from "node:net";
import { ConnectError } from "./connect-error.ts";
import { type Place, placeOf } from "./place.ts";

/** Which addresses may be dialled beside public ones. Each default is the narrow one; addresses of the place `never` are not for any option to open. */
export interface AddressPolicy {
	/** This machine. Default false. */
	readonly allowLoopback?: boolean;
	/** Private networks. Default false. */
	readonly allowPrivate?: boolean;
}

/** Looks a name up: every address it has, in the resolver's order. */
export type Lookup = (hostname: string) => Promise<LookupAddress[]>;

export function mayDial(place: Place, { allowLoopback = false, allowPrivate = false }: AddressPolicy): boolean {
	return place === "public" || (place === "loopback" && allowLoopback) || (place === "private" && allowPrivate);
}

/**
 * Resolves `hostname` (a name, or an address literal without brackets) and refuses the whole name when any of its addresses is forbidden:
 * a name that points both outside and at a metadata service is not a mistake that we want to survive.
 * @throws {ConnectError} `dns_failed` or `address_forbidden`
 */
export async function resolveAddress(hostname: string, policy: AddressPolicy, lookup: Lookup = lookupAll): Promise<LookupAddress[]> {
	const family = isIP(hostname);
	const addresses = family === 0 ? await lookUp(hostname, lookup) : [{ address: hostname, family }];
	for (const { address } of addresses) {
		if (!mayDial(placeOf(address), policy)) throw new ConnectError("address_forbidden", `${hostname} is at an address that is not allowed`);
	}
	return addresses;
}

async function lookUp(hostname: string, lookup: Lookup): Promise<LookupAddress[]> {
	let addresses: LookupAddress[];
	try {
		addresses = await lookup(hostname);
	} catch {
		throw new ConnectError("dns_failed", `${hostname} could not be resolved`);
	}
	if (addresses.length === 0) throw new ConnectError("dns_failed", `${hostname} has no address`);
	return addresses;
}

const lookupAll: Lookup = (hostname) => systemLookup(hostname, { all: true });
