// Runs the official conformance suite against an address that wants a token, which the suite cannot send, and reads what it found.
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, request as send } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const suite = fileURLToPath(new URL("../../node_modules/@modelcontextprotocol/conformance/dist/index.js", import.meta.url));

export interface Found {
	/** `scenario:check`, in order. */
	readonly failed: readonly string[];
	readonly passed: readonly string[];
	/** What the suite printed. */
	readonly printed: string;
}

/** Every scenario that a revision asks of a server, those that it does not score too. */
export async function runSuite(revision: string, url: string, token: string): Promise<Found> {
	const folder = await mkdtemp(join(tmpdir(), "callgate-conformance-"));
	const door = await openDoor(url, token);
	try {
		const printed = await run(["server", "--url", door.url, "--requirements", revision, "-o", folder]);
		const checks = (await Promise.all((await readdir(folder)).map((run) => checksIn(folder, run)))).flat();
		const named = (status: string) => [...new Set(checks.filter((check) => check.status === status).map(({ name }) => name))].sort();
		return { failed: named("FAILURE"), passed: named("SUCCESS"), printed };
	} finally {
		await door.close();
		await rm(folder, { recursive: true });
	}
}

/** A folder a scenario: `server-<scenario>-<time>`. */
async function checksIn(folder: string, run: string): Promise<{ readonly name: string; readonly status: string }[]> {
	const scenario = /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(run)?.[1];
	if (scenario === undefined) throw new Error(`found ${run} among the suite's results, expected server-<scenario>-<time>`);
	const checks = JSON.parse(await readFile(join(folder, run, "checks.json"), "utf8")) as { id: string; status: string }[];
	return checks.map(({ id, status }) => ({ name: `${scenario}:${id}`, status }));
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
