// The receiver that `--to` names, with what it is told in files: secrets stand in no argument.
import { fileURLToPath } from "node:url";
import { loopbackHost } from "../api-client.ts";
import { wrongUsage } from "../command-failed.ts";
import type { Io } from "../io.ts";
import { readText } from "../read-input.ts";
import type { FormatName } from "./formats.ts";
import type { Target } from "./target.ts";
import { fileTarget } from "./target-file.ts";
import { otlpTarget } from "./target-otlp.ts";
import { s3Target } from "./target-s3.ts";
import { splunkTarget } from "./target-splunk.ts";
import { syslogTarget } from "./target-syslog.ts";
import { webhookTarget } from "./target-webhook.ts";

export interface TargetOptions {
	readonly as: FormatName;
	readonly to: string;
	readonly rotateBytes: number;
	readonly keep: number;
	readonly secretFile?: string;
	readonly caFile?: string;
	readonly objectSeconds: number;
}

const secretBytes = { min: 24, max: 64 };

/** @throws {CommandFailed} `wrongUsage` */
export async function openTarget(options: TargetOptions, io: Io): Promise<Target> {
	const { as, to, rotateBytes, keep, caFile, objectSeconds } = options;
	const url = URL.canParse(to) ? new URL(to) : undefined;
	if (url?.username || url?.password) throw wrongUsage("--to has a login. Leave it out: `ps` would show it.");
	if (url?.protocol === "file:" && url.host === "") return fileTarget(fileURLToPath(url), { bytesMax: rotateBytes, kept: keep });
	if (url?.protocol === "s3:") return await openBucket(to, objectSeconds, io);
	const ca = caFile === undefined ? undefined : await readText("--ca-file", caFile, 1_048_576);
	if (url?.protocol === "syslog+tls:" && url.hostname !== "")
		return syslogTarget({ host: url.hostname, port: Number(url.port || 6514), ca }, () => new Date());
	const [, kind = "", address = ""] = /^(?:(splunk|otlp)\+)?(https?:\/\/.+)$/.exec(to) ?? [];
	const http = URL.canParse(address) ? new URL(address) : undefined;
	if (!http || (http.protocol !== "https:" && !loopbackHost.test(http.hostname))) throw noReceiver();
	if (http.username || http.password) throw wrongUsage("--to has a login. Leave it out: `ps` would show it.");
	if (kind === "") return webhookTarget({ url: http.href, secret: await readSigningSecret(options), ca }, () => new Date());
	if (http.search || http.hash) throw noReceiver();
	const base = http.href.replace(/\/+$/, "");
	if (kind === "splunk") return splunkTarget({ url: base, token: await readToken(options), formatName: as, ca });
	return otlpTarget({ url: base, headers: await readHeaders(options), ca });
}

function noReceiver() {
	return wrongUsage(
		"--to is no receiver. Expected file:///folder/name, https://host/path, syslog+tls://host:port, splunk+https://host:port, s3://bucket/prefix or otlp+https://host:port.",
	);
}

async function openBucket(to: string, objectSeconds: number, { environment }: Io): Promise<Target> {
	try {
		return await s3Target(to, environment, objectSeconds * 1_000);
	} catch (error) {
		if (error instanceof RangeError) throw noReceiver();
		throw error;
	}
}

async function readSigningSecret({ secretFile }: TargetOptions): Promise<Uint8Array> {
	if (secretFile === undefined) throw wrongUsage("--secret-file is missing: a webhook's receiver must be able to tell who writes.");
	const [, encoded = ""] = /^(?:whsec_)?([A-Za-z0-9+/]+={0,2})$/.exec((await readText("--secret-file", secretFile, 1_024)).trim()) ?? [];
	const secret = Buffer.from(encoded, "base64");
	if (secret.length >= secretBytes.min && secret.length <= secretBytes.max) return secret;
	throw wrongUsage(`--secret-file holds no secret: expected whsec_ and ${secretBytes.min} to ${secretBytes.max} bytes in base64.`);
}

async function readToken({ secretFile }: TargetOptions): Promise<string> {
	if (secretFile === undefined) throw wrongUsage("--secret-file is missing: Splunk takes nothing without the collector's token.");
	const token = (await readText("--secret-file", secretFile, 1_024)).trim();
	if (/^[!-~]+$/.test(token)) return token;
	throw wrongUsage("--secret-file holds no token of Splunk's HTTP Event Collector: expected one word.");
}

/** `name: value`, a line each: what a vendor asks for to know who sends. */
async function readHeaders({ secretFile }: TargetOptions): Promise<Record<string, string>> {
	if (secretFile === undefined) return {};
	const lines = (await readText("--secret-file", secretFile, 8_192)).split("\n").map((line) => line.trim());
	return Object.fromEntries(
		lines.filter(Boolean).map((line) => {
			const [, name = "", value = ""] = /^([A-Za-z0-9-]{1,64}): *([ -~]+)$/.exec(line) ?? [];
			if (name === "" || /^(content-.*|host|transfer-encoding|connection)$/i.test(name))
				throw wrongUsage("--secret-file holds no headers for OTLP: expected lines such as `authorization: Bearer …`.");
			return [name.toLowerCase(), value];
		}),
	);
}
