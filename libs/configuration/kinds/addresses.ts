// URLs that people write: exact, encrypted unless they stay on this machine, and never with a password inside.
import { BlockList, isIP } from "node:net";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** Ranges that are not the public internet (RFC 6890): this network, private, shared, link-local, reserved, and their IPv6 kin. */
const privateRanges = new BlockList();
for (const [address, prefix] of [
	["0.0.0.0", 8],
	["10.0.0.0", 8],
	["100.64.0.0", 10],
	["127.0.0.0", 8],
	["169.254.0.0", 16],
	["172.16.0.0", 12],
	["192.0.0.0", 24],
	["192.168.0.0", 16],
	["198.18.0.0", 15],
	["224.0.0.0", 4],
	["240.0.0.0", 4],
] as const) {
	privateRanges.addSubnet(address, prefix, "ipv4");
}
for (const [address, prefix] of [
	["::", 127],
	["fc00::", 7],
	["fe80::", 10],
	["ff00::", 8],
] as const) {
	privateRanges.addSubnet(address, prefix, "ipv6");
}

function isIn(list: BlockList, hostname: string): boolean {
	const host = hostname.replace(/^\[|\]$/g, "");
	const family = isIP(host);
	return family !== 0 && list.check(host, family === 6 ? "ipv6" : "ipv4");
}

/** Whether a URL's host is this machine: `localhost` or a loopback address. */
export function isLoopbackHost(hostname: string): boolean {
	return hostname === "localhost" || hostname.endsWith(".localhost") || isIn(loopback, hostname);
}

/** Whether a URL's host is written as an address that is not on the public internet, or as `localhost`. Names are for the executor to resolve. */
export function isPrivateHost(hostname: string): boolean {
	return isLoopbackHost(hostname) || isIn(privateRanges, hostname);
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
	if (url.protocol === "http:" && !plain && !isLoopbackHost(url.hostname))
		return `found ${url.protocol}//${url.host}, expected https: plain http is for this machine only`;
	return url;
}
