// Names become addresses here, once, and only addresses that the policy allows are handed to connect.
import type { LookupAddress } from "node:dns";
import { lookup as systemLookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { DialError } from "./dial-error.ts";

/** Which addresses a function may live at. Each default is the narrow one. */
export type AddressPolicy = {
	/** 127.0.0.0/8 and ::1. Default false; the local demo turns it on. */
	allowLoopback?: boolean;
	/** RFC 1918, 100.64.0.0/10 and fc00::/7. Default false; a pool inside a private network turns it on. */
	allowPrivate?: boolean;
	/** CIDR blocks that no option can open. Default {@link FORBIDDEN_ADDRESSES}. */
	forbiddenAddresses?: readonly string[];
};

/** Looks a name up: every address it has, in the resolver's order. */
export type Lookup = (hostname: string) => Promise<LookupAddress[]>;

/**
 * Never a function: link-local addresses and the clouds' metadata services (they hand out credentials to whoever asks),
 * "this host", multicast and reserved blocks (RFC 6890).
 */
export const FORBIDDEN_ADDRESSES: readonly string[] = [
	"0.0.0.0/8",
	"169.254.0.0/16", // link-local, and the metadata service of AWS, Google, Azure and others
	"100.100.100.200/32", // Alibaba's metadata service
	"168.63.129.16/32", // Azure's host agent
	"192.0.0.0/24", // protocol assignments; Oracle's older metadata service is 192.0.0.192
	"224.0.0.0/4",
	"240.0.0.0/4",
	"::/128",
	"fe80::/10",
	"ff00::/8",
	"fd00:ec2::254/128", // AWS's metadata service
	"fd20:ce::254/128", // Google's metadata service
];

const LOOPBACK: readonly string[] = ["127.0.0.0/8", "::1/128"];
const PRIVATE: readonly string[] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"];

/**
 * Compiles a policy into a question: may this address be dialled? IPv6 forms that carry an IPv4 address (mapped, NAT64, 6to4)
 * are asked about that address as well.
 * @throws RangeError when a block is not a CIDR block
 */
export const compileAddressPolicy = (policy: AddressPolicy): ((address: string) => boolean) => {
	const blocked = new BlockList();
	const blocks = [...(policy.forbiddenAddresses ?? FORBIDDEN_ADDRESSES)];
	if (policy.allowLoopback !== true) blocks.push(...LOOPBACK);
	if (policy.allowPrivate !== true) blocks.push(...PRIVATE);
	for (const block of blocks) addBlock(blocked, block);
	return (address) => {
		const bare = address.replace(/%.*$/, ""); // a zone id says through which interface, not which address
		const family = isIP(bare);
		if (family === 0) return false;
		if (family === 4) return !blocked.check(bare, "ipv4");
		const inner = embeddedIpv4(bare);
		return !blocked.check(bare, "ipv6") && (inner === undefined || !blocked.check(inner, "ipv4"));
	};
};

/**
 * Resolves `hostname` (a name, or an address literal without brackets) and refuses the whole name when any of its addresses is forbidden:
 * a name that points both outside and at a metadata service is not a mistake that we want to survive.
 * @throws DialError `dns_failed` or `address_forbidden`, both with `sent: false`
 */
export const resolveAddress = async (
	hostname: string,
	isAllowed: (address: string) => boolean,
	lookup: Lookup = lookupAll,
): Promise<LookupAddress[]> => {
	const family = isIP(hostname);
	const addresses = family === 0 ? await lookUp(hostname, lookup) : [{ address: hostname, family }];
	for (const { address } of addresses) {
		if (!isAllowed(address)) throw new DialError("address_forbidden", `${hostname} is at an address that is not allowed`, { sent: false });
	}
	return addresses;
};

const lookUp = async (hostname: string, lookup: Lookup): Promise<LookupAddress[]> => {
	let addresses: LookupAddress[];
	try {
		addresses = await lookup(hostname);
	} catch {
		throw new DialError("dns_failed", `${hostname} could not be resolved`, { sent: false });
	}
	if (addresses.length === 0) throw new DialError("dns_failed", `${hostname} has no address`, { sent: false });
	return addresses;
};

const lookupAll: Lookup = (hostname) => systemLookup(hostname, { all: true });

const addBlock = (list: BlockList, block: string): void => {
	const [address = "", bits = ""] = block.split("/");
	const family = isIP(address);
	if (family === 0 || !/^\d{1,3}$/.test(bits)) throw new RangeError(`not a CIDR block: ${block}`);
	list.addSubnet(address, Number(bits), family === 4 ? "ipv4" : "ipv6");
};

/** The IPv4 address inside ::ffff:0:0/96, ::/96, 64:ff9b::/96 (RFC 6052), 64:ff9b:1::/48 (RFC 8215) or 2002::/16 (RFC 3056). */
const embeddedIpv4 = (address: string): string | undefined => {
	const groups = expandIpv6(address);
	const [g0, g1, g2, g3, g4, g5, g6 = 0, g7 = 0] = groups;
	if (g0 === 0x2002) return dotted(g1 ?? 0, g2 ?? 0);
	const nat64 = g0 === 0x64 && g1 === 0xff9b;
	const low = g0 === 0 && g1 === 0 && g2 === 0 && g3 === 0 && g4 === 0 && (g5 === 0 || g5 === 0xffff);
	// ::1 itself is no IPv4 address: its two last groups would read as 0.0.0.1
	if (low && g5 === 0 && g6 === 0) return undefined;
	return nat64 || low ? dotted(g6, g7) : undefined;
};

/** The eight groups of an IPv6 address. WHATWG URL writes it in hexadecimal, so only `::` is left to spell out. */
const expandIpv6 = (address: string): number[] => {
	const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
	const [head = "", tail] = text.split("::");
	const read = (part: string): number[] => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
	const first = read(head);
	if (tail === undefined) return first;
	const last = read(tail);
	return [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
};

const dotted = (high: number, low: number): string => `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
