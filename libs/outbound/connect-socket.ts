// A connection to somewhere outside: resolve once, check, connect to exactly that, and TLS with verification that nothing can switch off.
import { X509Certificate } from "node:crypto";
import type { LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { createSecureContext, getCACertificates, type SecureContext, connect as startTls } from "node:tls";
import { ConnectError } from "./connect-error.ts";
import { placeOf } from "./place.ts";
import { type AddressPolicy, type Lookup, mayDial, resolveAddress } from "./resolve-address.ts";

/** Where to connect to, as undici asks for it. */
export interface ConnectTarget {
	readonly hostname: string;
	readonly protocol: string;
	readonly port: string;
}

/** How to connect: the checks, the time for DNS, TCP and TLS together (ms), and the trust for TLS (the system's unless given). */
export interface ConnectOptions {
	readonly addresses: AddressPolicy;
	readonly lookup?: Lookup | undefined;
	readonly connectTimeoutMs: number;
	readonly secureContext?: SecureContext | undefined;
}

type Connected = (...outcome: [error: null, socket: Socket] | [error: Error, socket: null]) => void;

/** {@link connectSocket} in the form in which undici's pools and agents take it (`connect:`). */
export function connectorOf(options: ConnectOptions): (target: ConnectTarget, connected: Connected) => void {
	return (target, connected) => {
		connectSocket(target, options).then(
			(socket) => connected(null, socket),
			(error: unknown) => connected(error instanceof Error ? error : new Error("connect"), null),
		);
	};
}

/**
 * The system's trusted authorities plus a connection's own.
 * @throws Error when `caPem` is not one or more certificates: createSecureContext would ignore what it cannot read
 */
export function trustAlso(caPem: string): SecureContext {
	const certificates = caPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
	if (certificates.length === 0) throw new Error("no certificate found");
	for (const certificate of certificates) new X509Certificate(certificate);
	return createSecureContext({ ca: [...getCACertificates("default"), ...certificates], minVersion: "TLSv1.2" });
}

/**
 * Opens one connection. The addresses are resolved once and only those are tried, so a name that changes its mind between the check and
 * the connect (DNS rebinding) gains nothing; the peer that answered is checked once more.
 * @throws {ConnectError}
 */
async function connectSocket(target: ConnectTarget, options: ConnectOptions): Promise<Socket> {
	const tooLate = new AbortController();
	const timer = setTimeout(() => tooLate.abort(), options.connectTimeoutMs);
	try {
		const addresses = await Promise.race([
			resolveAddress(target.hostname, options.addresses, options.lookup),
			rejectWhen(tooLate.signal, target),
		]);
		return await open(target, pinTo(addresses), options, tooLate.signal);
	} finally {
		clearTimeout(timer);
	}
}

/** A lookup that knows one answer. */
function pinTo(addresses: readonly LookupAddress[]): LookupFunction {
	return (_hostname, how, callback) => {
		const first = addresses[0];
		if (how.all === true) callback(null, [...addresses]);
		else if (first !== undefined) callback(null, first.address, first.family);
		else callback(new Error("no address"), "");
	};
}

/** getaddrinfo cannot be cancelled; it is left behind when time is up. */
function rejectWhen(tooLate: AbortSignal, target: ConnectTarget): Promise<never> {
	return new Promise((_resolve, reject) => {
		tooLate.addEventListener("abort", () => reject(timedOut(target)), { once: true });
	});
}

function open(target: ConnectTarget, lookup: LookupFunction, options: ConnectOptions, tooLate: AbortSignal): Promise<Socket> {
	return new Promise((resolve, reject) => {
		const secure = target.protocol === "https:";
		const socket = secure ? openTls(target, lookup, options) : connectTcp(addressOf(target, lookup, 80));
		let connected = false;
		const fail = (error: ConnectError): void => {
			socket.destroy();
			reject(error);
		};
		// Stays for the socket's life: between here and undici's own listener a late error must not be an uncaught one.
		socket.on("error", (error: NodeJS.ErrnoException) => {
			const kind = connected && secure ? "tls_failed" : "connect_failed";
			fail(new ConnectError(kind, `${target.hostname} (${error.code ?? "unknown"})`));
		});
		const onTooLate = (): void => fail(timedOut(target));
		tooLate.addEventListener("abort", onTooLate, { once: true });
		socket.once("connect", () => {
			connected = true;
		});
		socket.once(secure ? "secureConnect" : "connect", () => {
			tooLate.removeEventListener("abort", onTooLate);
			if (!mayDial(placeOf(socket.remoteAddress ?? ""), options.addresses)) {
				fail(new ConnectError("address_forbidden", `${target.hostname} answered from an address that is not allowed`));
				return;
			}
			socket.setNoDelay(true);
			resolve(socket);
		});
	});
}

function openTls(target: ConnectTarget, lookup: LookupFunction, options: ConnectOptions): Socket {
	return startTls({
		...addressOf(target, lookup, 443),
		// An address is not a server name (RFC 6066 section 3); its certificate is then checked against the address.
		...(isIP(target.hostname) === 0 ? { servername: target.hostname } : {}),
		...(options.secureContext === undefined ? {} : { secureContext: options.secureContext }),
		ALPNProtocols: ["http/1.1"],
		minVersion: "TLSv1.2",
		rejectUnauthorized: true, // said aloud so that NODE_TLS_REJECT_UNAUTHORIZED=0 does nothing
	});
}

function addressOf(target: ConnectTarget, lookup: LookupFunction, defaultPort: number) {
	return {
		host: target.hostname,
		port: target.port === "" ? defaultPort : Number(target.port),
		lookup,
		autoSelectFamily: true, // tries the pinned addresses in turn (RFC 8305)
		highWaterMark: 64 * 1024, // bytes read ahead of the parser
	};
}

function timedOut(target: ConnectTarget): ConnectError {
	return new ConnectError("connect_timeout", `no connection to ${target.hostname} in time`);
}
