// Runs the official conformance suite, against an address that wants a token, which the suite cannot send, or with a client; and reads what it found.
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const suite = fileURLToPath(new URL("../../node_modules/@modelcontextprotocol/conformance/dist/index.js", import.meta.url));

export interface Found {
	/** `scenario:check`, in order. */
	readonly failed: readonly string[];
	readonly passed: readonly string[];
	/** Scenarios that looked at nothing. */
	readonly silent: readonly string[];
	/** What the suite printed. */
	readonly printed: string;
}

/** Every scenario that a revision asks of a server, those that it does not score too. */
export async function runServerSide(revision: string, url: string, token: string): Promise<Found> {
	const door = await openDoor(url, token);
	try {
		return await runSuite(["server", "--url", door.url, "--requirements", revision]);
	} finally {
		await door.close();
	}
}

/** How long one client may take: far more than it needs, for a machine that is busy with all of them. */
const clientMsMax = 300_000;

/** Every scenario that a revision asks of a client, those that it does not score too, all at once: each starts the command with its server's address. */
export async function runClientSide(revision: string, command: string): Promise<Found> {
	return await runSuite(["client", "--command", command, "--requirements", revision, "--timeout", String(clientMsMax)]);
}

async function runSuite(args: readonly string[]): Promise<Found> {
	const folder = await mkdtemp(join(tmpdir(), "callgate-conformance-"));
	try {
		const printed = await run([...args, "-o", folder]);
		const files = (await readdir(folder, { recursive: true })).filter((file) => basename(file) === "checks.json");
		const ran = await Promise.all(files.map((file) => resultOf(folder, file)));
		const named = (...statuses: string[]) => {
			const checks = ran.flatMap((one) => one.checks.map((check) => ({ ...check, name: `${one.scenario}:${check.id}` })));
			return [...new Set(checks.filter(({ status }) => statuses.includes(status)).map(({ name }) => name))].sort();
		};
		// The suite's own baselines take a warning for a failure too.
		return {
			failed: named("FAILURE", "WARNING"),
			passed: named("SUCCESS"),
			silent: ran.flatMap((one) => (one.checks.length > 0 ? [] : [one.scenario])),
			printed,
		};
	} finally {
		await rm(folder, { recursive: true });
	}
}

interface Result {
	readonly scenario: string;
	readonly checks: readonly { readonly id: string; readonly status: string }[];
}

/** A folder a scenario, whose name may have parts: `server-<scenario>-<time>`, of a client without the first word. */
async function resultOf(folder: string, file: string): Promise<Result> {
	const scenario = /^(?:server-)?(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(dirname(file))?.[1];
	if (scenario === undefined) throw new Error(`found ${file} among the suite's results, expected <scenario>-<time>`);
	return { scenario, checks: JSON.parse(await readFile(join(folder, file), "utf8")) as Result["checks"] };
}

function run(args: readonly string[]): Promise<string> {
	return new Promise((resolve, reject) => {
		const child = spawn(process.execPath, [suite, ...args], { stdio: ["ignore", "pipe", "pipe"] });
		const printed: Buffer[] = [];
		for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => printed.push(chunk));
		child.on("error", reject);
		child.on("close", () => resolve(Buffer.concat(printed).toString()));
	});
}

/** Passes everything on as it is, and the token with it. */
async function openDoor(url: string, token: string): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
	const target = new URL(url);
	const door = createServer((request, response) => {
		const headers = { ...request.headers, authorization: `Bearer ${token}` };
		const asked = send({ host: target.hostname, port: target.port, path: request.url, method: request.method, headers }, (answer) => {
			response.writeHead(answer.statusCode ?? 502, answer.headers);
			answer.pipe(response);
		});
		asked.on("error", () => response.destroy());
		response.on("close", () => asked.destroy());
		request.pipe(asked);
	});
	await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
	return {
		url: `http://127.0.0.1:${(door.address() as AddressInfo).port}${target.pathname}`,
		close: async () => {
			door.closeAllConnections();
			await new Promise((resolve) => door.close(resolve));
		},
	};
}
