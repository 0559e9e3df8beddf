// Which local ports are free, and a clear word when one is not.
import { createServer, type Server } from "node:net";
import { hasCode, setupError } from "./setup-error.ts";

/** Everything local listens here and nowhere else. */
export const loopback = "127.0.0.1";

function listen(port: number): Promise<Server> {
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.once("error", reject);
		server.listen({ port, host: loopback, exclusive: true }, () => resolve(server));
	});
}

function close(server: Server): Promise<void> {
	return new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
}

function portOf(server: Server): number {
	const address = server.address();
	if (address === null || typeof address === "string") throw new Error("A TCP listener has no port.");
	return address.port;
}

/** `count` different ports on which nothing listens now. They are not reserved: use them soon. */
export async function findFreePorts(count: number): Promise<number[]> {
	// All are held at the same time, so that no two are the same.
	const servers = await Promise.all(Array.from({ length: count }, () => listen(0)));
	const ports = servers.map(portOf);
	await Promise.all(servers.map(close));
	return ports;
}

/** @throws SetupError that names the port and what wanted it, when something already listens there. */
export async function assertPortFree(port: number, what: string): Promise<void> {
	try {
		await close(await listen(port));
	} catch (cause) {
		const busy = hasCode(cause, "EADDRINUSE");
		throw setupError({
			failed: busy
				? `Port ${port} on ${loopback}, wanted by ${what}, is in use by another program.`
				: `${what} cannot listen on port ${port} of ${loopback} (${cause instanceof Error ? cause.message : String(cause)}).`,
			expected: "a port that is free.",
			todo: busy ? "Stop that program (perhaps another Callgate), or choose other ports with --port." : "Choose other ports with --port.",
			cause,
		});
	}
}
