// Where an address is: on the public internet, in a private network, on this machine, or nowhere that is ever dialled. The one list of addresses.
import { BlockList, isIP } from "node:net";

/** `never`: link-local, metadata services, multicast, documentation, benchmarks, tunnels, whatever is reserved, and what is no address. */
export type Place = "public" | "private" | "loopback" | "never";

/** Networks that anyone may build for themselves: RFC 1918, RFC 6598, RFC 4193. */
const privateUse = blockList("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7");

const loopback = blockList("127.0.0.0/8", "::1/128");

/**
 * The IANA special-purpose registries (IPv4 and IPv6, as of 2025-10-09) without the two lists above, and the metadata services of clouds that
 * lie elsewhere: they hand out credentials to whoever asks. Entries that the registry calls globally reachable are anycast addresses of the
 * network itself; no function lives there. Of IPv6 only what lies in {@link globalUnicast} or {@link privateUse} needs a line.
 */
const never = blockList(
	"0.0.0.0/8", // this network (RFC 791)
	"100.96.0.96/32", // metadata: Volcengine
	"100.100.100.200/32", // metadata: Alibaba
	"168.63.129.16/32", // metadata: Azure's host agent
	"169.254.0.0/16", // link-local (RFC 3927); metadata of AWS, Google, Azure and most others
	"192.0.0.0/24", // IETF protocol assignments (RFC 6890); metadata: Oracle's older 192.0.0.192
	"192.0.2.0/24", // documentation (RFC 5737)
	"192.31.196.0/24", // AS112 (RFC 7535)
	"192.52.193.0/24", // AMT (RFC 7450)
	"192.88.99.0/24", // 6to4 relays (RFC 7526)
	"192.175.48.0/24", // AS112 (RFC 7534)
	"198.18.0.0/15", // benchmarks (RFC 2544)
	"198.51.100.0/24", // documentation (RFC 5737)
	"203.0.113.0/24", // documentation (RFC 5737)
	"224.0.0.0/4", // multicast (RFC 5771)
	"240.0.0.0/4", // reserved (RFC 1112), and broadcast
	"2001::/23", // IETF protocol assignments (RFC 2928): Teredo, benchmarks, ORCHID, AMT and others
	"2001:db8::/32", // documentation (RFC 3849)
	"2002::/16", // 6to4 (RFC 3056): a tunnel to the IPv4 address inside
	"2620:4f:8000::/48", // AS112 (RFC 7534)
	"3fff::/20", // documentation (RFC 9637)
	"fd00:42::42/128", // metadata: Scaleway
	"fd00:100::100:200/128", // metadata: Alibaba
	"fd00:a9fe:a9fe::1/128", // metadata: Akamai
	"fd00:c1::a9fe:a9fe/128", // metadata: Oracle
	"fd00:ec2::/32", // AWS' own services: metadata at ::254, credentials of EKS pods at ::23
	"fd20:ce::254/128", // metadata: Google
);

/**
 * The part of IPv6 that is given out to the internet (RFC 4291 section 2.4 and IANA's registry of the address space). All else is reserved: IPv4-compatible
 * ::/96, SIIT ::ffff:0:0:0/96, 64:ff9b:1::/48, 100::/64, 5f00::/16, link-local fe80::/10, site-local fec0::/10, multicast ff00::/8.
 */
const globalUnicast = blockList("2000::/3");

/** @param address IPv4 in four decimal parts, or IPv6, a zone id included: what resolvers and sockets say. Anything else is `never`. */
export function placeOf(address: string): Place {
	const bare = address.replace(/%.*$/, ""); // a zone id says through which interface, not which address
	const family = isIP(bare);
	if (family === 0) return "never";
	if (family === 4) return placeInLists(bare, "ipv4") ?? "public";
	const [g0, g1, g2, g3, g4 = 0, g5, g6 = 0, g7 = 0] = groupsOf(bare);
	const startsWithZeros = g0 === 0 && g1 === 0 && g2 === 0 && g3 === 0 && g4 === 0;
	const inner = `${g6 >> 8}.${g6 & 255}.${g7 >> 8}.${g7 & 255}`;
	// IPv4-mapped ::ffff:0:0/96: the system connects to the IPv4 address itself.
	if (startsWithZeros && g5 === 0xffff) return placeOf(inner);
	// 64:ff9b::/96: what an IPv6-only network calls an IPv4 address of the internet. It stands for no other kind (RFC 6052 section 3.1).
	if (g0 === 0x64 && g1 === 0xff9b && g2 === 0 && g3 === 0 && g4 === 0 && g5 === 0) return placeOf(inner) === "public" ? "public" : "never";
	// ISATAP (RFC 5214): an interface id, in whichever network, that is a tunnel to the IPv4 address inside.
	if ((g4 & 0xfcff) === 0 && g5 === 0x5efe) return "never";
	return placeInLists(bare, "ipv6") ?? (globalUnicast.check(bare, "ipv6") ? "public" : "never");
}

/**
 * Where the host of a URL is, as it is written: `URL.hostname` has already read every spelling of an address (0x7f.1, 2130706433).
 * A name is a `name`: where it leads is known when it is resolved.
 */
export function placeOfHost(hostname: string): Place | "name" {
	const host = hostname.replace(/^\[|\]$/g, "");
	if (isIP(host) !== 0) return placeOf(host);
	return /^(?:.*\.)?localhost\.?$/i.test(host) ? "loopback" : "name"; // RFC 6761 section 6.3
}

function placeInLists(address: string, family: "ipv4" | "ipv6"): Place | undefined {
	if (never.check(address, family)) return "never";
	if (loopback.check(address, family)) return "loopback";
	return privateUse.check(address, family) ? "private" : undefined;
}

function blockList(...blocks: readonly `${string}/${number}`[]): BlockList {
	const list = new BlockList();
	for (const block of blocks) {
		const [address = "", bits] = block.split("/");
		list.addSubnet(address, Number(bits), isIP(address) === 4 ? "ipv4" : "ipv6");
	}
	return list;
}

/** The eight groups of an IPv6 address. The URL parser writes every spelling in hexadecimal, so only `::` is left to spell out. */
function groupsOf(address: string): number[] {
	const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
	const read = (part: string): number[] => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
	const first = read(head);
	if (tail === undefined) return first;
	const last = read(tail);
	return [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
}
