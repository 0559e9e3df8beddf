// Where each address is, in every way of writing it: the IANA registries whole, block by block, and every form that carries an IPv4 address.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Place, placeOf, placeOfHost } from "./place.ts";

/** First and last address of each block of the special-purpose registries, of multicast and of what IPv6 keeps in reserve. */
const registry: readonly (readonly [block: string, first: string, last: string, place: Place])[] = [
	["0.0.0.0/8", "0.0.0.0", "0.255.255.255", "never"],
	["10.0.0.0/8", "10.0.0.0", "10.255.255.255", "private"],
	["100.64.0.0/10", "100.64.0.0", "100.127.255.255", "private"],
	["127.0.0.0/8", "127.0.0.0", "127.255.255.255", "loopback"],
	["169.254.0.0/16", "169.254.0.0", "169.254.255.255", "never"],
	["172.16.0.0/12", "172.16.0.0", "172.31.255.255", "private"],
	["192.0.0.0/24", "192.0.0.0", "192.0.0.255", "never"],
	["192.0.2.0/24", "192.0.2.0", "192.0.2.255", "never"],
	["192.31.196.0/24", "192.31.196.0", "192.31.196.255", "never"],
	["192.52.193.0/24", "192.52.193.0", "192.52.193.255", "never"],
	["192.88.99.0/24", "192.88.99.0", "192.88.99.255", "never"],
	["192.168.0.0/16", "192.168.0.0", "192.168.255.255", "private"],
	["192.175.48.0/24", "192.175.48.0", "192.175.48.255", "never"],
	["198.18.0.0/15", "198.18.0.0", "198.19.255.255", "never"],
	["198.51.100.0/24", "198.51.100.0", "198.51.100.255", "never"],
	["203.0.113.0/24", "203.0.113.0", "203.0.113.255", "never"],
	["224.0.0.0/4", "224.0.0.0", "239.255.255.255", "never"],
	["240.0.0.0/4", "240.0.0.0", "255.255.255.255", "never"],
	["::/128", "::", "0:0:0:0:0:0:0:0", "never"],
	["::1/128", "::1", "0:0:0:0:0:0:0:1", "loopback"],
	["::/96", "::2", "::ffff:ffff", "never"],
	["::ffff:0:0:0/96", "::ffff:0:0:0", "::ffff:0:255.255.255.255", "never"],
	["64:ff9b:1::/48", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "never"],
	["100::/64", "100::", "100::ffff:ffff:ffff:ffff", "never"],
	["100:0:0:1::/64", "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", "never"],
	["2001::/23", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "never"],
	["2001::/32 (Teredo)", "2001::1", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "never"],
	["2001:1::1/128", "2001:1::1", "2001:1::3", "never"],
	["2001:2::/48", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", "never"],
	["2001:3::/32", "2001:3::", "2001:3:ffff:ffff:ffff:ffff:ffff:ffff", "never"],
	["2001:4:112::/48", "2001:4:112::", "2001:4:112:ffff:ffff:ffff:ffff:ffff", "never"],
	["2001:10::/28", "2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", "never"],
	["2001:20::/28", "2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", "never"],
	["2001:30::/28", "2001:30::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff", "never"],
	["2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "never"],
	["2002::/16", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "never"],
	["2620:4f:8000::/48", "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "never"],
	["3fff::/20", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "never"],
	["4000::/2, 8000::/1", "4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "never"],
	["5f00::/16", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "never"],
	["fc00::/7", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private"],
	["fe00::/9", "fe00::", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "never"],
	["fe80::/10", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "never"],
	["fec0::/10", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "never"],
	["ff00::/8", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "never"],
];

test.each(registry)("%s is %s to %s: %s", (_block, first, last, place) => {
	expect([placeOf(first), placeOf(last)]).toEqual([place, place]);
});

test.each([
	"1.0.0.0",
	"9.255.255.255",
	"11.0.0.0",
	"93.184.216.34",
	"100.63.255.255",
	"100.128.0.0",
	"126.255.255.255",
	"128.0.0.0",
	"169.253.255.255",
	"172.32.0.0",
	"192.0.1.0",
	"192.0.3.0",
	"198.17.255.255",
	"198.20.0.0",
	"223.255.255.255",
	"2001:200::",
	"2001:db7::",
	"2001:db9::1",
	"2606:2800:220:1::1",
	"2003::",
	"2620:4f:8001::",
	"3ffe:ffff::",
])("%s is public: it lies beside a block, not in it", (address) => {
	expect(placeOf(address)).toBe("public");
});

test.each([
	["100.100.100.200", "Alibaba"],
	["168.63.129.16", "Azure"],
	["169.254.169.254", "AWS, Google, Azure"],
	["169.254.170.2", "AWS ECS"],
	["169.254.42.42", "Scaleway"],
	["192.0.0.192", "Oracle"],
	["100.96.0.96", "Volcengine"],
	["fd00:c1::a9fe:a9fe", "Oracle"],
	["fd00:ec2::254", "AWS"],
	["fd00:ec2::23", "AWS EKS Pod Identity"],
	["fd00:42::42", "Scaleway"],
	["fd00:100::100:200", "Alibaba"],
	["fd00:a9fe:a9fe::1", "Akamai"],
	["fd20:ce::254", "Google"],
])("the metadata service at %s (%s) is never dialled", (address) => {
	expect(placeOf(address)).toBe("never");
});

describe("an IPv4 address inside an IPv6 one", () => {
	const octet = fc.integer({ min: 0, max: 255 });
	const ipv4 = fc.oneof(
		fc.tuple(octet, octet, octet, octet).map((octets) => octets.join(".")),
		fc.constantFrom("127.0.0.1", "10.0.0.1", "169.254.169.254", "168.63.129.16", "100.64.0.1", "224.0.0.1", "8.8.8.8"),
	);
	const hex = (address: string): string => {
		const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
		return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
	};

	test("mapped is the address itself; translated is public where the address is, else never", () => {
		fc.assert(
			fc.property(ipv4, (address) => {
				const place = placeOf(address);
				for (const mapped of [`::ffff:${address}`, `::ffff:${hex(address)}`, `0:0:0:0:0:FFFF:${hex(address).toUpperCase()}`])
					expect(placeOf(mapped), mapped).toBe(place);
				for (const translated of [`64:ff9b::${address}`, `64:ff9b::${hex(address)}`])
					expect(placeOf(translated), translated).toBe(place === "public" ? "public" : "never");
			}),
		);
	});

	test("in a tunnel or a deprecated form it is never dialled, whatever it is", () => {
		fc.assert(
			fc.property(ipv4, fc.constantFrom("2606:2800:220:1", "fd12:3456:789a:1", "fe80:0:0:0"), (address, network) => {
				for (const carrier of [
					`::ffff:0:${hex(address)}`, // SIIT (RFC 2765)
					`64:ff9b:1::${hex(address)}`,
					`2002:${hex(address)}::1`, // 6to4
					`2001:0:${hex(address)}::1`, // Teredo: the server's address
					`2001::${hex(address)}`, // Teredo: the client's address
					`${network}:0:5efe:${hex(address)}`, // ISATAP
					`${network}:200:5efe:${hex(address)}`,
					`${network}:0:5efe:${address}`,
				]) {
					expect(placeOf(carrier), carrier).toBe("never");
				}
			}),
		);
		for (const compatible of ["::8.8.8.8", "::808:808", "::169.254.169.254"]) expect(placeOf(compatible)).toBe("never");
	});
});

test.each(["fe80::1%eth0", "", "not an address", "0x7f.1", "127.1", "2130706433", "010.0.0.1", "1.2.3.4.5", "[::1]", "::1::"])(
	"a zone or what is no address as sockets write it (%s) is never dialled",
	(text) => {
		expect(placeOf(text)).toBe("never");
	},
);

test.each<[string, Place | "name"]>([
	["http://0x7f.1", "loopback"],
	["http://127.1", "loopback"],
	["http://2130706433", "loopback"],
	["http://017700000001", "loopback"],
	["http://127.0.0.1.", "loopback"],
	["http://0xa9fea9fe", "never"],
	["http://0251.0376.0251.0376", "never"],
	["http://①⑥⑨.254.169.254", "never"],
	["http://0300.0250.1", "private"],
	["http://[::ffff:7f00:1]", "loopback"],
	["http://[::FFFF:169.254.169.254]", "never"],
	["http://localhost", "loopback"],
	["http://LOCALHOST.", "loopback"],
	["http://a.localhost", "loopback"],
	["http://localhost.example.com", "name"],
	["http://127.0.0.1.example.com", "name"],
	["http://api.example.com", "name"],
	["http://8.8.8.8", "public"],
])("the host of %s is at: %s", (url, place) => {
	expect(placeOfHost(new URL(url).hostname)).toBe(place);
});
