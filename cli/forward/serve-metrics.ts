// The metrics of a command that runs for long, where Prometheus asks for them.
import { once } from "node:events";
import { createServer } from "node:http";
import { InvalidArgumentError } from "commander";
import type { Metrics } from "#libs/service/metrics.ts";
import { CommandFailed } from "../command-failed.ts";

export interface MetricsAddress {
	readonly host: string;
	readonly port: number;
}

/** `9464`, which this machine alone can reach, or with the address to listen on before it. */
export function readMetricsAddress(text: string): MetricsAddress {
	const [, host = "127.0.0.1", digits = ""] = /^(?:\[?([0-9A-Za-z.:-]+?)\]?:)?(\d{1,5})$/.exec(text) ?? [];
	const port = Number(digits);
	if (port >= 1 && port <= 65_535) return { host, port };
	throw new InvalidArgumentError("expected a port such as 9464, or host:port");
}

/** Answers `GET /metrics` until it is closed. @throws {CommandFailed} where it cannot listen there */
export async function serveMetrics({ host, port }: MetricsAddress, metrics: Metrics): Promise<{ close(): Promise<void> }> {
	const server = createServer(async (request, response) => {
		if (request.method !== "GET" || request.url !== "/metrics") {
			response.writeHead(404).end();
			return;
		}
		const text = await metrics.text();
		response.writeHead(200, { "content-type": metrics.contentType }).end(text);
	});
	server.listen(port, host);
	try {
		await once(server, "listening");
	} catch (error) {
		throw new CommandFailed(`--metrics: nothing can listen there (${(error as NodeJS.ErrnoException).code}).`, { cause: error });
	}
	return {
		async close() {
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}
