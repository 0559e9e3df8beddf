// A throw-away certificate authority and one certificate for a server on this machine.
import { X509Certificate } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loopback } from "./ports.ts";
import { runCommand } from "./run-command.ts";

/** PEM files in one folder. */
export interface CertificateFiles {
	/** Whom clients should trust. */
	readonly ca: string;
	readonly certificate: string;
	/** PKCS#8, not encrypted. */
	readonly key: string;
}

/** The subject of the server's certificate. */
export const nodeName = "CN=callgate-local";
const days = 825;
const renewDaysBefore = 30;
const opensslTimeoutMs = 30_000;
const dayMs = 24 * 60 * 60 * 1000;

/** The machine's own openssl.cnf must not decide what is in these certificates. */
const config = `
[req]
distinguished_name = none
prompt = no
[none]
[ca]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[node]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = IP:${loopback}, DNS:localhost
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
`;

/**
 * The certificate files in `folder`, made if there are none or they expire within a month. The CA's key is thrown away once it has signed:
 * nobody can make a second certificate that clients of this server would trust.
 * @throws SetupError when openssl is missing or fails.
 */
export async function provideCertificates(folder: string): Promise<CertificateFiles> {
	const files = { ca: join(folder, "ca.pem"), certificate: join(folder, "node.pem"), key: join(folder, "node.key") };
	if (await isCurrent(files.certificate)) return files;
	await mkdir(folder, { recursive: true, mode: 0o700 });
	const work = await mkdtemp(join(folder, "making-"));
	try {
		await writeFile(join(work, "openssl.cnf"), config);
		const newKey = ["-config", "openssl.cnf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256"];
		const lifetime = ["-days", `${days}`];
		await openssl(work, [
			"req",
			"-x509",
			...newKey,
			...lifetime,
			"-extensions",
			"ca",
			"-subj",
			"/CN=Callgate local CA",
			"-keyout",
			"ca.key",
			"-out",
			"ca.pem",
		]);
		await openssl(work, ["req", "-new", ...newKey, "-subj", `/${nodeName}`, "-keyout", "node.key", "-out", "node.csr"]);
		const signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-sha256"];
		await openssl(work, [
			"x509",
			"-req",
			"-in",
			"node.csr",
			...signer,
			...lifetime,
			"-extfile",
			"openssl.cnf",
			"-extensions",
			"node",
			"-out",
			"node.pem",
		]);
		// The certificate last: it is what says that the others are there.
		await rename(join(work, "ca.pem"), files.ca);
		await rename(join(work, "node.key"), files.key);
		await rename(join(work, "node.pem"), files.certificate);
	} finally {
		await rm(work, { recursive: true, force: true });
	}
	return files;
}

async function openssl(cwd: string, args: readonly string[]): Promise<void> {
	await runCommand({
		command: "openssl",
		args,
		cwd,
		timeoutMs: opensslTimeoutMs,
		purpose: "Making a certificate for the local OpenSearch",
		missing: "Install OpenSSL (on Debian and Ubuntu: `apt-get install openssl`), then run this again.",
		failing: "Read OpenSSL's own words below; version 1.1.1 or newer is needed.",
	});
}

async function isCurrent(certificate: string): Promise<boolean> {
	try {
		const { validTo } = new X509Certificate(await readFile(certificate));
		return Date.parse(validTo) - Date.now() > renewDaysBefore * dayMs;
	} catch {
		return false;
	}
}
