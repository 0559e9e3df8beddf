// A connection to a function: resolve once, check, connect to exactly that, and TLS with verification that nothing can switch off.
import { X509Certificate } from "node:crypto";
import type { LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { createSecureContext, getCACertificates, type SecureContext, connect as startTls } from "node:tls";
import { DialError } from "./dial-error.ts";
import { type Lookup, resolveAddress } from "./resolve-address.ts";

/** Where to connect to, as undici asks for it. */
export type ConnectTarget = { hostname: string; protocol: string; port: string };

/** How to connect: the checks, the time for DNS, TCP and TLS together (ms), and the trust for TLS. */
export type ConnectOptions = {
	isAllowed: (address: string) => boolean;
	lookup: Lookup | undefined;
	connectTimeoutMs: number;
	secureContext: SecureContext | undefined;
};

/**
 * The system's trusted authorities plus a connection's own.
 * @throws Error when `caPem` is not one or more certificates: createSecureContext would ignore what it cannot read
 */
export const trustAlso = (caPem: string): SecureContext => {
	const certificates = caPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
	if (certificates.length === 0) throw new Error("no certificate found");
	for (const certificate of certificates) new X509Certificate(certificate);
	return createSecureContext({ ca: [...getCACertificates("default"), ...certificates], minVersion: "TLSv1.2" });
};

/**
 * Opens one connection. The addresses are resolved once and only those are tried, so a name that changes its mind between the check and
 * the connect (DNS rebinding) gains nothing; the peer that answered is checked once more.
 * @throws DialError with `sent: false`: `dns_failed`, `address_forbidden`, `connect_failed`, `connect_timeout` or `tls_failed`
 */
export const connectSocket = async (target: ConnectTarget, options: ConnectOptions): Promise<Socket> => {
	const tooLate = new AbortController();
	const timer = setTimeout(() => tooLate.abort(), options.connectTimeoutMs);
	try {
		const addresses = await Promise.race([
			resolveAddress(target.hostname, options.isAllowed, options.lookup),
			rejectWhen(tooLate.signal, target),
		]);
		return await open(target, pinTo(addresses), options, tooLate.signal);
	} finally {
		clearTimeout(timer);
	}
};

/** A lookup that knows one answer. */
const pinTo =
	(addresses: readonly LookupAddress[]): LookupFunction =>
	(_hostname, how, callback) => {
		const first = addresses[0];
		if (how.all === true) callback(null, [...addresses]);
		else if (first !== undefined) callback(null, first.address, first.family);
		else callback(new Error("no address"), "");
	};

/** getaddrinfo cannot be cancelled; it is left behind when time is up. */
const rejectWhen = (tooLate: AbortSignal, target: ConnectTarget): Promise<never> =>
	new Promise((_resolve, reject) => {
		tooLate.addEventListener("abort", () => reject(timedOut(target)), { once: true });
	});

const open = (target: ConnectTarget, lookup: LookupFunction, options: ConnectOptions, tooLate: AbortSignal): Promise<Socket> =>
	new Promise((resolve, reject) => {
		const secure = target.protocol === "https:";
		const socket = secure ? openTls(target, lookup, options) : connectTcp(addressOf(target, lookup, 80));
		let connected = false;
		const fail = (error: DialError): void => {
			socket.destroy();
			reject(error);
		};
		// Stays for the socket's life: between here and undici's own listener a late error must not be an uncaught one.
		socket.on("error", (error: NodeJS.ErrnoException) => {
			const kind = connected && secure ? "tls_failed" : "connect_failed";
			fail(new DialError(kind, `${target.hostname} (${error.code ?? "unknown"})`, { sent: false }));
		});
		const onTooLate = (): void => fail(timedOut(target));
		tooLate.addEventListener("abort", onTooLate, { once: true });
		socket.once("connect", () => {
			connected = true;
		});
		socket.once(secure ? "secureConnect" : "connect", () => {
			tooLate.removeEventListener("abort", onTooLate);
			if (!options.isAllowed(socket.remoteAddress ?? "")) {
				fail(new DialError("address_forbidden", `${target.hostname} answered from an address that is not allowed`, { sent: false }));
				return;
			}
			socket.setNoDelay(true);
			resolve(socket);
		});
	});

const openTls = (target: ConnectTarget, lookup: LookupFunction, options: ConnectOptions): Socket =>
	startTls({
		...addressOf(target, lookup, 443),
		// An address is not a server name (RFC 6066 section 3); its certificate is then checked against the address.
		...(isIP(target.hostname) === 0 ? { servername: target.hostname } : {}),
		...(options.secureContext === undefined ? {} : { secureContext: options.secureContext }),
		ALPNProtocols: ["http/1.1"],
		minVersion: "TLSv1.2",
		rejectUnauthorized: true, // said aloud so that NODE_TLS_REJECT_UNAUTHORIZED=0 does nothing
	});

const addressOf = (target: ConnectTarget, lookup: LookupFunction, defaultPort: number) => ({
	host: target.hostname,
	port: target.port === "" ? defaultPort : Number(target.port),
	lookup,
	autoSelectFamily: true, // tries the pinned addresses in turn (RFC 8305)
	highWaterMark: 64 * 1024, // bytes read ahead of the parser
});

const timedOut = (target: ConnectTarget): DialError =>
	new DialError("connect_timeout", `no connection to ${target.hostname} in time`, { sent: false });
